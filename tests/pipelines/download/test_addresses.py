"""Which addresses are public, and what the policy lifts. Ways around it are among the cases of tests/hostile."""

from ipaddress import ip_address

import pytest

from curate.schema import Outcome
from pipelines.download.addresses import Gate, endpoint, is_public
from pipelines.download.policy import FetchPolicy, Refused

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
