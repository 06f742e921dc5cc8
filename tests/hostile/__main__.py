"""The suite as a table: `python -m tests.hostile`. With --peer, img2dataset goes through it too."""

import importlib
import sys
import time

from tests.hostile.cases import Case, Facts

KINDS = ("answers", "pictures", "tables", "headers", "ssrf", "needles")


def wrong(cases: list[Case], found: dict[str, Facts]) -> list[str]:
    lines = []
    for case in cases:
        facts = found.get(case.name, {})
        if not case.wrong(facts) and case.known:
            lines.append(f"  {case.name}: is as stated; take its mark off")
        elif case.wrong(facts) and not case.known:
            lines.append(f"  {case.name}: {case.wrong(facts)} instead of {dict(case.expected)}; {facts.get('message')}")
    return lines


def main(kinds: tuple[str, ...]) -> dict[str, int]:
    """Print the table; how many cases of each kind are as stated."""
    right: dict[str, int] = {}
    total, known, problems = 0, 0, []
    print(f"{'kind':10} {'cases':>6} {'as stated':>10} {'known not':>10} {'seconds':>8}")
    for kind in kinds:
        module = importlib.import_module(f"tests.hostile.{kind}")
        begun = time.monotonic()
        lines = wrong(module.CASES, module.results())
        count, open_ones = len(module.CASES), sum(bool(case.known) for case in module.CASES)
        right[kind] = count - open_ones - len(lines)
        print(f"{kind:10} {count:6} {right[kind]:10} {open_ones:10} {time.monotonic() - begun:8.1f}", flush=True)
        total, known = total + count, known + open_ones
        problems += [f"{kind}:", *lines] if lines else []
        problems += [f"{kind}, known: {case.name}: {case.known}" for case in module.CASES if case.known]
    print(f"{'all':10} {total:6} {sum(right.values()):10} {known:10}")
    print("\n".join(problems))
    return right


if __name__ == "__main__":
    chosen = tuple(name for name in sys.argv[1:] if name in KINDS) or KINDS
    found = main(chosen)
    if "--peer" in sys.argv:
        peer = importlib.import_module("tests.hostile.peer")
        peer.main(found, tuple(kind for kind in chosen if kind in peer.KINDS))
