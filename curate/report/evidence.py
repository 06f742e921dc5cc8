"""What a report may read. The caller gathers it; the report looks nothing else up."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

RUN = "run path"  # the key of `facts` that commands and snippets name
REPRODUCE = "reproduce"  # the key of `facts` that holds a whole command


@dataclass(frozen=True)
class Threshold:
    """A rule keeps what lies on the good side of `value`: >= for a minimum, <= for a maximum, or strictly so."""

    column: str
    bound: str  # "min" | "max"
    value: float
    stage: str
    rule: str
    strict: bool


@dataclass(frozen=True)
class Evidence:
    """Everything a report may read; nothing else is looked up.

    samples     a row per row of the subset, in order: the subset's columns, the pool's, then signals
    funnel      rows of stage, rule, in, added, dropped, kept, images
    duplicates  uid_a, uid_b, distance: pairs of near-duplicate samples of the pool
    read_image  image_uid -> the stored bytes, or None when there are none
    facts       versions, seed, machine, recipe hash, `run path`, `reproduce`, in the order to show them
    metrics     eval, metric, seed, value, n, and any columns that name the compared (arm, round)
    corpus      title -> a small table that a corpus pass has for people
    records     what is in each round's `record.json`, in order; they hold the metrics too
    """

    name: str
    samples: pl.LazyFrame
    funnel: list[dict]
    thresholds: list[Threshold]
    duplicates: pl.DataFrame
    read_image: Callable[[str], bytes | None]
    recipe_text: str
    facts: dict[str, str]
    metrics: pl.DataFrame | None = None
    records: list[dict] = field(default_factory=list)
    corpus: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def run_path(self) -> str:
        return self.facts.get(RUN) or f"runs/{self.name}"

    @property
    def run(self) -> str:
        """The run's path as a shell word, for commands."""
        return shlex.quote(self.run_path)
