"""Who served the images: rows asked for, downloaded and kept per host."""

import polars as pl

from curate import schema as c
from curate.report.captions import gini
from curate.report.columns import FROM_WEB, HOST
from curate.report.counts import share

TOP = 20
ENOUGH = 10  # rows before a host's success rate means something


def host_statistics(frame: pl.LazyFrame) -> dict:
    """The 20 hosts most asked, the 20 that failed most rows, and how uneven hosts are."""
    found = (
        frame.filter(FROM_WEB)
        .group_by(HOST)
        .agg(
            pl.len().alias("asked"),
            pl.col(c.OUTCOME).eq(c.Outcome.OK).sum().alias("ok"),
            pl.col(c.KEEP).sum().alias("kept"),
        )
        .collect()
    )
    asked = int(found["asked"].sum())
    nameless = found.filter(pl.col(HOST).is_null())["asked"].sum()
    named = found.filter(pl.col(HOST).is_not_null())
    failing = (
        named.with_columns((pl.col("asked") - pl.col("ok")).alias("failed"))
        .filter((pl.col("asked") >= ENOUGH) & (pl.col("failed") > 0))
        .sort("failed", HOST, descending=[True, False])
    )
    return {
        "hosts": len(named),
        "kept_hosts": int((named["kept"] > 0).sum()),
        "without_host": int(nameless),
        "top": _rows(named.sort("asked", HOST, descending=[True, False]), asked),
        "failing": _rows(failing, asked),
        "gini": gini(named["asked"].to_numpy()),
        "gini_kept": gini(named["kept"].filter(named["kept"] > 0).to_numpy()),
    }


def _rows(found: pl.DataFrame, asked: int) -> list[dict]:
    return [
        {**row, "share": share(row["asked"], asked), "ok_share": share(row["ok"], row["asked"])}
        for row in found.head(TOP).select(HOST, "asked", "ok", "kept").to_dicts()
    ]
