"""No connection goes to an address that is not public, unless the policy names it."""

from ipaddress import ip_address

import pytest

from curate.schema import Outcome
from pipelines.download.addresses import Gate, endpoint, is_public
from pipelines.download.policy import FetchPolicy, Refused
from pipelines.download.urls import parse_url

PUBLIC = "93.184.216.34"

NOT_PUBLIC = """
    127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254
    100.64.0.1 100.100.100.200 192.0.0.1 192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1
    224.0.0.1 239.1.2.3 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1
    64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8 100::1 2001:db8::1 2002:7f00:1:: 2002:0a00:0001::1
    2001:0:4136:e378:8000:63bf:80ff:fffe 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 ff0e::1
"""
IS_PUBLIC = "8.8.8.8 93.184.216.34 1.1.1.1 2606:4700:4700::1111 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1"


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", IS_PUBLIC.split())
def test_public(address: str) -> None:
    assert is_public(ip_address(address))


SPELLED = """
    127.0.0.1 127.0.0.1. 127.1 127.0.1 127.1. 2130706433 2130706433. 0x7f000001 0X7F000001 0x7f.1 0x7F.0.0.0x1
    0177.0.0.1 0177.1 017700000001 00000177.0.0.1 0 0. 0x0 0x 00 0.0.0.0 0.0 127.0.0.0x1 127.00000.0.1
    [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1]
    [2002:7f00:1::] [fe80::1] [fd00::1] [fc00::1] [ff02::1] [::ffff:169.254.169.254]
    169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 10.1 192.168.257 3232235777
    user@127.0.0.1 a.example@127.1 127.0.0.1:80 127.0.0.1:443 %31%32%37.0.0.1 127%2e0%2e0%2e1
    \uff11\uff12\uff17.\uff10.\uff10.\uff11 127\u30020\u30020\u30021 \u2460\u2461\u2466.0.0.1 localhost
    LOCALHOST localhost. a.localhost
"""
SPELLINGS = SPELLED.split()


def test_odd_spellings_are_refused_without_a_connection(ask) -> None:
    assert len(SPELLINGS) >= 50
    local = [["127.0.0.1"]]
    resolver = ask.Resolver(localhost=local, a_localhost=local)
    urls = [f"{scheme}://{host}/x.jpg" for host in SPELLINGS for scheme in ("http", "https")]
    talk = ask({}, *urls, resolver=resolver)
    wrong = [(u, r.outcome) for u, r in zip(urls, talk.results, strict=True) if r.outcome != "private_address"]
    assert wrong == []
    assert talk.connects.addresses == []
    assert set(resolver.asked) <= {"localhost", "a.localhost"}


