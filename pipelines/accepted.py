"""The pairs of a run's pool that were proposed and accepted: `trusted/NNNNN.tar` and `.parquet`, one of each a table.

The tar is laid out as a dataset is, so that a scorer that is cross-fitted does not score an image which it was trained
on, accepted or not. The table has a row per verdict, rejections included (`curate.schema.VERDICTS`).
"""

from typing import Any

import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.files import parse_table
from pipelines.workspace import TRUSTED, Workspace


def tars(workspace: Workspace) -> list[tuple[str, str]]:
    """(place, sha256) of the accepted pairs, in the order in which their tables came."""
    return [
        (workspace.folder.url(f"{TRUSTED}/{base}"), record["sha256"])
        for _, entry in sorted(workspace.manifest(TRUSTED).entries.items())
        for base, record in sorted(entry.files.items())
        if base.endswith(".tar")
    ]


def verdicts(workspace: Workspace, but: str | None = None) -> pl.DataFrame:
    """Every verdict so far, as `curate.schema.VERDICTS`; `but`: without those of this table."""
    names = [
        f"{TRUSTED}/{base}"
        for key, entry in workspace.manifest(TRUSTED).entries.items()
        for base in entry.files
        if key != but and base.endswith(".parquet")
    ]
    parts = [parse_table(workspace.folder.read(name)) for name in sorted(names)]
    found = pl.from_arrow(pa.concat_tables(parts) if parts else c.VERDICTS.empty_table())
    assert isinstance(found, pl.DataFrame)
    return found


def told(workspace: Workspace) -> dict[str, Any] | None:
    """For the record of a round: how many pairs each mode and each judge gave. None where no table was accepted."""
    manifest = workspace.manifest(TRUSTED)
    if not manifest.entries:
        return None
    rows = verdicts(workspace)
    accepted = rows.filter(pl.col(c.ACCEPT))
    by_model = int((accepted[c.BY] == c.MODEL).sum())
    return {
        "content": manifest.content(),
        "tables": len(manifest.entries),
        "pairs": len(accepted),
        "rejected": len(rows) - len(accepted),
        "edited": int(accepted[c.EDITED].sum()),
        "by": {c.PERSON: len(accepted) - by_model, c.MODEL: by_model},
        "modes": dict(sorted(accepted[c.MODE].value_counts().iter_rows())),
        "model_share": round(by_model / len(accepted), 4) if len(accepted) else None,
    }


def in_words(found: dict[str, Any]) -> str:
    """One line: how many there are, and which share nobody but a model has seen."""
    modes = ", ".join(f"{mode} {count:,}" for mode, count in found["modes"].items()) or "none"
    share = "" if not found["by"][c.MODEL] else f"; {found['model_share']:.0%} by a model alone"
    return f"Trusted: {found['pairs']:,} accepted pairs ({modes}), {found['rejected']:,} rejected{share}."
