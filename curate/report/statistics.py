"""The statistics of a run: one dictionary that the terminal, the JSON and the page all show."""

import polars as pl

from curate import schema as c
from curate.report import counts
from curate.report.alerts import alerts
from curate.report.captions import caption_statistics
from curate.report.columns import ASPECT_RATIO, MEASURABLE, SHORT_SIDE, prepared
from curate.report.duplicates import duplicate_statistics
from curate.report.evidence import Evidence
from curate.report.examples import examples
from curate.report.histograms import numeric_columns
from curate.report.hosts import host_statistics

SIZES = (c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, SHORT_SIDE, ASPECT_RATIO, c.WIDTH, c.HEIGHT)
LANGUAGE = "language"
SHOWN = 20  # rows of a corpus pass's table
NOT_SIGNALS = {*c.INPUT.names, *c.POOL.names, *c.SUBSET.names, *c.DATASET.names, *c.PHASH_SCHEMA.names}


def statistics(evidence: Evidence) -> dict:
    """Everything that can be said of a run in numbers, as plain JSON. The same evidence gives the same.

    No row is visited in Python: each part scans the columns that it needs.
    """
    frame = prepared(evidence.samples)
    outcomes = counts.outcomes(frame)
    measured = frame.filter(MEASURABLE)
    language = LANGUAGE in frame.collect_schema()
    stats: dict = {
        "name": evidence.name,
        "counts": counts.totals(frame),
        "outcomes": outcomes,
        "classes": counts.outcome_classes(outcomes),
        "funnel": counts.funnel_rows(evidence.funnel),
        "stages": counts.stages(evidence.funnel),
        "rules": counts.rules(frame, evidence.funnel),
        "examples": examples(frame),
        "sizes": numeric_columns(frame, SIZES, evidence.thresholds),
        "signals": numeric_columns(frame, signal_columns(frame, evidence), evidence.thresholds),
        **caption_statistics(frame),
        "hosts": host_statistics(frame),
        "formats": counts.table_of(measured, c.FORMAT),
        "labels": counts.table_of(measured, c.LABEL),
        "languages": counts.table_of(measured, LANGUAGE) if language else [],
        "duplicates": duplicate_statistics(frame, evidence.duplicates),
        "corpus": {title: table.head(SHOWN).to_dicts() for title, table in evidence.corpus.items() if len(table)},
    }
    stats["alerts"] = alerts(evidence, stats)
    return stats


def signal_columns(frame: pl.LazyFrame, evidence: Evidence) -> list[str]:
    """Numeric columns that are measurements: those with a threshold first, then in the frame's order."""
    schema = frame.collect_schema()
    numeric = [name for name, dtype in schema.items() if dtype.is_numeric()]
    asked = [t.column for t in evidence.thresholds if t.column in numeric and t.column not in SIZES]
    rest = [name for name in numeric if name not in NOT_SIGNALS and name not in SIZES]
    return list(dict.fromkeys([*asked, *rest]))
