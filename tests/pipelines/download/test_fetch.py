"""Every outcome of one exchange, and the rules about asking again."""

import asyncio
import gzip
import inspect
import random
import socket
import ssl
import struct
import time
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from curate.schema import OUTCOME_CLASS, Outcome, OutcomeClass
from pipelines.download import attempts, exchange, hosts, lines, robots, turns
from pipelines.download import fetch as fetch_module
from pipelines.download.answer import Fetched
from pipelines.download.fetch import Fetcher, fetch_all
from pipelines.download.policy import FetchPolicy

ONCE = {"retries": 0, "timeout": 5.0}


def test_an_image_comes_whole_with_its_facts(ask, jpeg) -> None:
    talk = ask({"/a.jpg?x=1": ask.reply(jpeg, "200 OK", "Content-Type: text/html")}, contact="mailto:a@b.example")
    assert talk.only.outcome is Outcome.OK and talk.only.body == jpeg
    assert (talk.only.http_status, talk.only.attempts, talk.only.message) == (200, 1, None)
    assert talk.only.final_url == f"http://127.0.0.1:{talk.web.port}/a.jpg?x=1"
    (head,) = talk.web.heads
    assert f"Host: 127.0.0.1:{talk.web.port}\r\n" in head
    assert "User-Agent: curate/" in head and "(+mailto:a@b.example)" in head
    assert "Accept-Encoding: identity\r\n" in head
    assert "Cookie" not in head and "Referer" not in head and "Authorization" not in head


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("404 Not Found", Outcome.NOT_FOUND),
        ("410 Gone", Outcome.GONE),
        ("429 Too Many Requests", Outcome.TOO_MANY_REQUESTS),
        ("400 Bad Request", Outcome.CLIENT_ERROR),
        ("401 Unauthorized", Outcome.CLIENT_ERROR),
        ("403 Forbidden", Outcome.CLIENT_ERROR),
        ("451 Unavailable", Outcome.CLIENT_ERROR),
        ("500 Oops", Outcome.SERVER_ERROR),
        ("503 Busy", Outcome.SERVER_ERROR),
        ("204 No Content", Outcome.BAD_STATUS),
        ("206 Partial Content", Outcome.BAD_STATUS),
        ("201 Created", Outcome.BAD_STATUS),
        ("101 Switching Protocols", Outcome.BAD_STATUS),
        ("600 Unheard Of", Outcome.BAD_STATUS),
        ("304 Not Modified", Outcome.BAD_REDIRECT),
        ("302 Found", Outcome.BAD_REDIRECT),
        ("300 Multiple Choices", Outcome.BAD_REDIRECT),
    ],
)
def test_a_status_decides_whatever_the_body(ask, jpeg, status: str, outcome: Outcome) -> None:
    body = b"" if status[:3] in ("204", "304") else jpeg
    talk = ask({"/": ask.reply(body, status)}, **ONCE)
    assert talk.only.outcome is outcome and talk.only.body is None
    assert talk.only.http_status == int(status[:3])