@pytest.mark.parametrize(
    "host",
    ["127.0.0.256", "1.2.3.4.5", "0x100000000", "4294967296", "256.1", "09.1", "1_0.1", "1..2"],
)
def test_numbers_that_are_no_address_are_no_host(host: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_url(f"http://{host}/")
    assert refused.value.outcome is Outcome.BAD_URL


def test_every_answer_of_a_name_has_to_be_public(ask) -> None:
    answers = {
        "inside.example": [["10.0.0.1"]],
        "mixed.example": [[PUBLIC, "10.0.0.1"]],
        "mixed6.example": [[PUBLIC, "::1"]],
        "linklocal.example": [["fe80::1%eth0"]],
        "mapped.example": [["::ffff:192.168.0.1"]],
    }
    resolver = ask.Resolver(**{name.replace(".", "_"): lists for name, lists in answers.items()})
    talk = ask({}, *[f"http://{name}/" for name in answers], resolver=resolver)
    assert [r.outcome for r in talk.results] == [Outcome.PRIVATE_ADDRESS] * len(answers)
    assert talk.connects.addresses == []


def test_a_name_that_turns_inwards_is_connected_to_where_it_was_checked(ask) -> None:
    """DNS rebinding: the first answer is public, the next one is not. Nothing ever goes to the second."""
    resolver = ask.Resolver(rebind_example=[[PUBLIC], ["127.0.0.1"]])
    allow = ("127.0.0.1:{port}", PUBLIC)
    urls = [f"http://rebind.example/{n}" for n in range(5)]
    talk = ask({}, *urls, resolver=resolver, allow=allow, timeout=0.5, retries=2)
    assert set(talk.connects.addresses) <= {(PUBLIC, 80)}
    assert all(r.outcome is not Outcome.OK for r in talk.results)


def test_ports(ask, jpeg) -> None:
    resolver = ask.Resolver(public_example=[[PUBLIC]])
    urls = [f"http://public.example:{port}/" for port in (8080, 22, 25, 6379)] + ["http://8.8.8.8:8080/"]
    talk = ask({}, *urls, resolver=resolver)
    assert [r.outcome for r in talk.results] == [Outcome.BAD_URL] * 5
    assert talk.connects.addresses == []


def test_what_allow_private_hosts_allows(ask, jpeg) -> None:
    def one(url: str, *allow: str) -> Outcome:
        resolver = ask.Resolver(mine_example=[["127.0.0.1"]], yours_example=[["127.0.0.1"]])
        return ask({"/": ask.reply(jpeg)}, url, allow=allow, resolver=resolver, retries=0).only.outcome

    assert one("http://127.0.0.1:{port}/", "127.0.0.1:{port}") is Outcome.OK
    assert one("http://127.0.0.1:{port}/", "127.0.0.1") is Outcome.OK
    assert one("http://mine.example:{port}/", "mine.example:{port}") is Outcome.OK
    assert one("http://MINE.example:{port}/", "Mine.Example") is Outcome.OK
    assert one("http://mine.example:{port}/", "127.0.0.1:{port}") is Outcome.OK
    assert one("http://yours.example:{port}/", "mine.example") is Outcome.PRIVATE_ADDRESS
    assert one("http://127.0.0.1:{port}/", "mine.example") is Outcome.PRIVATE_ADDRESS
    assert one("http://127.0.0.1:{port}/", "127.0.0.1:1") is Outcome.PRIVATE_ADDRESS
    assert one("http://127.0.0.1:{port}/") is Outcome.PRIVATE_ADDRESS


def test_resolve_answers_for_dns_but_allows_nothing(ask, jpeg) -> None:
    resolve = {"*.planted.example": "127.0.0.1:{port}", "one.example": "127.0.0.1:{port}"}
    urls = [
        "http://a.planted.example/",
        "http://b.c.planted.example/",
        "http://one.example:8080/",
        "http://planted.example/",
        "http://xplanted.example/",
    ]

    def outcomes(*allow: str) -> list[Outcome]:
        talk = ask({"/": ask.reply(jpeg)}, *urls, resolve=resolve, allow=allow, resolver=ask.Resolver(), retries=0)
        return [r.outcome for r in talk.results]

    assert outcomes("127.0.0.1:{port}") == [Outcome.OK] * 3 + [Outcome.DNS] * 2
    assert outcomes() == [Outcome.PRIVATE_ADDRESS] * 3 + [Outcome.DNS] * 2


def test_the_last_check_stands_alone() -> None:
    """Even if every earlier check were forgotten, an address that was not admitted gets no socket."""
    from pipelines.download.connections import Guard, plain_socket

    gate = Gate(FetchPolicy())
    gate.admit("public.example", 80, [(PUBLIC, 80)])
    guard = Guard(gate, plain_socket)
    guard((2, 1, 6, "", (PUBLIC, 80))).close()
    for address in (("127.0.0.1", 80), (PUBLIC, 443), ("::1", 80, 0, 0)):
        with pytest.raises(Refused, match="not checked"):
            guard((2, 1, 6, "", address))


def test_endpoints() -> None:
    assert endpoint("127.0.0.1:8123") == ("127.0.0.1", 8123)
    assert endpoint("127.0.0.1") == ("127.0.0.1", None)
    assert endpoint("[::1]:80") == ("::1", 80)
    assert endpoint("::1") == endpoint("[::1]") == ("::1", None)
    for bad in ("localhost:80", "", "127.0.0.1:x"):
        with pytest.raises(ValueError, match=r"address|int"):
            endpoint(bad)
