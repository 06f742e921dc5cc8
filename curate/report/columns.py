"""The samples as every statistic reads them: missing columns as nulls, and a few plain ones derived.

Nothing is collected here: a statistic that needs three columns scans three columns.
"""

import polars as pl

from curate import schema as c
from curate.signals.text_stats import text_stats

SHORT_SIDE, ASPECT_RATIO = "short_side", "aspect_ratio"  # of the image as downloaded
RULE = "first_rule"  # the reason without its suffix
UNMEASURED = "unmeasured"  # the reason says that the value was null
MEASURABLE = "measurable"  # there is an image to measure: downloaded, or a text written for one that was
FROM_WEB = "from_web"  # asked for, as against written by a captioner
HOST = "host"

NULL_SUFFIX = ":null"
NUMBERS = (c.WIDTH, c.HEIGHT, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT)
TEXTS = (c.UID, c.IMAGE_UID, c.ORIGIN, c.REASON, c.URL, c.CAPTION, c.LABEL, c.OUTCOME, c.SHA256, c.FORMAT)

# After the scheme and a possible user, which ends at the last @ as in browsers.
HOST_PATTERN = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#]*@)?(\[[^\]/?#@]*\]|[^/?#:@\\]+)"


def prepared(samples: pl.LazyFrame) -> pl.LazyFrame:
    """The samples with every column that statistics name."""
    present = set(samples.collect_schema().names())
    absent = [pl.lit(None, pl.String).alias(name) for name in TEXTS if name not in present]
    absent += [pl.lit(None, pl.Int32).alias(name) for name in NUMBERS if name not in present]
    if c.KEEP not in present:
        absent.append(pl.lit(False).alias(c.KEEP))
    if c.FAILED not in present:
        absent.append(pl.lit(None, pl.List(pl.String)).alias(c.FAILED))
    if c.COPIES not in present:
        absent.append(pl.lit(1, pl.Int32).alias(c.COPIES))
    texts = {c.WORDS, c.CHARS} - present
    return (
        samples.with_columns(absent)
        .with_columns(pl.col(c.KEEP).fill_null(False), *_derived(present))
        .with_columns(
            expression.alias(expression.meta.output_name())
            for expression in text_stats(pl.col(c.CAPTION))
            if expression.meta.output_name() in texts
        )
    )


def without_suffix(reason: pl.Expr) -> pl.Expr:
    """`words.max:null` -> `words.max`."""
    return reason.str.strip_suffix(NULL_SUFFIX)


def _derived(present: set[str]) -> list[pl.Expr]:
    from_web = pl.col(c.ORIGIN).ne_missing(c.SYNTHETIC)
    width, height = pl.col(c.ORIGINAL_WIDTH), pl.col(c.ORIGINAL_HEIGHT)
    short = pl.when(width.is_not_null() & height.is_not_null()).then(pl.min_horizontal(width, height))
    derived = {
        SHORT_SIDE: short,
        ASPECT_RATIO: pl.when(short > 0).then(pl.max_horizontal(width, height) / short),
    }
    return [
        from_web.alias(FROM_WEB),
        (pl.col(c.OUTCOME).eq_missing(c.Outcome.OK) | ~from_web).alias(MEASURABLE),
        without_suffix(pl.col(c.REASON)).alias(RULE),
        pl.col(c.REASON).str.ends_with(NULL_SUFFIX).fill_null(False).alias(UNMEASURED),
        pl.col(c.URL).str.extract(HOST_PATTERN, 1).str.to_lowercase().alias(HOST),
        *(expression.alias(name) for name, expression in derived.items() if name not in present),
    ]
