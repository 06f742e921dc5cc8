"""robots.txt: what it says to us, when it is asked for, and what becomes of URLs when it cannot be had."""

import asyncio
import gzip
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.schema import Outcome
from pipelines.download import robots
from pipelines.download.answer import Fetched
from pipelines.download.fetch import Fetcher
from pipelines.download.policy import FetchPolicy
from pipelines.download.robots import MAX_BYTES, MAX_RULES, Robots, parse
from pipelines.download.urls import Target, parse_url

ALL = {"robots": "all", "retries": 0}


def says(text: str | bytes, url: str = "http://a.example/img/1.jpg") -> str | None:
    data = text if isinstance(text, bytes) else text.encode()
    return parse(data).refusal(parse_url(url), respect_usage=True)


@pytest.mark.parametrize(
    ("text", "consent"),
    [
        ("", None),
        ("User-agent: *\nDisallow:", None),
        ("User-agent: *\nDisallow: /", "Disallow: /"),
        ("User-agent: *\nDisallow: /img/", "Disallow: /img/"),
        ("User-agent: *\nDisallow: /\nDisallow: /img/", "Disallow: /img/"),
        ("User-agent: *\nDisallow: /\nAllow: /img/", None),
        ("User-agent: *\nDisallow: /*.jpg$", "Disallow: /*.jpg$"),
        ("User-agent: *\nDisallow: /IMG", None),
        ("user-AGENT:CURATE\ndisallow:/img # pictures", "Disallow: /img"),
        ("User-agent: curate/1.0\nDisallow: /", "Disallow: /"),
        ("User-agent: curated\nDisallow: /", None),
        ("User-agent: img2dataset\nDisallow: /", None),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Curate\nAllow: /", None),
        ("User-agent: curate\nUser-agent: other\n\nDisallow: /", "Disallow: /"),
        ("User-agent: curate\nAllow: /\nUser-agent: x\nDisallow: /", None),
        ("User-agent: curate\nAllow: /a\n\nUser-agent: curate\nDisallow: /img", "Disallow: /img"),
        ("Disallow: /", None),
        ("\ufeffUser-agent: *\r\nDisallow: /\r\n", "Disallow: /"),
        ("User-agent: *\rDisallow: /", "Disallow: /"),
        ("User-agent: *\nSitemap: https://a.example/s.xml\nDisallow: /", "Disallow: /"),
        (b"User-agent: *\nDisallow: /\xff\xfe\nDisallow: /im", "Disallow: /im"),
        ("<html><body>User-agent: none of your business</body></html>", None),
        ("User-agent: *\nContent-Usage: train-ai=n", "Content-Usage: train-ai=n"),
        ("User-agent: *\nContent-Usage: search=n", None),
        ("User-agent: *\nContent-Usage: /img/ train-ai=n", "Content-Usage: train-ai=n"),
        ("User-agent: *\nContent-Usage: /private/ train-ai=n", None),
        ("User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /img/ train-ai=y", None),
        ("User-agent: other\nContent-Usage: train-ai=n", None),
    ],
)
def test_rules(text: str | bytes, consent: str | None) -> None:
    assert says(text) == (f"robots.txt: {consent}" if consent else None)


@given(st.binary(max_size=300) | st.text(alphabet="User-agent: *\nDisallow/$%é#", max_size=200).map(str.encode))
def test_any_bytes_can_be_parsed(data: bytes) -> None:
    parse(data).refusal(parse_url("http://a.example/x"), respect_usage=True)
    parse(b"User-agent: *\n" + data).refusal(parse_url("http://a.example/x"), respect_usage=True)


def test_half_a_megabyte_of_malice_costs_little_time() -> None:
    agents = b"".join(b"User-agent: a%d\n" % n for n in range(15_000)) + b"Disallow: /\n" * 20_000
    stars = b"User-agent: *\n" + b"Disallow: /*a*a*a*a*a*a*b\n" * (MAX_RULES - 1)
    rules = b"User-agent: *\n" + b"Disallow: /b\n" * 35_000
    begun = time.process_time()
    assert says(agents[:MAX_BYTES], "http://a.example/" + "a" * 2_000) is None
    assert says(stars, "http://a.example/" + "a" * 2_000) is None
    assert says(rules) == "robots.txt: more than 5,000 rules"
    assert time.process_time() - begun < 4


def test_a_crawl_delay_is_read() -> None:
    assert parse(b"User-agent: *\nCrawl-delay: 2.5").delay == 2.5
    assert parse(b"User-agent: *\nCrawl-delay: soon").delay == parse(b"User-agent: *\nCrawl-delay: -1").delay == 0
    assert parse(b"User-agent: bingbot\nCrawl-delay: 9\n\nUser-agent: *\nAllow: /").delay == 0


