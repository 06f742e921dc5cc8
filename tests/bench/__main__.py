"""Speed beside what one would use instead, in the same run: `make bench`. Ratios above 1 mean ours is faster."""

import datetime
import platform
import subprocess
from pathlib import Path

from tests.bench import clusters, concepts, deciding, download, hashing, ngrams, pairs, retrieval, scoring

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
    for bench in (hashing, pairs, ngrams, concepts, clusters, retrieval, deciding, scoring, download):
        for what, ours, peer, theirs, unit in bench.measure():
            line = f"| {what} | {ours:,.0f} {unit} | {peer} | {theirs:,.0f} {unit} | {ours / theirs:.2f} |"
            print(line, flush=True)
            lines.append(line)
    before = RESULTS.read_text() if RESULTS.exists() else "# Speed, newest first\n"
    head, _, rest = before.partition("\n")
    RESULTS.write_text(f"{head}\n\n" + "\n".join(lines) + "\n" + rest)


if __name__ == "__main__":
    main()
