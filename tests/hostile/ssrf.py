"""Ways to make a downloader talk to the inside. None of them leads to a connection.

Two witnesses: a server on the loopback's addresses, which counts whoever comes, and the place where sockets are
made, which lets nothing but the loopback be connected to at all: no case can reach a real machine.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any

from pipelines.download.fetch import Fetcher
from pipelines.download.policy import FetchPolicy
from tests.hostile.bodies import JPEG
from tests.hostile.cases import Case, Facts, distinct
from tests.hostile.site import HostileSite, redirect, reply

PUBLIC = "93.184.216.34"
REFUSED = {"outcome": "private_address", "reached": False}

_SPELLED = """
    127.0.0.1 127.0.0.1. 127.1 127.0.1 127.1. 127.255.255.254 2130706433 2130706433. 0x7f000001 0X7F000001 0x7f.1
    0x7F.0.0.0x1 0177.0.0.1 0177.1 017700000001 00000177.0.0.1 127.0.0.0x1 127.00000.0.1 %31%32%37.0.0.1
    127%2e0%2e0%2e1 0 0. 0x0 0x 00 0.0.0.0 0.0 0.0.0.1 localhost LOCALHOST localhost. a.localhost ip6-localhost
    [::1] [::] [0:0:0:0:0:0:0:1] [0000::0001] [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:127.0.0.1] [::127.0.0.1]
    [::ffff:0:127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:7f00:1::1]
    [2001:0:4136:e378:8000:63bf:80ff:fffe] [fe80::1] [fec0::1] [fd00::1] [fc00::1] [fd00:ec2::254] [ff02::1]
    [100::1] [2001:db8::1] [3fff::1] [5f00::1] [::ffff:10.0.0.1] [::ffff:169.254.169.254]
    10.0.0.1 10.1 172.16.0.1 172.31.255.255 192.168.0.1 192.168.257 3232235777 100.64.0.1 169.254.169.254 2852039166
    0xa9fea9fe 0251.0376.0251.0376 100.100.100.200 168.63.129.16 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1
    203.0.113.1 192.88.99.1 224.0.0.1 240.0.0.1 255.255.255.255
    \uff11\uff12\uff17.\uff10.\uff10.\uff11 127\u30020\u30020\u30021 127\uff0e0\uff0e0\uff0e1 127\uff610\uff610\uff611
    \u2460\u2461\u2466.0.0.1 \U0001d7cf\U0001d7d0\U0001d7d5.0.0.1 \uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54
    \u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3
