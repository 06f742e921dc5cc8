"""Speed beside what one would use instead, in the same run: `make bench`. Ratios above 1 mean ours is faster.

`python -m tests.bench NAME ...` runs some of them, such as `loading`.
"""

import datetime
import platform
import subprocess
import sys
from pathlib import Path

from tests.bench import (
    clusters,
    concepts,
    deciding,
    download,
    embedding,
    hashing,
    loading,
    ngrams,
    pairs,
    retrieval,
    scoring,
    training,
)

BENCHES = (
    *(hashing, pairs, ngrams, concepts, clusters, retrieval, deciding, scoring, download),
    *(embedding, loading, training),
)
RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [
        f"## {datetime.date.today()}, commit {commit.stdout.strip() or 'unknown'},"
        f" {platform.machine()}, Python {platform.python_version()}",
        "",
        "| what | ours | peer | peer's | ratio |",
        "|---|---|---|---|---|",
    ]
    named = {bench.__name__.rpartition(".")[2]: bench for bench in BENCHES}
    for bench in [named[name] for name in sys.argv[1:]] or BENCHES:
        for what, ours, peer, theirs, unit in bench.measure():
            digits = 0 if min(ours, theirs) >= 100 else 1
            line = (
                f"| {what} | {ours:,.{digits}f} {unit} | {peer} | {theirs:,.{digits}f} {unit} | {ours / theirs:.2f} |"
            )
            print(line, flush=True)
            lines.append(line)
    before = RESULTS.read_text() if RESULTS.exists() else "# Speed, newest first\n"
    head, _, rest = before.partition("\n")
    RESULTS.write_text(f"{head}\n\n" + "\n".join(lines) + "\n" + rest)


if __name__ == "__main__":
    main()
