"""Captions that each rule dropped, as plain text: what a rule about texts takes is read, not looked at."""

import polars as pl

from curate import schema as c
from curate.report.columns import MEASURABLE, RULE

EXAMPLES = 20


def examples(frame: pl.LazyFrame) -> dict[str, list[str]]:
    """rule -> captions of pairs that it dropped first, those with the smallest uids: the same on any machine.

    A uid is a hash, so the smallest are drawn at random; the same caption is shown once.
    """
    dropped = frame.filter(MEASURABLE & ~pl.col(c.KEEP) & pl.col(RULE).is_not_null() & pl.col(c.CAPTION).is_not_null())
    one_each = dropped.group_by(RULE, c.CAPTION).agg(pl.col(c.UID).min())
    drawn = one_each.group_by(RULE).agg(pl.col(c.CAPTION).sort_by(c.UID).head(EXAMPLES))
    return dict(drawn.sort(RULE).collect().iter_rows())
