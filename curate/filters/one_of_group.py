"""Which image of a group of duplicates is kept: what the filters that remove exact and near copies share.

The winner is always one that is still in: the image with the highest `keep_by` (a numeric column, the highest of the
image's texts counts; null and NaN last), then by `keep` the one with the most original pixels (`largest`), the fewest
(`smallest`), or neither (`first`); then the one with the smallest uid. All its texts stay.
"""

from typing import Literal

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.filters.rule import Filter, Of

GROUP = "group"


class OneOfGroup(Filter):
    keep: Literal["largest", "smallest", "first"] = "largest"
    keep_by: str | None = Field(None, description="a numeric column: the highest is kept; `keep` breaks ties")
    of: Of = "survivors"

    def reads(self) -> set[str]:
        named = {self.keep_by} if self.keep_by else set()
        return {c.IMAGE_UID, c.UID, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, *named}

    def kept(self, frame: pl.DataFrame, asked: pl.Series, group: pl.Series) -> pl.Series:
        """False where the image of a row that was asked lost in its group; a null group is no group."""
        members = pl.DataFrame([frame[c.IMAGE_UID], group.alias(GROUP)]).filter(asked & group.is_not_null())
        images = members.filter(members[GROUP].is_duplicated()).unique()  # few, of millions
        several = images.filter(pl.col(c.IMAGE_UID).len().over(GROUP) > 1)
        rows = frame.with_columns(asked=asked).filter(pl.col(c.IMAGE_UID).is_in(several[c.IMAGE_UID].implode()))
        contenders = several.join(self._merits(rows), on=c.IMAGE_UID)
        columns = ["best"] if self.keep_by else []
        columns += [] if self.keep == "first" else ["area"]
        highest_first = [name == "best" or self.keep == "largest" for name in columns]
        order = [GROUP, *columns, "smallest", c.IMAGE_UID]
        ranked = contenders.sort(order, descending=[False, *highest_first, False, False], nulls_last=True)
        losers = ranked.filter(~ranked[GROUP].is_first_distinct())[c.IMAGE_UID].unique()
        return ~frame[c.IMAGE_UID].is_in(losers.implode())

    def _merits(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A row per image. Which of its rows names an image depends on their order; the smallest uid does not."""
        area = pl.col(c.ORIGINAL_WIDTH).cast(pl.Int64) * pl.col(c.ORIGINAL_HEIGHT)
        found = [area.max().fill_null(0).alias("area"), pl.col(c.UID).min().alias("smallest")]
        if self.keep_by:
            asked = pl.col(self.keep_by).cast(pl.Float64).fill_nan(None).filter(pl.col("asked"))
            found.append(asked.max().alias("best"))
        return rows.group_by(c.IMAGE_UID).agg(found)
