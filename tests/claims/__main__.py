"""The papers' claims, tried small: `make claims`.

python -m tests.claims [--only NAME ...] [--table] [--folder CACHE]

Runs every seed of every claim that tests/claims/results does not have yet, and writes the table into README.md.
NAME is a claim (clip/prompt-ensembles) or a paper (clip); --table only writes the table. Ctrl-C stops with 130, and
the same command goes on: seeds are kept, and so are half-trained models in CACHE.
"""

import argparse
import datetime
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from curate.errors import CurateError
from tests.claims.claim import Claim, Found, difference, read, table, write
from tests.claims.papers import claims

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results"
README = ROOT / "README.md"
BEGIN, END = "<!-- claims -->", "<!-- /claims -->"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.claims", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="claims or papers; default: all")
    parser.add_argument("--table", action="store_true", help="run nothing, write the table")
    parser.add_argument("--folder", type=Path, default=ROOT / ".claims", help="for data and models; default: .claims")
    given = parser.parse_args(arguments)
    known = claims()
    chosen = [c for c in known if not given.only or {c.name, c.name.split("/")[0]} & set(given.only)]
    if not chosen:
        parser.error(f"no such claim; there are {', '.join(c.name for c in known)}")
    if given.table:
        publish(known)
        return 0
    code = 0
    try:
        for claim in chosen:
            try:
                attempt(claim, given.folder.resolve(), RESULTS)
            except CurateError as error:  # such as CIFAR-10 that is not there: other claims need none
                print(f"{claim.name}: skipped: {error}", file=sys.stderr)
                code = error.exit_code
            publish(known)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    return code


def attempt(claim: Claim, cache: Path, results: Path) -> None:
    """Run the seeds that are missing, keep each as soon as it is there, and print the verdict.

    Raises ValueError for a run that does not give a number for both arms.
    """
    print(f"{claim.name}: {claim.paper.title}: {claim.says}. {claim.data}", flush=True)
    for seed in claim.seeds:
        if seed in read(claim, results):
            continue
        began = time.monotonic()
        values = {arm: round(float(value), 4) for arm, value in claim.run(seed, cache).items()}
        if not {claim.better, claim.worse} <= values.keys() or not all(map(math.isfinite, values.values())):
            raise ValueError(f"{claim.name}: {claim.better} and {claim.worse} are not both in {values}")
        made = Found(values, round(time.monotonic() - began, 1), str(datetime.date.today()), commit(), 1)
        # Another process may have run other seeds meanwhile.
        write(claim, results, {**read(claim, results), seed: made})
        print(f"{claim.name} seed {seed}: {values} ({made.seconds:.0f} s)", flush=True)
    found = read(claim, results)
    arms = [[found[seed].values[arm] for seed in claim.seeds] for arm in (claim.better, claim.worse)]
    apart = difference(*arms, claim.margin)
    print(f"{claim.name}: {apart.mean:+.2f} ± {apart.error:.2f}: {apart.verdict}", flush=True)


def commit() -> str:
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


def publish(known: Sequence[Claim], readme: Path = README, results: Path = RESULTS) -> None:
    """The table between the markers of the README, nothing else of which is touched."""
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise CurateError(f"{readme} has no {BEGIN} and {END}", "put the two lines where the table should be")
    made = f"{before}{BEGIN}\n{table(known, results)}\n{END}{after}"
    if made != text:
        partial = readme.with_name(f".{readme.name}.partial")
        partial.write_text(made, encoding="utf-8")
        partial.replace(readme)


if __name__ == "__main__":
    sys.exit(main())