def test_bodies(ask, jpeg) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    def in_chunks(end: bytes) -> bytes:
        return chunked + b"%x\r\n" % len(jpeg) + jpeg + end

    answers = {
        "/empty": (ask.reply(b""), Outcome.EMPTY_BODY),
        "/no-length": (b"HTTP/1.1 200 OK\r\n\r\n" + jpeg, Outcome.OK),
        "/http-1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + jpeg, Outcome.OK),
        "/chunked": (in_chunks(b"\r\n0\r\n\r\n"), Outcome.OK),
        "/chunked-cut": (in_chunks(b"\r\n"), Outcome.TRUNCATED_BODY),
        "/chunked-bad": (in_chunks(b"\r\nzz\r\n"), Outcome.RESET),
        "/short": (ask.reply(jpeg[:-100], length=len(jpeg)), Outcome.TRUNCATED_BODY),
        "/announced": (ask.reply(jpeg, length=50_000_000), Outcome.TOO_LARGE),
        "/gzip": (ask.reply(gzip.compress(jpeg), "200 OK", "Content-Encoding: gzip"), Outcome.OK),
        "/x-gzip": (ask.reply(gzip.compress(jpeg), "200 OK", "Content-Encoding: x-gzip"), Outcome.OK),
        "/deflate": (ask.reply(zlib.compress(jpeg), "200 OK", "Content-Encoding: deflate"), Outcome.OK),
        "/identity": (ask.reply(jpeg, "200 OK", "Content-Encoding: identity"), Outcome.OK),
        "/br": (ask.reply(jpeg, "200 OK", "Content-Encoding: br"), Outcome.NOT_AN_IMAGE),
        "/gzip-lie": (ask.reply(jpeg, "200 OK", "Content-Encoding: gzip"), Outcome.NOT_AN_IMAGE),
        "/gzip-cut": (
            ask.reply(gzip.compress(jpeg)[:-20], "200 OK", "Content-Encoding: gzip"),
            Outcome.TRUNCATED_BODY,
        ),
        "/bomb": (
            ask.reply(gzip.compress(bytes(60_000_000), 9), "200 OK", "Content-Encoding: gzip"),
            Outcome.TOO_LARGE,
        ),
        "/bad-head": (b"this is not HTTP\r\n\r\n", Outcome.RESET),
        "/two-lengths": (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            Outcome.RESET,
        ),
        "/many-headers": (ask.reply(jpeg, "200 OK", *[f"X-{n}: y" for n in range(5_000)]), Outcome.RESET),
        "/long-header": (ask.reply(jpeg, "200 OK", "X: " + "y" * 1_000_000), Outcome.RESET),
    }
    talk = ask({path: answer for path, (answer, _) in answers.items()}, **ONCE)
    for (path, (_, outcome)), got in zip(answers.items(), talk.results, strict=True):
        assert got.outcome is outcome, (path, got.outcome, got.message)
        assert got.body == (jpeg if outcome is Outcome.OK else None), path
        assert got.outcome is Outcome.OK or got.message, path


def test_a_connection_that_is_reset_or_closed(ask, jpeg) -> None:
    async def reset(connection) -> None:
        connection.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        connection.writer.transport.abort()

    async def close(connection) -> None:
        connection.writer.close()

    async def reset_in_the_body(connection) -> None:
        await connection.send(ask.reply(jpeg[:100], length=len(jpeg)))
        await asyncio.sleep(0.1)
        await reset(connection)

    async def reset_without_length(connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + jpeg[:100])
        await asyncio.sleep(0.1)
        await reset(connection)

    answers = {"/reset": reset, "/close": close, "/body": reset_in_the_body, "/open": reset_without_length}
    talk = ask(answers, **ONCE)
    assert talk.results[3].outcome is Outcome.TRUNCATED_BODY
    assert [r.outcome for r in talk.results[:2]] == [Outcome.RESET, Outcome.RESET]
    assert talk.results[2].outcome in (Outcome.RESET, Outcome.TRUNCATED_BODY)
    assert talk.results[2].http_status == 200