# -- asking for it -----------------------------------------------------------------------------------
def test_only_hosts_with_many_urls_are_asked(ask, jpeg) -> None:
    answers = {f"/{n}": ask.reply(jpeg) for n in range(20)}
    for count, asked in [(19, False), (20, True)]:
        talk = ask(answers, *[f"/{n}" for n in range(count)], *["/0"] * 5, robots="bulk")
        assert ("/robots.txt" in talk.web.requests) is asked and len(talk.web.requests) == count + asked
        assert {r.robots for r in talk.results} == {"none" if asked else None}
        assert talk.web.requests[0] == ("/robots.txt" if asked else "/0")
    assert "/robots.txt" not in ask(answers, robots="off").web.requests
    assert ask({"/": ask.reply(jpeg)}, robots="all").web.requests == ["/robots.txt", "/"]


def test_what_it_disallows_is_not_asked_for(ask, jpeg) -> None:
    rules = b"User-agent: *\nDisallow: /private\n"
    answers = {"/robots.txt": ask.reply(rules), "/a": ask.reply(jpeg), "/private/b": ask.reply(jpeg)}
    talk = ask({**answers, "/go": ask.redirect("/private/c")}, "/a", "/private/b", "/go", **ALL)
    allowed, refused, led = talk.results
    assert (allowed.outcome, allowed.robots, allowed.consent) == (Outcome.OK, "allowed", None)
    assert (refused.outcome, refused.robots, refused.attempts) == (Outcome.OPTED_OUT, "disallowed", 0)
    assert refused.consent == refused.message == "robots.txt: Disallow: /private"
    assert (led.outcome, led.robots) == (Outcome.OPTED_OUT, "disallowed")
    assert sorted(talk.web.requests) == ["/a", "/go", "/robots.txt"]


def test_a_redirect_to_another_host_is_judged_by_its_headers(ask, jpeg) -> None:
    answers = {"/robots.txt": ask.reply(b"User-agent: *\nDisallow: /b"), "/b": ask.reply(jpeg)}
    talk = ask(
        {**answers, "/a": ask.redirect("http://other.example:{port}/b")},
        "/a",
        resolve={"other.example": "127.0.0.1:{port}"},
        allow=("127.0.0.1:{port}", "other.example:{port}"),
        **ALL,
    )
    assert talk.only.outcome is Outcome.OK and talk.web.requests == ["/robots.txt", "/a", "/b"]


@pytest.mark.parametrize(
    ("answer", "outcome", "robots"),
    [
        (("404 Not Found",), Outcome.OK, "none"),
        (("403 Forbidden",), Outcome.OK, "none"),
        (("204 No Content",), Outcome.OK, "none"),
        (("200 OK",), Outcome.OK, "none"),  # an empty body
        (("302 Found", "Location: http://10.0.0.1/robots.txt"), Outcome.OK, "none"),
        (("500 Oops",), Outcome.SERVER_ERROR, None),
        (("503 Busy",), Outcome.SERVER_ERROR, None),
        (("429 Slow",), Outcome.TOO_MANY_REQUESTS, None),
    ],
)
def test_its_status(ask, jpeg, answer: tuple[str, ...], outcome: Outcome, robots: str | None) -> None:
    talk = ask({"/robots.txt": ask.reply(b"", *answer), "/a": ask.reply(jpeg)}, "/a", **ALL)
    assert (talk.only.outcome, talk.only.robots) == (outcome, robots)
    if robots is None:
        assert talk.only.attempts == 0 and talk.web.requests == ["/robots.txt"]
        assert talk.only.message == f"its robots.txt could not be read: HTTP {answer[0][:3]}"


def test_it_is_read_like_any_stranger_s_page(ask, jpeg) -> None:
    """Compressed, behind redirects, with headers that refuse it, too long, too slow."""
    rules = b"User-agent: *\nDisallow: /no\n"

    async def endless(connection) -> None:
        await connection.send(ask.reply(rules, length=50_000_000))
        for _ in range(400):
            await connection.send(b"# nothing\n" * 10_000)

    async def silent(connection) -> None:
        await asyncio.sleep(5)

    packed = ask.reply(gzip.compress(rules), "200 OK", "Content-Encoding: gzip")
    noai = ask.reply(rules, "200 OK", "X-Robots-Tag: noindex")
    bomb = ask.reply(gzip.compress(rules + bytes(9_000_000)), "200 OK", "Content-Encoding: gzip")
    for answer in (packed, noai, bomb, endless, ask.redirect("/1")):
        ways = {f"/{n}": ask.redirect(f"/{n + 1}") for n in range(1, 5)}
        talk = ask({"/robots.txt": answer, **ways, "/5": packed, "/no": ask.reply(jpeg)}, "/no", "/yes", **ALL)
        assert [r.robots for r in talk.results] == ["disallowed", "allowed"]
        assert talk.web.sent["/robots.txt"] < 8_000_000
    talk = ask({"/robots.txt": silent}, "/a", timeout=0.5, **ALL)
    assert (talk.only.outcome, talk.only.attempts) == (Outcome.TIMEOUT, 0)


