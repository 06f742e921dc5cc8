"""The same cases for img2dataset, whose stock code is run in processes of its own: `python -m tests.hostile --peer`.

Wrong is: stored what must be refused, did not store what is good, pixels off, crashed, hung, connected inwards.
Any failure counts as right where a failure is stated, whatever its message; so does a memory error of a bomb.
"""

import pickle
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.download.addresses import is_public
from pipelines.inputs.rows import clean
from tests.hostile import answers, headers, pictures, ssrf, tables
from tests.hostile.bodies import JPEG
from tests.hostile.cases import Case
from tests.hostile.site import DOMAIN, HostileSite, reply

Job, Found = dict[str, Any], dict[str, Any]
RETRIES = 1
LIMIT = (RETRIES + 1) * answers.TIMEOUT + 5  # seconds: the deadline of every attempt, and 5 more


def run(jobs: list[Job], folder: Path, at_once: int = 12) -> dict[str, Found]:
    """Every job's result, from one process that forks for each."""
    given, out = folder / "jobs.pickle", folder / "results.pickle"
    defaults = {"timeout": answers.TIMEOUT, "retries": RETRIES, "limit": LIMIT}
    given.write_bytes(pickle.dumps([{**defaults, **job} for job in jobs]))
    command = [sys.executable, "-m", "tests.hostile.peer_worker", str(given), str(out), str(at_once)]
    subprocess.run(command, check=True, timeout=900)
    return pickle.loads(out.read_bytes())  # type: ignore[no-any-return]


HARMLESS = "stored, no harm"
# Refused by us for how they are told, though what was told is an image: who stores them does no harm.
_FORM_ONLY = ("reset", "not_an_image", "bad_status", "too_large", "bad_redirect", "404")
_LONG = ("URL: half a character", "URL: 100 KB")
THIN = ("bomb: PNG 20,000x1", "bomb: PNG 1x20,000")


def stored(found: Found) -> bool:
    return found["status"] == "success"


def _ended(found: Found) -> str:
    return found["status"] if found["status"] == "hung" or found["status"].startswith("crashed") else ""


def _of_outcome(case: Case, found: Found) -> str:
    if _ended(found):
        return _ended(found)
    if case.expected.get("outcome") == "ok":
        return "" if stored(found) else f"lost: {found.get('message')}"
    return "stored" if stored(found) else ""


# -- one function for every kind: the jobs, run, and what is wrong with each case ("" for nothing) ----------------
def of_answers(folder: Path) -> dict[str, str]:
    with answers.whole_site() as site:
        jobs = [
            {"name": case.name, "url": answers.url_of(case, n, site)}
            for n, case in enumerate(answers.CASES)
            if case.given
        ]
        found = run(jobs, folder)
    return {case.name: _answer(case, found[case.name]) for case in answers.CASES if case.given}


def _answer(case: Case, found: Found) -> str:
    wrong = _of_outcome(case, found)
    harmless = case.expected["outcome"] in _FORM_ONLY or case.name in _LONG
    return HARMLESS if wrong == "stored" and harmless else wrong


def _served(bodies: dict[str, bytes], folder: Path, at_once: int = 12) -> dict[str, Found]:
    places = {name: f"c{n:03}" for n, name in enumerate(bodies)}
    with HostileSite({places[name]: body for name, body in bodies.items()}) as site:
        port = site.ports["port"]
        return run(
            [{"name": name, "url": f"http://{p}.{DOMAIN}:{port}/{p}/"} for name, p in places.items()], folder, at_once
        )


def of_pictures(folder: Path) -> dict[str, str]:
    found = _served({case.name: reply(case.given[0]()) for case in pictures.CASES}, folder, at_once=2)
    return {case.name: _picture(case, found[case.name]) for case in pictures.CASES}


def _picture(case: Case, found: Found) -> str:
    if "outcome" not in case.expected and "stored" not in case.expected:
        return _ended(found)
    if case.name.endswith(" is not read") or case.name in THIN:
        return HARMLESS if stored(found) else _ended(found)
    wrong = _of_outcome(case, found)
    pixels = case.given[1]
    if wrong or pixels is None or not stored(found):
        return wrong
    if max(pixels.shape) > 384:
        return ""
    off = pictures.distance(found["image"], pixels)
    return f"pixels off by {off:.0f}" if off > pictures.TOLERANCE else ""


def of_headers(folder: Path) -> dict[str, str]:
    """Said to its own agent where they are said to ours, and the other way round."""

    def renamed(text: str) -> str:
        swaps = {"curate": "img2dataset", "CURATE": "IMG2DATASET", "img2dataset": "curate"}
        return next((text.replace(a, b) for a, b in swaps.items() if a in text), text)

    heads = {case.name: [f"{name}: {renamed(value)}" for name, value in case.given] for case in headers.CASES}
    found = _served({name: reply(JPEG, "200 OK", *lines) for name, lines in heads.items()}, folder)
    return {case.name: _header(case, found[case.name]) for case in headers.CASES}


