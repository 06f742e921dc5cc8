"""A claim of a paper, put to the test at a size that a laptop trains in minutes, and what came of it.

A claim compares two arms over seeds: a seed draws the data, the initial weights and the order of both arms, so that
the differences are paired. Holds no torch.
"""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

REPRODUCED, OPPOSITE, UNDECIDED = "reproduced", "opposite", "not reproduced at this size"
LEAST_SEEDS = 3
Run = Callable[[int, Path], dict[str, float]]  # a seed, a folder for what may be kept -> points of each arm


@dataclass(frozen=True)
class Paper:
    title: str  # with the authors, where they name the idea
    arxiv: str  # "2103.00020"


@dataclass(frozen=True)
class Claim:
    """`better` is said to be above `worse`, or with a `margin` at most so many points below it."""

    name: str  # "clip/prompt-ensembles": the module, and the claim in it
    paper: Paper
    says: str  # one sentence
    theirs: str  # the paper's own number
    better: str  # an arm
    worse: str  # an arm
    data: str  # what it is tried on here, how large, and what is measured
    seeds: tuple[int, ...]
    run: Run
    margin: float = 0.0  # points; above 0 for claims that something costs nothing
    version: int = 1  # raised when a seed would give other numbers

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < LEAST_SEEDS:
            raise ValueError(f"{self.name}: {LEAST_SEEDS} seeds at least, not {self.seeds}")

    @property
    def file(self) -> str:
        return self.name.replace("/", "-") + ".json"


@dataclass(frozen=True)
class Found:
    """What one seed gave."""

    values: dict[str, float]  # arm -> points
    seconds: float
    date: str
    commit: str
    threads: int


@dataclass(frozen=True)
class Difference:
    """better - worse, paired over seeds, in points."""

    mean: float
    error: float  # standard error of the mean; infinite for one seed alone
    margin: float = 0.0

    @property
    def verdict(self) -> str:
        """Two standard errors decide, strictly: a difference of exactly 0 shows nothing, one of -margin neither."""
        wide = 2 * self.error
        if self.margin == 0:
            return REPRODUCED if self.mean > wide else OPPOSITE if self.mean < -wide else UNDECIDED
        if self.mean - wide > -self.margin:
            return REPRODUCED
        return OPPOSITE if self.mean + wide < -self.margin else UNDECIDED


def difference(better: Sequence[float], worse: Sequence[float], margin: float = 0.0) -> Difference:
    """Of the same seeds in the same order. Raises ValueError for none and for what is not finite."""
    found = [a - b for a, b in zip(better, worse, strict=True)]
    if not found or not all(map(math.isfinite, found)):
        raise ValueError(f"no difference of {list(better)} and {list(worse)}")
    error = statistics.stdev(found) / math.sqrt(len(found)) if len(found) > 1 else math.inf
    return Difference(statistics.fmean(found), error, margin)


# -- what is kept ------------------------------------------------------------------------------------
def read(claim: Claim, folder: Path) -> dict[int, Found]:
    """The seeds that were run with this version of the claim."""
    path = folder / claim.file
    if not path.exists():
        return {}
    told = json.loads(path.read_text(encoding="utf-8"))
    if told["claim"] != claim.name or told["version"] != claim.version:
        return {}
    return {int(seed): Found(**found) for seed, found in told["seeds"].items() if int(seed) in claim.seeds}


def write(claim: Claim, folder: Path, found: Mapping[int, Found]) -> None:
    """Whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "claim": claim.name,
        "version": claim.version,
        "seeds": {str(seed): asdict(found[seed]) for seed in sorted(found)},
    }
    path = folder / claim.file
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


# -- what is shown -----------------------------------------------------------------------------------
HEAD = "| paper and claim | the paper's number | ours, points | difference | seeds | verdict |"


def table(claims: Iterable[Claim], folder: Path) -> str:
    """Markdown, a row for each claim of which all seeds have been run, by the papers' dates."""
    rows = []
    for claim in sorted(claims, key=lambda claim: claim.paper.arxiv):
        found = read(claim, folder)
        if set(found) == set(claim.seeds):
            rows.append(line(claim, [found[seed].values for seed in claim.seeds]))
    return "\n".join([HEAD, "|---" * HEAD.count(" |") + "|", *rows])


def line(claim: Claim, values: Sequence[Mapping[str, float]]) -> str:
    arms = [claim.better, claim.worse, *(arm for arm in values[0] if arm not in (claim.better, claim.worse))]
    of = {arm: [value[arm] for value in values] for arm in arms}
    apart = difference(of[claim.better], of[claim.worse], claim.margin)
    shown = "; ".join(f"{arm} {number(statistics.fmean(v))} ± {number(_spread(v))}" for arm, v in of.items())
    within = f", margin {number(claim.margin)}" if claim.margin else ""
    cells = (
        f"{claim.paper.title} ({claim.paper.arxiv}): {claim.says}",
        claim.theirs,
        shown,
        f"{number(apart.mean, signed=True)} ± {number(apart.error)}{within}",
        str(len(values)),
        f"**{apart.verdict}**" if apart.verdict != REPRODUCED else apart.verdict,
    )
    return "| " + " | ".join(cells) + " |"


def _spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else math.inf


def number(value: float, signed: bool = False) -> str:
    """One decimal; what rounds to nothing has no sign; an infinite error is not known."""
    if math.isinf(value):
        return "?"
    rounded = round(value, 1) + 0.0
    return f"{rounded:+.1f}" if signed and rounded else f"{rounded:.1f}"
