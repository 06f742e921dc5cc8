"""What entered and what left between two rounds: samples by origin, and by the reason that they were out for."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from curate import schema as c
from pipelines.workspace import POOL, SUBSET, Workspace

NEW, GONE = "new", "gone"  # a synthetic text that the other round did not write at all
COLUMNS = [c.KEEP, c.REASON, c.ORIGIN]


@dataclass(frozen=True)
class Changes:
    """Samples are compared by their place in the pool; appended ones by their uid."""

    both: int
    entered: pl.DataFrame  # origin, reason: why they were out before
    left: pl.DataFrame  # origin, reason: why they are out now

    @classmethod
    def between(cls, before: Workspace, now: Workspace) -> "Changes":
        rows = now.manifest(POOL).rows()
        old, new = (_read(one, COLUMNS) for one in (before, now))
        pairs = pl.concat([_pairs(old[:rows], new[:rows]), _appended(before, now, rows)])
        was, stays = pl.col("was"), pl.col("is")
        entered = pairs.filter(~was & stays).select(c.ORIGIN, pl.col("reason_before").alias(c.REASON))
        left = pairs.filter(was & ~stays).select(c.ORIGIN, pl.col("reason_now").alias(c.REASON))
        return cls(pairs.filter(was & stays).height, entered, left)

    @property
    def jaccard(self) -> float:
        either = self.both + len(self.entered) + len(self.left)
        return self.both / either if either else 1.0

    def agreement(self) -> dict[str, Any]:
        return {
            "both": self.both,
            "newly_kept": len(self.entered),
            "newly_dropped": len(self.left),
            "jaccard": self.jaccard,
        }

    def as_dict(self) -> dict[str, Any]:
        return {"entered": _told(self.entered), "left": _told(self.left)}


def _pairs(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(
        {
            c.ORIGIN: new[c.ORIGIN],
            "was": old[c.KEEP],
            "is": new[c.KEEP],
            "reason_before": old[c.REASON],
            "reason_now": new[c.REASON],
        }
    )


def _appended(before: Workspace, now: Workspace, rows: int) -> pl.DataFrame:
    old, new = (_read(one, [c.UID, *COLUMNS])[rows:].unique(c.UID, maintain_order=True) for one in (before, now))
    both = old.join(new, on=c.UID, how="full", coalesce=True, suffix="_new", maintain_order="left_right")
    return both.select(
        pl.coalesce(c.ORIGIN, f"{c.ORIGIN}_new").alias(c.ORIGIN),
        pl.col(c.KEEP).fill_null(False).alias("was"),
        pl.col(f"{c.KEEP}_new").fill_null(False).alias("is"),
        pl.when(pl.col(c.KEEP).is_null()).then(pl.lit(NEW)).otherwise(pl.col(c.REASON)).alias("reason_before"),
        pl.when(pl.col(f"{c.KEEP}_new").is_null())
        .then(pl.lit(GONE))
        .otherwise(pl.col(f"{c.REASON}_new"))
        .alias("reason_now"),
    )


def _read(workspace: Workspace, columns: list[str]) -> pl.DataFrame:
    found = pl.from_arrow(workspace.folder.read_table(SUBSET, columns))
    assert isinstance(found, pl.DataFrame)
    return found


def _told(rows: pl.DataFrame) -> dict[str, Any]:
    return {
        "samples": len(rows),
        "origins": dict(sorted(rows[c.ORIGIN].value_counts().iter_rows())),
        "reasons": dict(sorted(rows[c.REASON].value_counts().iter_rows())),
    }
