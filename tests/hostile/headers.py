"""Opt-out headers in every form that was seen or is allowed, and headers that only resemble one."""

from pipelines.download.opt_out import refusal
from tests.hostile.cases import Case, Facts, distinct

ROBOTS = "X-Robots-Tag"
PAST, FUTURE = "25 Jun 2010 15:00:00 PST", "25 Jun 2110 15:00:00 PST"
Headers = list[tuple[str, str]]

REFUSED: list[Headers] = [
    *[[(ROBOTS, word)] for word in ("noai", "noimageai", "noindex", "noimageindex", "none", "noml")],
    [(ROBOTS, "noimageai, noindex")],
    [(ROBOTS, " NoAI ")],
    [("x-robots-tag", "NOIMAGEAI")],
    [("X-ROBOTS-TAG", "NONE")],
    [(ROBOTS, "noai,")],
    [(ROBOTS, '"noai"')],
    [(ROBOTS, "'noindex', 'nofollow'")],
    [(ROBOTS, ",,noai")],
    [(ROBOTS, "\tnoai\t")],
    [(ROBOTS, "nofollow,noai,nosnippet")],
    [(ROBOTS, "all, noai")],
    [(ROBOTS, "noai, all")],
    [(ROBOTS, "index, follow, noimageai")],
    [(ROBOTS, "nofollow"), (ROBOTS, "noai")],
    [(ROBOTS, "noai"), (ROBOTS, "all")],
    [(ROBOTS, "googlebot: noindex"), (ROBOTS, "noai")],
    [(ROBOTS, "curate: noai")],
    [(ROBOTS, "CURATE: NOAI")],
    [(ROBOTS, "curate/0.1.0: noai")],
    [(ROBOTS, "curate : noai")],
    [(ROBOTS, "*: noai")],
    [(ROBOTS, "googlebot: nofollow, curate: noai")],
    [(ROBOTS, "curate: nofollow, noai")],
    [(ROBOTS, f"unavailable_after: {PAST}, noai")],
    [(ROBOTS, f"unavailable_after: {FUTURE}, noai")],
    [(ROBOTS, "unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, noai")],
    [(ROBOTS, "unavailable_after: 2010-06-25T15:00:00+00:00, noindex")],
    [(ROBOTS, f"noai, unavailable_after: {FUTURE}")],
    [(ROBOTS, f"curate: unavailable_after: {PAST}, noai")],
    [(ROBOTS, "max-snippet: -1, max-image-preview: large, noai")],
    [(ROBOTS, f"unavailable_after: {PAST}")],
    [(ROBOTS, "unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT")],
    [(ROBOTS, "unavailable_after: 2010-06-25")],
    [(ROBOTS, "unavailable_after: 2010-06-25T15:00:00Z")],
    [(ROBOTS, "unavailable_after: Friday, 25-Jun-10 15:00:00 GMT")],
    [(ROBOTS, f"UNAVAILABLE_AFTER: {PAST}")],
    [(ROBOTS, f"curate: unavailable_after: {PAST}")],
    [("tdm-reservation", "1")],
    [("TDM-Reservation", " 1 ")],
    [("tdm-reservation", '"1"')],
    [("tdm-reservation", "0, 1")],
    [("tdm-reservation", "0"), ("tdm-reservation", "1")],
    [("tdm-reservation", "1"), ("tdm-policy", "https://a.example/policy.json")],
    [("Content-Usage", "train-ai=n")],
    [("Content-Usage", "search=y, train-ai=n")],
    [("content-usage", "Train-AI = N;exp=1")],
    [("Content-Usage", "search=y"), ("Content-Usage", "train-ai=n")],
    [("Content-Usage", "bots=n")],
    [("Content-Usage", 'train-ai="n"')],
    [("Content-Usage", "train-ai=n;a;b=2, search")],
    [("Content-Usage", "train-ai=y, train-ai=n")],
    [("Content-Usage", "train-ai=?0")],
    [("Content-Usage", "train-ai=n"), (ROBOTS, "all")],
]
ACCEPTED: list[Headers] = [
    [],
    [(ROBOTS, "")],
    [(ROBOTS, "all")],
    [(ROBOTS, "index, follow")],
    [(ROBOTS, "nofollow, nosnippet, noarchive")],
    [(ROBOTS, "notranslate")],
    [(ROBOTS, "googlebot: noindex")],
    [(ROBOTS, "googlebot: noindex, noai")],
    [(ROBOTS, "googlebot/2.1: none")],
    [(ROBOTS, "img2dataset: noai")],
    [(ROBOTS, "curated: noai")],
    [(ROBOTS, "not-curate: noai")],
    [(ROBOTS, "curate: nofollow, googlebot: noai")],
    [(ROBOTS, "max-image-preview: none")],
    [(ROBOTS, "max-snippet: 0")],
    [(ROBOTS, f"unavailable_after: {FUTURE}")],
    [(ROBOTS, "unavailable_after: Fri, 25 Jun 2110 15:00:00 GMT")],
    [(ROBOTS, "unavailable_after: some day")],
    [(ROBOTS, f"googlebot: unavailable_after: {PAST}")],
    [(ROBOTS, "noaim, xnoindex, no ai")],
    [("X-Robots", "noai")],
    [("Robots", "noai")],
    [("tdm-reservation", "0")],
    [("tdm-reservation", "10")],
    [("tdm-reservation", "")],
    [("tdm-policy", "https://a.example/policy.json")],
    [("Content-Usage", "train-ai=y")],
    [("Content-Usage", "search=n")],
    [("Content-Usage", "train-ai")],
    [("Content-Usage", "")],
    [("Content-Type", "image/jpeg"), ("X-Note", "noai")],
    [("Link", "<https://a.example/noai>; rel=license")],
]


def _case(headers: Headers, outcome: str) -> Case:
    name = "; ".join(f"{header}: {value!r}" for header, value in headers) or "no header"
    return Case(name, {"outcome": outcome, "word for word": True}, headers)


CASES = distinct([_case(h, "refused") for h in REFUSED] + [_case(h, "accepted") for h in ACCEPTED])


def results() -> dict[str, Facts]:
    found: dict[str, Facts] = {}
    for case in CASES:
        text = refusal(case.given, ("curate",))
        kept = text is None or text in [f"{name}: {value}" for name, value in case.given]
        found[case.name] = {"outcome": "refused" if text else "accepted", "word for word": kept}
    return found