def test_its_crawl_delay_is_kept(web, ask, jpeg) -> None:
    async def main() -> None:
        answers = {f"/{n}": ask.reply(jpeg) for n in range(5)}
        answers["/robots.txt"] = ask.reply(b"User-agent: *\nCrawl-delay: 0.2")
        async with web(answers) as server:
            place = f"127.0.0.1:{server.port}"
            async with Fetcher(FetchPolicy(allow_private_hosts=(place,), robots="all")) as fetcher:
                results = await fetcher.fetch_all([f"http://{place}/{n}" for n in range(5)])
        assert {r.outcome for r in results} == {Outcome.OK}
        starts = server.times[1:]
        # One that comes late on a busy machine is nearer to the next one.
        assert all(after - before > 0.1 for before, after in itertools.pairwise(starts))
        assert 0.78 < starts[-1] - starts[0] < 10

    asyncio.run(main())


def test_it_is_asked_for_once_in_a_fetcher_s_life(web, ask, jpeg) -> None:
    async def main() -> None:
        async with web({"/a": ask.reply(jpeg), "/b": ask.reply(jpeg)}) as server:
            place = f"127.0.0.1:{server.port}"
            async with Fetcher(FetchPolicy(allow_private_hosts=(place,), robots="all")) as fetcher:
                await asyncio.gather(fetcher.fetch(f"http://{place}/a"), fetcher.fetch(f"http://{place}/b"))
                await fetcher.fetch(f"http://{place}/a")
        assert server.requests.count("/robots.txt") == 1

    asyncio.run(main())


def test_what_could_not_be_read_is_asked_for_again_after_a_minute() -> None:
    async def main() -> None:
        now, asked = [0.0], []
        answers = {"a": Fetched(Outcome.SERVER_ERROR), "b": Fetched(Outcome.OK, b"User-agent: *\nDisallow: /\n")}

        async def fetch(target: Target) -> Fetched:
            asked.append((now[0], target.url))
            await asyncio.sleep(0)
            return answers[target.host]

        site = Robots(fetch, lambda: now[0])
        for now[0] in (0.0, 59.0, 60.0, 86_000.0, 86_500.0):
            for host in "ab":
                rules = await site.rules(parse_url(f"http://{host}/x"))
                assert bool(rules.unread) is (host == "a")
        assert [at for at, url in asked if url == "http://a/robots.txt"] == [0.0, 60.0, 86_000.0, 86_500.0]
        assert [at for at, url in asked if url == "http://b/robots.txt"] == [0.0, 86_500.0]

    asyncio.run(main())


def test_the_rules_that_are_kept_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(robots, "MAX_KEPT", 2_000)

    async def main() -> None:
        asked = []

        async def fetch(target: Target) -> Fetched:
            asked.append(target.host)
            return Fetched(Outcome.OK, b"User-agent: *\n" + b"Disallow: /x\n" * 100)

        kept = Robots(fetch, lambda: 0.0)
        for host in [*(f"h{n}" for n in range(25)), "h0", "h20"]:
            await kept.rules(parse_url(f"http://{host}/x"))
        assert asked.count("h0") == 2 and asked.count("h20") == 1 and kept._kept <= 2_000

    asyncio.run(main())


def test_a_part_of_a_list_is_judged_like_the_whole(web, ask, jpeg) -> None:
    async def main() -> None:
        async with web({"/1": ask.reply(jpeg), "/robots.txt": ask.reply(b"User-agent: *\nDisallow: /2")}) as server:
            place = f"127.0.0.1:{server.port}"
            verdicts = {}

            async def then(at: int, fetched: Fetched) -> None:
                verdicts[at] = fetched.robots

            async with Fetcher(FetchPolicy(allow_private_hosts=(place,))) as fetcher:
                urls = [f"http://{place}/{n}" for n in range(20)]
                await fetcher.fetch_each(urls[1:3], then, among=urls)
        assert verdicts == {0: "allowed", 1: "disallowed"} and server.requests == ["/robots.txt", "/1"]

    asyncio.run(main())
