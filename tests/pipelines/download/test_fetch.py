"""The fetcher against real sockets: bounds of time, bytes and addresses, and the closed list of outcomes."""

import asyncio
import gzip
import random
import threading
import time
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

from curate.schema import Outcome
from pipelines.download.fetch import Fetcher
from pipelines.download.policy import FetchPolicy
from tests.conftest import picture

JPEG = picture(1)


def http(body=b"", status="200 OK", length=None, **headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def server(answer):
    """`answer(path, write)` is called per connection. Yields the address, the paths asked for, the bytes sent."""
    paths, sent, gone = [], [0], threading.Event()

    class Handler(StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline().decode("latin-1")
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            if not line:
                return
            paths.append(line.split()[1])

            def write(data, pause=0.0):
                self.wfile.write(data)
                self.wfile.flush()
                sent[0] += len(data)
                return not gone.wait(pause)

            try:
                answer(line.split()[1], write)
            except OSError:
                return

    class Server(ThreadingTCPServer):
        daemon_threads, allow_reuse_address = True, True

    with Server(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{listening.server_address[1]}", paths, sent
        gone.set()
        listening.shutdown()


def fetch(*urls, address=None, policy=None, **seams):
    """Fetch with `*.test` mapped to a server of ours."""
    options = {"timeout": 2.0, "retries": 0, **(policy or {})}
    if address:
        options |= {"resolve": {"*.test": address}, "allow_private_hosts": (address,)}

    async def go():
        async with Fetcher(FetchPolicy(**options), **seams) as fetcher:
            found = {}
            async for place, fetched in fetcher.fetch_each(urls):
                found[place] = fetched
            return [found[i] for i in range(len(urls))]

    found = asyncio.run(go())
    return found[0] if len(urls) == 1 else found


ANSWERS = {
    Outcome.OK: http(JPEG),
    Outcome.NOT_FOUND: http(b"x", "404 Not Found"),
    Outcome.GONE: http(b"x", "410 Gone"),
    Outcome.CLIENT_ERROR: http(b"x", "403 Forbidden"),
    Outcome.TOO_MANY_REQUESTS: http(b"", "429 Slow Down"),
    Outcome.SERVER_ERROR: http(b"", "503 Busy"),
    Outcome.BAD_STATUS: http(JPEG, "206 Partial Content"),
    Outcome.EMPTY_BODY: http(),
    Outcome.TRUNCATED_BODY: http(JPEG[:100], length=len(JPEG)),
    Outcome.TOO_LARGE: http(b"", length=10**10),
    Outcome.OPTED_OUT: http(JPEG, X_Robots_Tag="noai"),
    Outcome.NOT_AN_IMAGE: http(JPEG, Content_Encoding="br"),
    Outcome.DAMAGED_IMAGE: http(JPEG, Content_Encoding="gzip"),
    Outcome.RESET: b"",
}


@pytest.mark.parametrize("outcome", ANSWERS)
def test_every_answer_has_its_outcome(outcome):
    with server(lambda path, write: write(ANSWERS[outcome])) as (address, _, _):
        fetched = fetch("http://a.test/x", address=address)
    assert fetched.outcome is outcome
    assert (fetched.body == JPEG) if outcome is Outcome.OK else fetched.body is None
    if outcome is Outcome.OPTED_OUT:
        assert fetched.consent == "X-Robots-Tag: noai"


def test_nobody_there_and_no_such_name():
    assert fetch("http://a.test/x", address="127.0.0.1:9").outcome is Outcome.CONNECT
    assert fetch("http://nobody.invalid/x").outcome is Outcome.DNS
    assert fetch("file:///etc/passwd").outcome is Outcome.BAD_URL


@pytest.mark.parametrize("encoded", [gzip.compress(JPEG), gzip.compress(JPEG[:50]) + gzip.compress(JPEG[50:])])
def test_a_gzipped_image_is_unpacked(encoded):
    with server(lambda path, write: write(http(encoded, Content_Encoding="gzip"))) as (address, _, _):
        assert fetch("http://a.test/x", address=address).body == JPEG


def test_gzip_bombs_are_too_large():
    many = gzip.compress(b"") * 5000
    for body in (gzip.compress(bytes(50_000_000)), many):
        with server(lambda path, write, body=body: write(http(body, Content_Encoding="gzip"))) as (address, _, _):
            assert fetch("http://a.test/x", address=address).outcome is Outcome.TOO_LARGE


def test_an_endless_body_is_left_at_the_cap():
    def answer(path, write):
        write(b"HTTP/1.1 200 OK\r\n\r\n")
        while write(bytes(65536)):
            pass

    with server(answer) as (address, _, sent):
        fetched = fetch("http://a.test/x", address=address, policy={"max_bytes": 3_000_000, "timeout": 10})
        time.sleep(0.2)
        assert fetched.outcome is Outcome.TOO_LARGE and sent[0] < 3_000_000 + 8_000_000


def drip(path, write):
    write(http(b"", length=10_000))
    while write(b"x", 0.1):
        pass


def header_drip(path, write):
    write(b"HTTP/1.1 200 OK\r\n")
    while write(b"X-More: 1\r\n", 0.1):
        pass


def silent(path, write):
    write(b"", 30)


def slow_hops(path, write):
    write(b"", 0.7)
    write(http(status="302 Found", Location=f"/{random.random()}"))


@pytest.mark.parametrize("answer", [drip, header_drip, silent, slow_hops])
def test_one_deadline_over_everything(answer):
    with server(answer) as (address, _, _):
        began = time.monotonic()
        fetched = fetch("http://a.test/x", address=address, policy={"timeout": 1.5})
        assert fetched.outcome is Outcome.TIMEOUT and 1.4 < time.monotonic() - began < 2.5


def test_slow_ones_do_not_hold_up_the_others():
    with server(lambda path, write: drip(path, write) if "slow" in path else write(http(JPEG))) as (address, _, _):
        urls = [f"http://h{i}.test/{'slow' if i % 2 else 'fast'}" for i in range(20)]
        began = time.monotonic()
        found = fetch(*urls, address=address, policy={"timeout": 1.5})
        assert time.monotonic() - began < 3.5
    assert [f.outcome for f in found] == [Outcome.OK, Outcome.TIMEOUT] * 10


@pytest.mark.parametrize(
    ("location", "outcome"),
    [
        ("/ok", Outcome.OK),
        ("http://b.test/ok", Outcome.OK),
        ("//b.test/ok", Outcome.OK),
        ("/again", Outcome.BAD_REDIRECT),
        ("file:///etc/hostname", Outcome.BAD_REDIRECT),
        ("ftp://b.test/ok", Outcome.BAD_REDIRECT),
        ("javascript:alert(1)", Outcome.BAD_REDIRECT),
        ("http://127.0.0.1/", Outcome.PRIVATE_ADDRESS),
        ("http://169.254.1.2/", Outcome.PRIVATE_ADDRESS),
        ("http://[::1]/", Outcome.PRIVATE_ADDRESS),
        ("http://2130706433/", Outcome.PRIVATE_ADDRESS),
        ("http://localhost/", Outcome.PRIVATE_ADDRESS),
        ("http://b.test:22/", Outcome.OK),
    ],
)
def test_every_hop_is_checked(location, outcome):
    def answer(path, write):
        write(http(JPEG) if path in ("/ok", "/") else http(status="302 Found", Location=location))

    with server(answer) as (address, _, _):
        assert fetch("http://a.test/again", address=address).outcome is outcome


def test_five_hops_are_followed_and_six_are_not():
    def answer(path, write):
        left = int(path[1:])
        write(http(status="302 Found", Location=f"/{left - 1}") if left else http(JPEG))

    with server(answer) as (address, _, _):
        assert fetch("http://a.test/5", address=address).outcome is Outcome.OK
        assert fetch("http://a.test/6", address=address).outcome is Outcome.BAD_REDIRECT


def test_a_private_address_is_never_connected_to_however_the_name_resolves():
    connected = []

    def resolver(*answers):
        asked = iter(answers)

        async def resolve(host, port):
            return next(asked, answers[-1])

        return resolve

    seams = {"on_connect": lambda address, port: connected.append(address)}
    mixed = fetch("http://evil.example/x", resolver=resolver(["8.8.8.8", "10.0.0.1"]), **seams)
    inside = fetch("http://evil.example/x", resolver=resolver(["127.0.0.1"]), **seams)
    spellings = ["http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://[::ffff:127.0.0.1]/",
                 "http://0/", "http://127.0.0.1./", "http://169.254.169.253/", "http://017700000001/"]  # fmt: skip
    found = [fetch(url, **seams) for url in spellings]
    assert {f.outcome for f in (mixed, inside, *found)} == {Outcome.PRIVATE_ADDRESS}
    assert [a for a in connected if a != "8.8.8.8"] == []


def test_a_name_that_changes_its_mind_is_looked_up_once():
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def resolve(host, port):
        return next(answers)

    with server(lambda path, write: write(http(JPEG))) as (address, paths, _):
        port = int(address.split(":")[1])
        policy = {"allow_private_hosts": (f"rebind.example:{port}",)}
        urls = [f"http://rebind.example:{port}/{i}" for i in range(5)]
        assert {f.outcome for f in fetch(*urls, policy=policy, resolver=resolve)} == {Outcome.OK}
        assert len(paths) == 5


def test_other_ports_are_refused_unless_allowed():
    async def resolve(host, port):
        return ["8.8.8.8"]

    assert fetch("http://a.example:22/", resolver=resolve).outcome is Outcome.PRIVATE_ADDRESS


class Counted:
    def __init__(self):
        self.pauses = []

    async def sleep(self, seconds):
        self.pauses.append(seconds)


@pytest.mark.parametrize(
    ("status", "headers", "asked", "pauses"),
    [
        ("404 Not Found", {}, 1, 0),
        ("410 Gone", {}, 1, 0),
        ("503 Busy", {}, 4, 3),
        ("429 Slow", {"Retry_After": "2"}, 4, [2.0, 2.0, 2.0]),
        ("429 Slow", {"Retry_After": "3600"}, 1, 0),
        ("503 Busy", {"Retry_After": "Wed, 21 Oct 2065 07:28:00 GMT"}, 1, 0),
    ],
)
def test_only_what_may_pass_is_asked_again_with_pauses(status, headers, asked, pauses):
    clock = Counted()
    with server(lambda path, write: write(http(b"", status, **headers))) as (address, paths, _):
        fetched = fetch("http://a.test/x", address=address, policy={"retries": 3}, clock=clock, rng=random.Random(0))
        assert len(paths) == fetched.attempts == asked
    if isinstance(pauses, list):
        assert clock.pauses == pauses
    else:
        assert len(clock.pauses) == pauses and all(0 <= p <= 0.5 * 2**i for i, p in enumerate(clock.pauses))


def test_a_url_that_stands_twice_is_fetched_once_and_agents_are_honest():
    with server(lambda path, write: write(http(JPEG))) as (address, paths, _):
        found = fetch("http://a.test/1", "http://a.test/2", "http://a.test/1", address=address)
        assert len(paths) == 2 and found[0].body == found[2].body == JPEG
    assert FetchPolicy(contact="https://example.org/bot").user_agent.startswith("curate/")
    assert "(+https://example.org/bot)" in FetchPolicy(contact="https://example.org/bot").user_agent


def test_no_password_is_ever_told():
    with server(lambda path, write: write(http(b"", "500 Oops"))) as (address, _, _):
        for url in ("http://me:secret@a.test/x", "http://me:secret@b.invalid/", "ftp://me:secret@c.test/"):
            assert "secret" not in repr(fetch(url, address=address))