def _header(case: Case, found: Found) -> str:
    if case.expected["outcome"] == "accepted":
        return "" if stored(found) else f"lost: {found.get('message')}"
    return "stored" if stored(found) else _ended(found)


def of_tables(folder: Path) -> dict[str, str]:
    jobs = []
    for n, case in enumerate(tables.CASES):
        lists = folder / f"lists{n:03}"
        tables.written(case, lists)
        first = sorted(name for name in case.given[0] if name[0] not in "._")[0]
        rows = case.expected.get("rows", [("", "")])
        captioned = any(b"caption" in data for data in case.given[0].values()) or any(row[1] for row in rows)
        kind = first.partition(".")[2]
        jobs.append(
            {
                "name": case.name,
                "lists": str(lists),
                "kind": kind,
                "caption": "caption" if captioned else None,
                "limit": 150,
            }
        )
    found = run(jobs, folder)
    return {case.name: _table(case, found[case.name]) for case in tables.CASES}


def _table(case: Case, found: Found) -> str:
    kinds = {name.partition(".")[2] for name in case.given[0] if name[0] not in "._"}
    if len(kinds) > 1 or kinds == {"parquet.gz"}:
        return ""  # it is told one kind, and has no such kind: nothing to compare
    if _ended(found):
        return _ended(found)
    got = [(clean(url), clean(caption)) for url, caption in found.get("rows", []) if str(url or "").strip()]
    got = [(url, caption) for url, caption in got if url and url.strip().startswith("http")]
    if case.expected["outcome"] == "refused":
        return f"read {len(got)} rows" if got else ""
    rows = [(url, caption or None) for url, caption in case.expected["rows"]]
    if [(str(url).strip(), caption or None) for url, caption in got] == rows:
        return ""
    return f"raised {found.get('message')}" if found["status"] == "raised" else f"other rows: {str(got)[:80]}"


def of_ssrf(folder: Path) -> dict[str, str]:
    with ssrf.inside() as (forbidden, site):
        jobs = []
        for case in ssrf.CASES:
            variable, url = case.given if isinstance(case.given, tuple) else ("", case.given)
            url = url.replace("{port}", str(forbidden.port)).replace("{friend}", str(site.ports["port"]))
            names = {**ssrf.names().answers, "pinned.test": [["127.0.0.1"]], "a.b.pinned.test": [["::1"]]}
            proxy = {variable: f"http://127.0.0.1:{forbidden.port}"} if variable else {}
            jobs.append({"name": case.name, "url": url, "names": names, "environment": proxy, "times": 3, "retries": 0})
        found = run(jobs, folder)
        friend = site.ports["port"]
    return {case.name: _inwards(case, found[case.name], friend) for case in ssrf.CASES}


def _inwards(case: Case, found: Found, friend: int) -> str:
    if case.expected["reached"]:
        return "" if stored(found) else f"lost: {found.get('message')}"
    bad = [place for place in found.get("connects", []) if place[1] != friend and not _public(place[0])]
    return f"connected to {bad[0][0]}" if bad else "stored" if stored(found) else _ended(found)


def _public(text: str) -> bool:
    from ipaddress import ip_address

    return is_public(ip_address(text.partition("%")[0]))


KINDS: dict[str, tuple[list[Case], Callable[[Path], dict[str, str]]]] = {
    "answers": (answers.CASES, of_answers),
    "pictures": (pictures.CASES, of_pictures),
    "tables": (tables.CASES, of_tables),
    "headers": (headers.CASES, of_headers),
    "ssrf": (ssrf.CASES, of_ssrf),
}


def main(ours: dict[str, int], kinds: tuple[str, ...]) -> None:
    """`ours` is how many cases of each kind are as stated."""
    print("| kind | cases | ours as stated | img2dataset wrong | how | other, no harm |\n|---|---|---|---|---|---|")
    details = []
    for kind in kinds:
        cases, judge = KINDS[kind]
        with tempfile.TemporaryDirectory() as scratch:
            judged = judge(Path(scratch))
        harmless = sum(what == HARMLESS for what in judged.values())
        wrong = {name: what for name, what in judged.items() if what not in ("", HARMLESS)}
        how = Counter(
            what.partition(":")[0].partition(" (")[0].partition(" by ")[0].partition(" to ")[0]
            for what in wrong.values()
        )
        shown = ", ".join(f"{what} {count}" for what, count in how.most_common())
        print(f"| {kind} | {len(cases)} | {ours.get(kind, '-')} | {len(wrong)} | {shown} | {harmless} |", flush=True)
        details += [f"\n{kind}:", *(f"  {name}: {what[:160]}" for name, what in wrong.items())]
    print("\n".join(details))
