"""The truth of every planted row as a table: what it is, which rules should drop it, and whether an oracle keeps it.

`TRUTH_SCHEMA` has what is planted. What follows from it are booleans, never null:

    shared             the caption stands at more than 10 distinct images
    should_drop_image  tiny or banner: ALIGN's image rules
    should_drop_text   boilerplate, shared, too_short or too_long: ALIGN's text rules
    should_drop_pair   mismatched: the caption is of another picture
    repeated           the same uid stands in an earlier row
    right              what an oracle keeps: an image comes, none of the four above says drop, and no earlier row of
                       its duplicate group is right; foreign, hostile and leaked rows can be right
"""

from collections.abc import Sequence

import polars as pl

from curate import schema
from curate.planted.answers import outcome_of
from curate.planted.composition import IMAGES_PER_CAPTION, Duplicate, Kind
from curate.planted.pictures import Made
from curate.planted.rows import Draft
from curate.schema import Outcome
from curate.uid import content_uid

LEAST_SHORT_SIDE = 200  # ALIGN keeps more than this
MOST_ASPECT = 3  # ALIGN keeps less than this

TRUTH_SCHEMA: dict[str, type[pl.DataType]] = {
    "uid": pl.String,
    "url": pl.String,
    "caption": pl.String,
    "true_caption": pl.String,
    "concept": pl.String,
    "scene": pl.String,  # JSON
    "kind": pl.String,  # composition.Kind
    "answer": pl.String,  # schema.Outcome
    "behaviour": pl.String,  # answers.Behaviour
    "language": pl.String,
    "width": pl.Int32,  # as served; null where no image comes
    "height": pl.Int32,
    "mismatched": pl.Boolean,
    "boilerplate": pl.Boolean,
    "too_short": pl.Boolean,
    "too_long": pl.Boolean,
    "foreign": pl.Boolean,
    "hostile": pl.Boolean,
    "tiny": pl.Boolean,
    "banner": pl.Boolean,
    "duplicate": pl.String,  # composition.Duplicate
    "group": pl.Int64,  # of an original and its copies
    "distance": pl.Int32,  # of a copy's pHash to its original's
    "copy_of": pl.String,  # the original's URL
    "leaked": pl.Boolean,
    "leak_of": pl.Int64,  # row of eval/objects.parquet
}


def truth_table(
    drafts: Sequence[Draft],
    images: Sequence[Made | None],
    urls: Sequence[str],
    texts: Sequence[tuple[str, str]],
) -> pl.DataFrame:
    """One row per draft, in their order, with the columns that only the whole list can tell."""
    grouped = {d.source for d in drafts if d.duplicate is not Duplicate.NONE}
    rows = []
    for draft, image, url, (caption, true_caption) in zip(drafts, images, urls, texts, strict=True):
        row = _row(draft, image, url, caption, true_caption)
        root = draft.source if draft.source is not None else draft.number
        row["group"] = root if root in grouped else None
        if draft.duplicate is not Duplicate.NONE and draft.source is not None:
            row |= {"copy_of": urls[draft.source], "distance": _distance(image, images[draft.source])}
        rows.append(row)
    table = pl.DataFrame(rows, schema=TRUTH_SCHEMA)
    content = pl.Series("content", [None if m is None else m.body for m in images], pl.Binary)
    return _with_verdicts(table.with_columns(content)).drop("content")


def mark_in_order(table: pl.DataFrame) -> pl.DataFrame:
    """Adds `repeated` and `right`, which depend on the order of the rows."""
    table = table.with_columns((~pl.col(schema.UID).is_first_distinct()).alias("repeated"))
    dropped = pl.any_horizontal("repeated", "should_drop_image", "should_drop_text", "should_drop_pair")
    good = (pl.col("answer") == Outcome.OK.value) & ~dropped
    # Of a group the first good row is right, not the first row: that one may have another picture's caption.
    first = pl.col("group").is_null() | (good.cum_sum().over("group") == 1)
    return table.with_columns((good & first).alias("right"))


def _row(draft: Draft, image: Made | None, url: str, caption: str, true_caption: str) -> dict[str, object]:
    answer = outcome_of(draft.behaviour)
    width, height = (image.width, image.height) if image is not None and answer is Outcome.OK else (0, 0)
    short, long = min(width, height), max(width, height)
    return {
        "uid": content_uid(url, caption),
        "url": url,
        "caption": caption,
        "true_caption": true_caption,
        "concept": draft.shown.main.concept,
        "scene": draft.shown.as_json(),
        "kind": draft.kind.value,
        "answer": answer.value,
        "behaviour": draft.behaviour.value,
        "language": draft.language,
        "width": width or None,
        "height": height or None,
        "mismatched": draft.wrong,
        "boilerplate": draft.kind is Kind.BOILERPLATE,
        "too_short": draft.kind is Kind.TOO_SHORT,
        "too_long": draft.kind is Kind.TOO_LONG,
        "foreign": draft.kind is Kind.FOREIGN,
        "hostile": draft.kind is Kind.HOSTILE,
        "tiny": short <= LEAST_SHORT_SIDE if width else False,
        "banner": long >= MOST_ASPECT * short if width else False,
        "duplicate": draft.duplicate.value,
        "leaked": draft.kind is Kind.LEAKED,
        "leak_of": draft.leak,
    }


def _distance(a: Made | None, b: Made | None) -> int | None:
    return None if a is None or b is None else (a.phash ^ b.phash).bit_count()


def _with_verdicts(table: pl.DataFrame) -> pl.DataFrame:
    """`shared` counts distinct images among the downloadable rows, whatever the alt-text was planted as."""
    downloaded = pl.col("answer") == Outcome.OK.value
    images = pl.col("content").filter(downloaded).n_unique().over(schema.CAPTION)
    table = table.with_columns((downloaded & (images > IMAGES_PER_CAPTION)).alias("shared"))
    text = pl.any_horizontal("boilerplate", "shared", "too_short", "too_long")
    return table.with_columns(
        pl.any_horizontal("tiny", "banner").alias("should_drop_image"),
        text.alias("should_drop_text"),
        pl.col("mismatched").alias("should_drop_pair"),
    )