def test_nobody_listens_and_no_such_name(ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    talk = ask(
        {},
        f"http://127.0.0.1:{port}/",
        "http://nowhere.example/",
        "http://there.invalid/",
        "http://empty.example/",
        allow=(f"127.0.0.1:{port}",),
        resolver=ask.Resolver(empty_example=[[]]),
        **ONCE,
    )
    assert [r.outcome for r in talk.results] == [Outcome.CONNECT, Outcome.DNS, Outcome.DNS, Outcome.DNS]


def test_the_systems_resolver(ask, jpeg) -> None:
    talk = ask(
        {"/": ask.reply(jpeg)},
        "http://localhost:{port}/",
        "http://x.invalid/",
        allow=("localhost:{port}",),
        **ONCE,
    )
    assert [r.outcome for r in talk.results] == [Outcome.OK, Outcome.DNS]


# -- TLS ---------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> str:
    """A key and a certificate for pictures.example that signs itself, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pictures.example")])
    names = x509.SubjectAlternativeName([x509.DNSName("pictures.example")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "pictures.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(pem)
    )
    return str(path)


def ask_https(ask, certificate: str, jpeg: bytes, *hosts: str) -> list:
    """Ask for a picture at each host, all one TLS server, which notes what it is called."""

    async def talk() -> list:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        called: list[str] = []
        context.sni_callback = lambda _socket, name, _context: called.append(name)

        async def serve(reader, writer) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            called.append(head.decode().split("Host: ")[1].split("\r\n")[0])
            writer.write(ask.reply(jpeg))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        target = f"127.0.0.1:{port}"
        policy = FetchPolicy(retries=0, resolve=dict.fromkeys(hosts, target), allow_private_hosts=(target,))
        async with server, Fetcher(policy) as fetcher:
            return [await fetcher.fetch(f"https://{host}/a.jpg") for host in hosts] + called

    return asyncio.run(talk())


def test_an_untrusted_certificate_is_refused(ask, certificate, jpeg) -> None:
    assert ask_https(ask, certificate, jpeg, "pictures.example")[0].outcome is Outcome.TLS


def test_the_name_in_the_url_is_the_one_that_tls_and_host_see(ask, certificate, jpeg, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    good, wrong, *called = ask_https(ask, certificate, jpeg, "pictures.example", "other.example")
    assert good.outcome is Outcome.OK and good.body == jpeg
    assert wrong.outcome is Outcome.TLS
    assert called == ["pictures.example", "pictures.example", "other.example"]


def test_http_behind_an_https_url() -> None:
    async def main() -> None:
        async def serve(reader, writer) -> None:
            await reader.read(10)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, Fetcher(FetchPolicy(retries=0, allow_private_hosts=(place,))) as fetcher:
            assert (await fetcher.fetch(f"https://{place}/")).outcome is Outcome.TLS

    asyncio.run(main())


# -- asking again ---------------------------------------------------------------------------------------
def test_permanent_refused_and_content_outcomes_are_asked_for_once(ask, jpeg) -> None:
    answers = {
        "/404": ask.reply(b"", "404 Not Found"),
        "/410": ask.reply(b"", "410 Gone"),
        "/403": ask.reply(b"", "403 Forbidden"),
        "/204": ask.reply(b"", "204 No Content"),
        "/opt-out": ask.reply(jpeg, "200 OK", "X-Robots-Tag: noai"),
        "/empty": ask.reply(b""),
        "/large": ask.reply(jpeg, length=99_000_000),
        "/loop": ask.redirect("/elsewhere"),
    }
    talk = ask(answers, retries=3)
    assert [r.attempts for r in talk.results] == [1] * len(answers)
    assert talk.web.requests.count("/404") == 1 and talk.clock.pauses == []


def test_transient_outcomes_are_asked_for_again_with_growing_jittered_pauses(ask) -> None:
    for answer in (ask.reply(b"", "503 Busy"), ask.reply(b"ab", length=9), b""):
        talk = ask({"/": answer}, retries=4)
        assert talk.web.requests == ["/"] * 5 and talk.only.attempts == 5
        assert OUTCOME_CLASS[talk.only.outcome] is OutcomeClass.TRANSIENT
        assert len(talk.clock.pauses) == 4
        assert all(0 <= pause <= most for pause, most in zip(talk.clock.pauses, [0.5, 1, 2, 4], strict=True))
        assert len(set(talk.clock.pauses)) == 4  # jitter


def test_the_second_answer_may_be_good(ask, jpeg) -> None:
    seen = []

    async def moody(connection) -> None:
        seen.append(1)
        await connection.send(ask.reply(b"", "500 Oops") if len(seen) == 1 else ask.reply(jpeg))

    talk = ask({"/": moody})
    assert talk.only.outcome is Outcome.OK and talk.only.attempts == 2


@pytest.mark.parametrize(
    ("header", "requests", "pause"),
    [
        ("Retry-After: 3", 2, 3.0),
        ("Retry-After: 10", 2, 10.0),
        ("Retry-After: 11", 1, None),
        ("Retry-After: 86400", 1, None),
        ("Date: Fri, 01 May 2026 10:00:00 GMT\r\nRetry-After: Fri, 01 May 2026 10:00:07 GMT", 2, 7.0),
        ("Date: Fri, 01 May 2026 10:00:00 GMT\r\nRetry-After: Fri, 01 May 2026 10:01:00 GMT", 1, None),
        ("Retry-After: soon", 2, None),
        ("Retry-After: -5", 2, None),
    ],
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
def test_retry_after(ask, status: str, header: str, requests: int, pause: float | None) -> None:
    talk = ask({"/": ask.reply(b"", status, header)}, retries=1)
    assert len(talk.web.requests) == talk.only.attempts == requests
    if pause is not None:
        assert talk.clock.pauses == [pause]


def test_no_pause_is_longer_than_the_policy_says(ask) -> None:
    talk = ask({"/": ask.reply(b"", "500 Oops")}, retries=12, max_retry_after=2.0)
    assert max(talk.clock.pauses) <= 2.0
    assert FetchPolicy(timeout=10, retries=2, max_retry_after=10).total_seconds == 50


def test_a_host_that_never_answers_is_given_up(ask, jpeg) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
    urls = [f"http://127.0.0.1:{dead}/{n}" for n in range(60)] + ["/good"]
    allow = (f"127.0.0.1:{dead}", "127.0.0.1:{port}")
    talk = ask({"/good": ask.reply(jpeg)}, *urls, allow=allow, host_failures=6, first_failures=6, per_host=2, retries=1)
    assert talk.results.pop().outcome is Outcome.OK
    assert {r.outcome for r in talk.results} == {Outcome.CONNECT}
    tries = sum(address == ("127.0.0.1", dead) for address in talk.connects.addresses)
    assert 6 <= tries <= 8  # those under way when the sixth failed still end
    assert sum(r.attempts == 0 and "not asked" in (r.message or "") for r in talk.results) >= 50


# -- many URLs -------------------------------------------------------------------------------------------
def test_order_is_kept_and_the_same_url_is_fetched_once(ask, jpeg) -> None:
    answers = {f"/{n}": ask.reply(jpeg + b"%d" % n) for n in range(20)}
    urls = [f"/{n % 20}" for n in range(50)]
    talk = ask(answers, *urls)
    assert [r.body for r in talk.results] == [jpeg + b"%d" % (n % 20) for n in range(50)]
    assert sorted(talk.web.requests) == sorted(answers)


def test_concurrency_and_the_share_of_one_host_are_bounded(ask, jpeg) -> None:
    now, most = [0], [0]

    async def slow(connection) -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        await asyncio.sleep(0.02)
        now[0] -= 1
        await connection.send(ask.reply(jpeg))

    for limits, expected in [({"per_host": 3}, 3), ({"concurrency": 5, "per_host": 99}, 5)]:
        most[0] = 0
        talk = ask({f"/{n}": slow for n in range(30)}, **limits)
        assert {r.outcome for r in talk.results} == {Outcome.OK}
        assert most[0] == expected


def test_waiting_for_a_busy_host_is_not_a_timeout(ask, jpeg) -> None:
    async def slow(connection) -> None:
        await asyncio.sleep(0.15)
        await connection.send(ask.reply(jpeg))

    talk = ask({f"/{n}": slow for n in range(12)}, per_host=1, timeout=1.2, retries=0)
    assert {r.outcome for r in talk.results} == {Outcome.OK}


def test_waiting_for_a_turn_at_the_host_of_a_redirect_is_not_a_timeout(ask, jpeg, monkeypatch) -> None:
    """In a cluster a worker may have to ask who else is at that host, and to wait."""
    real = turns.Turns.another

    async def late(self, key) -> None:
        await asyncio.sleep(0.6)
        await real(self, key)

    monkeypatch.setattr(turns.Turns, "another", late)
    answers = {"/a": ask.redirect("/b"), "/b": ask.redirect("/c"), "/c": ask.reply(jpeg)}
    assert ask(answers, "/a", timeout=0.8, retries=0).only.outcome is Outcome.OK


def test_no_host_of_a_redirect_is_waited_for_without_end(ask, jpeg) -> None:
    async def stalls(connection) -> None:
        await asyncio.sleep(1.5)
        await connection.send(ask.reply(jpeg))

    answers = {f"/to{n}": stalls for n in range(4)} | {f"/{n}": ask.redirect(f"/to{n}") for n in range(4)}
    began = time.monotonic()
    talk = ask(answers, *(f"/{n}" for n in range(4)), per_host=1, timeout=0.5, retries=0)
    assert {r.outcome for r in talk.results} == {Outcome.TIMEOUT}
    assert time.monotonic() - began < 6


def test_results_wait_in_hand_for_a_slow_reader(web, ask, jpeg) -> None:
    """Bodies do not pile up: nothing new is asked for while results are not taken."""

    async def main() -> None:
        async with web({f"/{n}": ask.reply(jpeg) for n in range(40)}) as server:
            place = f"127.0.0.1:{server.port}"
            taken, in_hand = [0], [0]

            async def then(_: int, fetched: Fetched) -> None:
                assert fetched.outcome is Outcome.OK
                in_hand[0] += 1
                assert in_hand[0] <= 4 and len(server.requests) <= taken[0] + 4
                await asyncio.sleep(0.02)
                in_hand[0] -= 1
                taken[0] += 1

            policy = FetchPolicy(concurrency=4, allow_private_hosts=(place,), robots="off")
            async with Fetcher(policy) as fetcher:
                urls = [f"http://{place}/{n}" for n in range(40)]
                # Two lists at once, and still four in hand.
                await asyncio.gather(fetcher.fetch_each(urls[:20], then), fetcher.fetch_each(urls[20:], then))
            assert taken == [40]

    asyncio.run(main())


def test_every_place_of_the_list_is_told(web, ask, jpeg) -> None:
    async def main() -> None:
        async with web({"/a": ask.reply(jpeg)}) as server:
            place = f"127.0.0.1:{server.port}"
            told: dict[int, Outcome] = {}

            async def then(at: int, fetched: Fetched) -> None:
                await asyncio.sleep(0)
                told[at] = fetched.outcome

            async with Fetcher(FetchPolicy(allow_private_hosts=(place,))) as fetcher:
                url = f"http://{place}/a"
                await fetcher.fetch_each([url, "http://bad url", url, f"http://{place}/b", url], then)
                await fetcher.fetch_each([], then)
        ok, bad = Outcome.OK, Outcome.BAD_URL
        assert told == {0: ok, 1: bad, 2: ok, 3: Outcome.NOT_FOUND, 4: ok} and len(server.requests) == 2

    asyncio.run(main())


def test_what_raises_in_then_ends_its_own_list_and_no_other(web, ask, jpeg) -> None:
    async def main() -> None:
        async def slow(connection) -> None:
            await asyncio.sleep(0.2)
            await connection.send(ask.reply(jpeg))

        async with web({"/now": ask.reply(jpeg), "/later": slow}) as server:
            place = f"127.0.0.1:{server.port}"
            others: list[Outcome] = []

            async def fail(at: int, fetched: Fetched) -> None:
                raise ZeroDivisionError(at)

            async def keep(at: int, fetched: Fetched) -> None:
                others.append(fetched.outcome)

            async with Fetcher(FetchPolicy(allow_private_hosts=(place,))) as fetcher:
                other = asyncio.create_task(fetcher.fetch_each([f"http://{place}/later"], keep))
                hung = [f"http://{place}/later?{n}" for n in range(5)]
                with pytest.raises(ZeroDivisionError):
                    await fetcher.fetch_each([f"http://{place}/now", *hung], fail)
                assert [t for t in asyncio.all_tasks() if "_work" in repr(t.get_coro())] != [] and not other.done()
                await other
                assert [t for t in asyncio.all_tasks() if "_work" in repr(t.get_coro())] == []
                assert others == [Outcome.OK] and fetcher._turns._in_hand == 0

    asyncio.run(main())


def test_code_that_is_not_asynchronous() -> None:
    results = fetch_all(["ftp://a.example/x", "", "http://127.0.0.1/x", "ftp://a.example/x"], FetchPolicy())
    assert [r.outcome for r in results] == [
        Outcome.BAD_URL,
        Outcome.BAD_URL,
        Outcome.PRIVATE_ADDRESS,
        Outcome.BAD_URL,
    ]
    assert [r.attempts for r in results] == [0, 0, 0, 0]
    assert fetch_all([], FetchPolicy()) == []


# -- opting out --------------------------------------------------------------------------------
def test_an_opt_out_is_obeyed_before_the_body(ask, jpeg) -> None:
    async def says_no(connection) -> None:
        await connection.send(ask.reply(b"", "200 OK", "X-Robots-Tag: noimageai", length=10_000_000))
        await asyncio.sleep(3)
        await connection.send(bytes(10_000_000))

    answers = {"/no": says_no, "/yes": ask.reply(jpeg, "200 OK", "X-Robots-Tag: nofollow")}
    talk = ask({**answers, "/by": ask.reply(b"", "302 Found", "Location: /yes", "TDM-Reservation: 1")}, timeout=2)
    refused, kept, by = talk.results
    assert refused.outcome is Outcome.OPTED_OUT and refused.body is None
    assert refused.consent == "X-Robots-Tag: noimageai"
    assert kept.outcome is Outcome.OK and kept.consent is None
    assert by.outcome is Outcome.OPTED_OUT and by.consent == "TDM-Reservation: 1"


def test_an_opt_out_can_be_ignored_by_those_who_may(ask, jpeg) -> None:
    talk = ask({"/": ask.reply(jpeg, "200 OK", "X-Robots-Tag: noai")}, respect_opt_out=False)
    assert talk.only.outcome is Outcome.OK


def test_every_header_about_use_is_kept_whether_it_refuses_or_not(ask, jpeg) -> None:
    answers = {
        "/a": ask.reply(b"", "302 Found", "Location: /b", "x-robots-tag: nofollow", "X-Robots-Tag: max-snippet: 3"),
        "/b": ask.reply(jpeg, "200 OK", "TDM-Reservation: 0", "tdm-policy: https://a.example/p", "Server: x"),
        "/c": ask.reply(jpeg, "200 OK", "TDM-Reservation: 1", "Content-Usage: search=n"),
        "/d": ask.reply(b"", "404 Not Found", "X-Robots-Tag: " + "noai, " * 200),
        "/e": ask.reply(jpeg),
    }
    by_way, _, refused, gone, silent = ask(answers).results
    assert by_way.outcome is Outcome.OK and by_way.consent is None
    assert by_way.notices == (
        "x-robots-tag: nofollow\nX-Robots-Tag: max-snippet: 3\nTDM-Reservation: 0\ntdm-policy: https://a.example/p"
    )
    assert refused.outcome is Outcome.OPTED_OUT and refused.consent == "TDM-Reservation: 1"
    assert refused.notices == "TDM-Reservation: 1\nContent-Usage: search=n"
    assert gone.outcome is Outcome.NOT_FOUND and gone.notices is not None and len(gone.notices) == 500
    assert silent.notices is None


def test_when_it_was_asked_is_known(ask, jpeg) -> None:
    begun = time.time()
    asked, not_asked = ask({"/": ask.reply(jpeg)}, "/", "ftp://a.example/").results
    assert asked.asked_at is not None and begun <= asked.asked_at <= time.time()
    assert not_asked.asked_at is None


# -- secrets --------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "503 Busy"])
def test_a_password_is_neither_sent_nor_shown(ask, jpeg, status: str) -> None:
    talk = ask({"/a": ask.reply(jpeg, status)}, "http://user:s3cret@127.0.0.1:{port}/a", retries=0)
    assert "s3cret" not in repr(talk.results) and "user" not in repr(talk.only.final_url)
    assert "s3cret" not in talk.web.heads[0] and "Authorization" not in talk.web.heads[0]


def test_no_failure_shows_a_password(ask) -> None:
    secret = "http://user:s3cret@"
    urls = [
        f"{secret}127.0.0.1/",
        f"{secret}nowhere.example/",
        f"{secret}/",
        f"{secret}bad host/",
        f"{secret}host.example:99999/",
        f"{secret}host.example:8080/",
        f"{secret}[::zz]/",
        f"{secret}a.example/\r\nX: y",
        "ftp://user:s3cret@host.example/",
        "/to-private",
        "/to-nonsense",
        "/to-ftp",
    ]
    answers = {
        "/to-private": ask.redirect(f"{secret}10.0.0.1/"),
        "/to-nonsense": ask.redirect(f"{secret}:x:/"),
        "/to-ftp": ask.redirect("ftp://user:s3cret@a.example/"),
    }
    talk = ask(answers, *urls, resolver=ask.Resolver(), **ONCE)
    assert all(r.outcome is not Outcome.OK and r.message for r in talk.results)
    assert "s3cret" not in repr(talk.results)


def test_proxy_variables_are_not_obeyed(ask, jpeg, monkeypatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask({"/": ask.reply(jpeg)}, **ONCE).only.outcome is Outcome.OK


def test_nothing_swallows_what_it_does_not_know() -> None:
    for module in (fetch_module, attempts, exchange, hosts, lines, robots, turns):
        source = inspect.getsource(module)
        assert "except Exception" not in source and "except BaseException" not in source


def test_a_large_compressed_body_takes_its_room_once(ask) -> None:
    body = random.Random(1).randbytes(600_000)
    packed = gzip.compress(body)
    talk = ask({"/x": ask.reply(packed, "200 OK", "Content-Encoding: gzip")}, timeout=5, retries=0)
    assert talk.only.body == body


def test_who_has_a_slot_can_ask_for_another_url_without_a_second_one(ask) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ask.reply(b"here"))
        writer.close()

    async def main() -> list[Outcome]:
        found = []
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with Fetcher(FetchPolicy(allow_private_hosts=(place,), concurrency=1, per_host=2)) as fetcher:

                async def then(_: int, fetched: Fetched) -> None:
                    found.append((await fetcher.ask_again(f"http://{place}/b")).outcome)

                await asyncio.wait_for(fetcher.fetch_each([f"http://{place}/a"], then), 5)
        return found

    assert asyncio.run(main()) == [Outcome.OK]