"""
_NO_HOST = """
    127.0.0.256 1.2.3.4.5 0x100000000 4294967296 256.1 09.1 1_0.1 127.0.0.1:{port}:80 [fe80::1%25eth0] [::1%25lo]
    [::1 ::1 [127.0.0.1] [v1.127.0.0.1] 127.0.0.1%00.public.test 127.0.0.1%0d%0a %00127.0.0.1 [::ffff:127.0.0.1%25lo]
    loc\u00adalhost lo\u200bcalhost 127\u00ad.0.0.1
"""

TRICKS = {
    "an address behind a name": "http://public.test@127.0.0.1:{port}/",
    "an address behind a name and password": "http://public.test:80@127.0.0.1:{port}/",
    "an address behind two @": "http://a@public.test@127.0.0.1:{port}/",
    "an address before a backslash and @": "http://127.0.0.1:{port}\\@public.test/",
    "an address before a question mark and @": "http://127.0.0.1:{port}?@public.test/",
    "an address before a number sign and @": "http://127.0.0.1:{port}#@public.test/",
    "an address before a slash and @": "http://127.0.0.1:{port}/@public.test/",
    "an address with backslashes": "http:\\\\127.0.0.1:{port}\\x",
    "an address with an escaped @": "http://127.0.0.1:{port}/%40public.test",
    "an address, https": "https://127.0.0.1:{port}/",
    "an address with spaces around": "  http://127.0.0.1:{port}/  ",
    "the allowed server's address, another port": "http://127.0.0.1:{port}/r00/",
    "a name that the policy pins inwards": "http://pinned.test:{port}/",
    "a name below one that the policy pins inwards": "http://a.b.pinned.test:{port}/",
}
RESOLVED: dict[str, list[list[str]]] = {
    "inside": [["10.0.0.1"]],
    "loopback": [["127.0.0.1"]],
    "loopback6": [["::1"]],
    "any": [["0.0.0.0"]],
    "mixed": [[PUBLIC, "127.0.0.1"]],
    "mixed, private first": [["127.0.0.1", PUBLIC]],
    "mixed families": [[PUBLIC, "::1"]],
    "one of many": [[*(f"93.184.216.{n}" for n in range(30)), PUBLIC, "10.0.0.1"]],
    "mapped": [["::ffff:127.0.0.1"]],
    "6to4": [["2002:7f00:1::1"]],
    "NAT64": [["64:ff9b::7f00:1"]],
    "link-local with a zone": [["fe80::1%lo"]],
    "loopback with a zone": [["::1%lo"]],
    "metadata": [["169.254.169.254"]],
    "unique local": [["fd00:ec2::254"]],
}
REBOUND = {
    "public, then private": [[PUBLIC], ["127.0.0.1"]],
    "public, then private, then public": [[PUBLIC], ["127.0.0.1"], [PUBLIC]],
    "public, then IPv6 loopback": [[PUBLIC], ["::1"]],
}
_REDIRECTED = """
    http://127.0.0.1:{port}/ https://127.0.0.1:{port}/ //127.0.0.1:{port}/ http:\\\\127.0.0.1:{port}\\ http://localhost:{port}/
    http://2130706433:{port}/ http://0x7f000001:{port}/ http://0177.0.0.1:{port}/ http://127.1:{port}/ http://0:{port}/
    http://[::1]:{port}/ http://[::ffff:127.0.0.1]:{port}/ http://[64:ff9b::7f00:1]:{port}/ http://[2002:7f00:1::]:{port}/
    http://a@127.0.0.1:{port}/ http://10.0.0.1/ http://192.168.1.1/ http://169.254.169.254/latest/meta-data/
    http://100.100.100.200/ http://[fd00:ec2::254]/latest http://loopback.test:{port}/ http://mixed.test/
    http://127%2e0%2e0%2e1:{port}/ http://127\u30020\u30020\u30021:{port}/
"""
REDIRECTED = _REDIRECTED.split()


def _host(what: str) -> str:
    return "".join(letter for letter in what.lower() if letter.isalnum()) + ".test"


def _cases() -> list[Case]:
    found = [Case(f"host {host}", REFUSED, f"http://{host}:{{port}}/x.jpg") for host in _SPELLED.split()]
    never = {"outcome": "bad_url", "reached": False}
    found += [
        Case(f"no host {host}", never, f"http://{host}{'' if ':{' in host else ':{port}'}/")
        for host in _NO_HOST.split()
    ]
    found += [Case(f"URL: {what}", REFUSED, url) for what, url in TRICKS.items()]
    found += [
        Case(f"DNS: {what}", REFUSED, f"http://{_host(what)}{'' if PUBLIC in answers[0] else ':{port}'}/")
        for what, answers in RESOLVED.items()
    ]
    # The first answer is public and is what is connected to, as long as it is believed; nothing goes to the second.
    found += [
        Case(
            f"rebinding: {what}",
            {"outcome": "connect", "reached": False, "hops": [PUBLIC] * 3},
            f"http://{_host(what)}/",
        )
        for what in REBOUND
    ]
    found += [
        Case(f"DNS: no address {answer!r}", {"reached": False, "stored": False}, f"http://odd{n}.test/")
        for n, answer in enumerate(ODD)
    ]
    found += [
        Case(
            f"redirect{' after 3 hops' * far} to {url}",
            REFUSED,
            f"http://friend.test:{{friend}}/{'abc'[0] if far else 'r'}{n:02}/",
        )
        for n, url in enumerate(REDIRECTED)
        for far in (False, True)
    ]
    direct = {"outcome": "connect", "reached": False, "hops": [PUBLIC] * 3}
    found += [Case(f"proxy by {name}", direct, (name, "http://public.test/")) for name in PROXIES]
    found += [Case(f"proxy by {name}, https", direct, (name, "https://public.test/")) for name in PROXIES]
    return [
        *found,
        Case("the witnesses see what is allowed", {"outcome": "ok", "reached": True}, "http://seen.test:{port}/x.jpg"),
    ]


ODD = ("localhost", "", "127.0.0.1:80", "127.1", "0x7f.1", "not an address")
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
CASES = distinct(_cases())


class Forbidden:
    """Listens on the loopback's addresses, answers with an image, counts the connections."""

    def __init__(self) -> None:
        self.connections = 0
        first = socket.create_server(("127.0.0.1", 0))
        self.port = first.getsockname()[1]
        self._sockets = [first]
        with suppress(OSError):  # where there is no IPv6
            self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in self._sockets:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                with suppress(OSError), connection:
                    connection.recv(4_096)
                    connection.sendall(reply(JPEG))

    def close(self) -> None:
        for listener in self._sockets:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@dataclass
class Witness:
    """Makes sockets for the loopback, and for nothing else."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, info: tuple[Any, ...]) -> socket.socket:
        self.asked.append(info[4][:2])
        if not ip_address(info[4][0]).is_loopback:
            raise ConnectionRefusedError("the test connects to nobody outside")
        return socket.socket(*info[:3])


@dataclass
class Names:
    """Answers of the suite's own DNS; every further question gets the next list."""

    answers: dict[str, list[list[str]]]

    async def __call__(self, host: str, port: int) -> list[str]:
        return self.look_up(host)

    def look_up(self, host: str) -> list[str]:
        lists = self.answers.get(host)
        if not lists:
            raise OSError("no such name")
        return lists.pop(0) if len(lists) > 1 else lists[0]


def names() -> Names:
    local = [["127.0.0.1", "::1"]]
    known = {_host(what): [list(a) for a in answers] for what, answers in {**RESOLVED, **REBOUND}.items()}
    known |= {f"odd{n}.test": [[answer]] for n, answer in enumerate(ODD)}
    known |= dict.fromkeys(("localhost", "a.localhost", "ip6-localhost", "friend.test", "seen.test"), local)
    known["friend.test"] = known["seen.test"] = [["127.0.0.1"]]
    return Names({**known, "public.test": [[PUBLIC]]})


@contextmanager
def inside() -> Iterator[tuple[Forbidden, HostileSite]]:
    """The forbidden server, and an allowed one that redirects to it in every way."""
    forbidden = Forbidden()
    answers: dict[str, Any] = {}
    for n, url in enumerate(REDIRECTED):
        answers[f"r{n:02}"] = redirect(url.replace("{port}", str(forbidden.port)))
        answers |= {f"{here}{n:02}": redirect(f"/{there}{n:02}/") for here, there in ("ab", "bc", "cr")}
    with HostileSite(answers) as site:
        yield forbidden, site
    forbidden.close()


def results() -> dict[str, Facts]:
    with inside() as (forbidden, site):
        return {case.name: _judged(case, forbidden, site) for case in CASES}


def _judged(case: Case, forbidden: Forbidden, site: HostileSite) -> Facts:
    variable, url = case.given if isinstance(case.given, tuple) else ("", case.given)
    url = url.replace("{port}", str(forbidden.port)).replace("{friend}", str(site.ports["port"]))
    witness, before = Witness(), forbidden.connections
    if variable:
        os.environ[variable] = f"http://127.0.0.1:{forbidden.port}"
    try:
        fetched = asyncio.run(_ask(url, forbidden.port, site.ports["port"], witness))
    finally:
        os.environ.pop(variable, None)
    inwards = [place for place in witness.asked if place[0] != PUBLIC and place[1] != site.ports["port"]]
    return {
        "outcome": str(fetched.outcome),
        "reached": bool(inwards) or forbidden.connections > before,
        "hops": [place[0] for place in witness.asked],
        "stored": fetched.body is not None,
        "message": fetched.message,
    }


async def _ask(url: str, port: int, friend: int, witness: Witness) -> Any:
    known = {f.name for f in fields(FetchPolicy)}
    policy = FetchPolicy(
        timeout=3,
        retries=0,
        first_failures=9,  # several URLs of a host that refuses: each shall come as far as its connect
        allow_private_hosts=(f"friend.test:{friend}", f"seen.test:{port}"),
        resolve={"pinned.test": f"127.0.0.1:{port}", "*.pinned.test": f"[::1]:{port}"},
        **({"robots": "off"} if "robots" in known else {}),
    )
    async with Fetcher(policy, resolver=names(), connect=witness) as fetcher:
        return [await fetcher.fetch(url) for _ in range(3)][-1]  # the name's answers may change meanwhile
