"""Pairs of the pool that a person should look at: those of which the round's models are least sure.

The data engine of Segment Anything (Kirillov et al. 2023, arXiv 2304.02643, sections 4 and 5) in three modes. There:
assisted-manual, 4.3 M masks of 120 k images, the model trained again 6 times while annotators fell from 34 to 14
seconds a mask; semi-automatic, 5.9 M more of 180 k images, where confident masks were filled in beforehand and people
saw to the rest, 5 trainings; fully automatic, 1.1 G masks of 11 M images (predicted IoU above 0.88, stability of at
least 0.95), the only ones in what was released. Here, of pairs:

assisted        --propose TABLE: what the model is least sure of, for a person; --accept TABLE trusts what was accepted
semi-automatic  --propose TABLE --confident 0.9: with the pairs beyond that quantile accepted beforehand
automatic       --automatic --confident 0.95: what is beyond it is trusted, and the next round runs

A pair is proposed if it was downloaded and scored, if nothing but a score speaks against it, if its image is trusted
nowhere yet, and if nobody rejected it. Of an image it is the text with the best score, be it the web's or a
captioner's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from curate import schema as c
from curate.errors import InputError
from curate.files import sha256
from curate.filters.rule import Filter
from curate.uid import draw_int
from model_training.data.pairs import read_pairs
from pipelines import accepted, decide
from pipelines.context import Context
from pipelines.ledger import read_all
from pipelines.run import choose, fill
from pipelines.scorers import with_filters
from pipelines.workspace import SUBSET, round_folder

WINDOW = 4  # as many pairs nearest to the threshold as are drawn from, per pair that is proposed
SHARES = (0.5, 0.25, 0.125, 0.125)  # of the proposed, from each quarter of the window, the nearest first
ALIKE = 0.05  # of the proposed may have the same text
AWAY = "away"


@dataclass(frozen=True)
class Proposals:
    """`rows`: uid, image_uid, origin, caption (the web's), proposed, the scores, accept, edited, by; confident last."""

    rows: pl.DataFrame
    context: Context  # of the round whose models scored
    column: str  # the score that orders them
    cut: float  # the threshold that they are near to
    bound: float | None  # beyond which the model is confident


@dataclass(frozen=True)
class Confident:
    """A quantile of the scores of all downloaded pairs, or a score; strictly beyond it the model decides."""

    quantile: float | None = None
    score: float | None = None


def propose(context: Context, count: int, confident: Confident | None = None) -> Proposals:
    """Train the round's models and score the pool as far as that is not done, and choose up to `count` pairs.

    With `confident` up to `count` others come after them, accepted by the model.
    """
    fill(context)
    choose(context)
    standing = _standing(context)
    columns = score_columns(context.recipe.filters)
    if not columns:
        raise InputError(
            f"the recipe {context.recipe.name!r} reads no score, so nothing says which pairs a model is sure of",
            "add `models: {clip: {kind: trained}}` and a filter `clip_score: {model: clip, top: 0.5}`",
        )
    column = columns[0]
    frame = _frame(standing, columns)
    cut = _cut(context.recipe.filters, column, frame)
    bound = _bound(frame, column, confident)
    rows = _candidates(context, standing, frame, columns)
    sure = rows.filter(pl.col(column) > bound) if bound is not None else rows.clear()
    unsure = rows.join(sure, on=c.UID, how="anti", maintain_order="left")
    unsure = unsure.with_columns((pl.col(column) - cut).abs().alias(AWAY)).sort(AWAY, c.UID)
    seed = context.recipe.seed
    picked = unsure[_drawn(unsure, count, seed)].drop(AWAY)
    sure = sure[_spread(sure, _keyed(sure, range(len(sure)), seed), count)]
    return Proposals(_table(picked, sure, columns), standing, column, cut, bound)


def score_columns(filters: Iterable[Filter]) -> list[str]:
    """The scores of image and text that the filters read, in their order."""
    prefixes = (c.clip_score(""), c.match(""))
    return list(dict.fromkeys(name for item in filters for name in sorted(item.reads()) if name.startswith(prefixes)))


def _standing(context: Context) -> Context:
    """The round that was promoted last, whose models are the best there are; the run itself where none was."""
    numbers = [record["round"] for record in read_all(context.workspace) if record["decision"]["promoted"]]
    last = max(numbers, default=0)
    return with_filters(context, round_folder(last), context.recipe.filters, f"round {last}") if last else context


def _frame(context: Context, columns: list[str]) -> pl.DataFrame:
    """Every sample of the run, synthetic ones last: who it is, its text, its scores, and which rules failed it."""
    recipe, workspace = context.recipe, context.workspace
    own = [c.UID, c.IMAGE_UID, c.ORIGIN, c.OUTCOME, c.CAPTION, c.SHA256, c.STORED_SHA256]
    values = decide.read(recipe, workspace, own).select(*own, *(pl.col(name).cast(pl.Float64) for name in columns))
    answer = pl.from_arrow(workspace.folder.read_table(SUBSET, [c.KEEP, c.FAILED]))
    assert isinstance(answer, pl.DataFrame)
    return pl.concat([values, answer], how="horizontal")


def _cut(filters: Iterable[Filter], column: str, frame: pl.DataFrame) -> float:
    """The bound of the first item that reads the score; of one that has none, the best score that it dropped."""
    item = next(item for item in filters if column in item.reads())
    bounds = [t.value for rule in item.rules() for t in rule.thresholds if t.column == column]
    if bounds:
        return float(bounds[0])
    dropped = frame.filter(_failed_by([item]))[column].fill_nan(None).max()
    middle = dropped if dropped is not None else frame[column].fill_nan(None).median()
    return float(middle) if isinstance(middle, int | float) else 0.0


def _failed_by(items: Iterable[Filter]) -> pl.Expr:
    """A rule of these items failed it, and not for want of a value."""
    rules = [f"{item.stage}.{rule.name}" for item in items for rule in item.rules()]
    return pl.col(c.FAILED).list.set_intersection(rules).list.len() > 0


def _bound(frame: pl.DataFrame, column: str, confident: Confident | None) -> float | None:
    if confident is None:
        return None
    if confident.score is not None:
        return confident.score
    value = frame[column].fill_nan(None).drop_nulls().quantile(confident.quantile or 0.0, "higher")
    return float("inf") if value is None else float(value)


def _candidates(context: Context, standing: Context, frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """One row for each image that may be proposed: its text with the best score; ties by uid."""
    judges = [item for item in context.recipe.filters if item.reads() & set(columns)]
    rules = [f"{item.stage}.{rule.name}" for item in judges for rule in item.rules()]
    only_scores = pl.col(c.FAILED).list.set_difference([*rules, *(f"{rule}:null" for rule in rules)]).list.len() == 0
    usable = (pl.col(c.OUTCOME) == c.Outcome.OK) & pl.col(columns[0]).is_finite() & pl.col(c.CAPTION).is_not_null()
    known = accepted.verdicts(standing.workspace)
    trusted = known.filter(pl.col(c.ACCEPT))[c.IMAGE_UID].implode()
    hashes = pl.Series(list(_trusted_images(context)), dtype=pl.String).implode()
    web = frame.filter(pl.col(c.ORIGIN) == c.WEB).unique(c.IMAGE_UID, keep="first", maintain_order=True)
    captions = web.select(c.IMAGE_UID, pl.col(c.CAPTION).alias("web"))
    return (
        frame.filter(usable & (pl.col(c.KEEP) | only_scores))
        .filter(~pl.col(c.UID).is_in(known[c.UID].implode()), ~pl.col(c.IMAGE_UID).is_in(trusted))
        .filter(~pl.any_horizontal(pl.col(name).is_in(hashes).fill_null(False) for name in (c.SHA256, c.STORED_SHA256)))
        .sort(columns[0], c.UID, descending=[True, False])
        .unique(c.IMAGE_UID, keep="first", maintain_order=True)
        .join(captions, on=c.IMAGE_UID, how="left", maintain_order="left")
        .with_columns(pl.when(pl.col(c.ORIGIN) == c.WEB).then(pl.col(c.CAPTION)).otherwise(pl.col("web")).alias("web"))
    )


def _trusted_images(context: Context) -> Iterator[str]:
    """sha256 of the images of `loop.trusted`."""
    loop = context.recipe.loop
    if loop is None or loop.trusted is None:
        return
    for pair in read_pairs(loop.trusted, texts=False):
        yield from filter(None, (pair.sha256, sha256(pair.image)))


def _keyed(rows: pl.DataFrame, places: Iterable[int], seed: int) -> list[int]:
    uids = rows[c.UID]
    return sorted(places, key=lambda place: (draw_int(seed, uids[place], "propose"), uids[place]))


def _drawn(rows: pl.DataFrame, count: int, seed: int) -> list[int]:
    """Places of `count` rows, most of them near the threshold: drawn from each quarter of a window by its share.

    What a quarter lacks, because its texts are too much alike, the others give.
    """
    window = min(len(rows), WINDOW * count)
    quarter = -(-window // len(SHARES)) or 1
    first: list[int] = []
    rest: list[int] = []
    for number, share in enumerate(SHARES):
        part = _keyed(rows, range(number * quarter, min((number + 1) * quarter, window)), seed)
        wanted = round(share * count)
        first += part[:wanted]
        rest += part[wanted:]
    return sorted(_spread(rows, [*first, *rest], count))


def _spread(rows: pl.DataFrame, order: Iterable[int], count: int) -> list[int]:
    """The first `count` places of an order, without more of one text than ALIKE of them."""
    texts, most = rows[c.CAPTION], max(1, int(ALIKE * count))
    taken: list[int] = []
    seen: dict[str, int] = {}
    for place in order:
        if len(taken) == count:
            break
        text = texts[place]
        seen[text] = seen.get(text, 0) + 1
        if seen[text] <= most:
            taken.append(place)
    return taken


def _table(unsure: pl.DataFrame, sure: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    parts = [unsure.with_columns(pl.lit(None, pl.Boolean).alias(c.ACCEPT), pl.lit(None, pl.String).alias(c.BY))]
    parts.append(sure.with_columns(pl.lit(True).alias(c.ACCEPT), pl.lit(c.MODEL).alias(c.BY)))
    texts = (pl.col("web").alias(c.CAPTION), pl.col(c.CAPTION).alias(c.PROPOSED))
    edited = pl.lit("").alias(c.EDITED)
    return pl.concat(parts).select(c.UID, c.IMAGE_UID, c.ORIGIN, *texts, *columns, c.ACCEPT, edited, c.BY)
