"""What a round's dataset is like, beside its evaluations, and whether that is within the recipe's bounds.

A loop that feeds on itself collapses before its metrics do: it keeps ever fewer concepts (Shumailov et al.,
arXiv 2305.17493), or a captioner says one thing for everything. So these are counted in every round.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from curate import schema as c
from curate.dataset import UNDER as DATASET
from curate.files import Folder
from pipelines.recipe_training import Guards
from pipelines.workspace import POOL, Workspace

FREQUENT = 5  # texts of the pool that a word is in, at least, to count
WORD = r"[\p{L}\p{N}]+"
PHASH = "signals/phash"


@dataclass(frozen=True)
class Health:
    """Counts of a dataset. What is of the round before is None in the first; and hashes may not be measured."""

    texts: int
    distinct_texts: int
    synthetic_texts: int
    top_text: float  # share of texts that are the most frequent one
    words: int  # of the pool's frequent words, those in the texts
    pool_words: int
    images: int
    repeated_images: float | None  # share of images whose perceptual hash another one has
    agreement: float | None  # images that both rounds keep, of those that either keeps (Jaccard)
    covered: float | None  # share of the round before's words
    distinct_before: float | None  # distinct texts, over how many the round before had

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def health(now: Workspace, before: Workspace | None) -> Health:
    """Of the dataset that was written. Images agree or not: a captioner that is trained anew writes other texts."""
    known = frequent_words(now.folder, now.manifest(POOL).content())
    mine = _texts(now)
    words = _words(mine[c.TEXT]) & known
    images = _image_uids(now)
    covered = distinct_before = agreement = None
    if before is not None:
        theirs = _texts(before)
        earlier = _words(theirs[c.TEXT]) & known
        covered = len(words & earlier) / len(earlier) if earlier else 1.0
        distinct_before = mine[c.TEXT].n_unique() / max(1, theirs[c.TEXT].n_unique())
        kept = _image_uids(before)
        agreement = len(images & kept) / max(1, len(images | kept))
    most = mine[c.TEXT].value_counts().select(pl.col("count").max()).item() or 0
    return Health(
        texts=len(mine),
        distinct_texts=mine[c.TEXT].n_unique(),
        synthetic_texts=int((mine[c.ORIGIN] != c.WEB).sum()),
        top_text=most / max(1, len(mine)),
        words=len(words),
        pool_words=len(known),
        images=len(images),
        repeated_images=_repeated(now, images),
        agreement=agreement,
        covered=covered,
        distinct_before=distinct_before,
    )


def asked(found: Health, guards: Guards) -> list[dict[str, Any]]:
    """guard, value, bound, holds: for every guard that has a bound and a value."""
    values = {
        "min_coverage": found.covered,
        "min_agreement": found.agreement,
        "max_synthetic": found.synthetic_texts / max(1, found.texts),
        "min_distinct_texts": found.distinct_before,
        "max_top_text": found.top_text,
        "max_repeated_images": found.repeated_images,
    }
    told = []
    for name, value in values.items():
        bound = getattr(guards, name)
        if value is not None and bound is not None:
            holds = value <= bound if name.startswith("max") else value >= bound
            told.append({"guard": name, "value": value, "bound": bound, "holds": holds})
    return told


def broken(told: list[dict[str, Any]]) -> str:
    """The guards that do not hold, in words; nothing where all do."""
    return ", ".join(
        f"guard.{one['guard']}: {one['value']:.3f}, bound {one['bound']:g}" for one in told if not one["holds"]
    )


@lru_cache(maxsize=2)
def frequent_words(folder: Folder, pool: str) -> frozenset[str]:
    """Words that FREQUENT of the downloaded samples' texts have. `pool`: its content, so that a pool is read once."""
    counts: dict[str, int] = {}
    for captions in _captions(folder):
        for word, count in _split(captions).value_counts().iter_rows():
            counts[word] = counts.get(word, 0) + count
    return frozenset(word for word, count in counts.items() if count >= FREQUENT)


def _captions(folder: Folder) -> Iterator[pl.Series]:
    for shard in sorted(Workspace(folder).manifest(POOL).entries):
        table = _frame(folder, f"{POOL}/{shard}.parquet", [c.CAPTION, c.OUTCOME])
        yield table.filter(pl.col(c.OUTCOME) == c.Outcome.OK)[c.CAPTION]


def _split(texts: pl.Series) -> pl.Series:
    """The words of every text, each once for a text."""
    return texts.drop_nulls().str.to_lowercase().str.extract_all(WORD).list.unique().explode().drop_nulls()


def _words(texts: pl.Series) -> set[str]:
    return set(_split(texts.unique()).unique().to_list())


def _texts(workspace: Workspace) -> pl.DataFrame:
    """text, origin: of every kept sample; copies of an image count once."""
    kind = pl.List(pl.Struct({c.TEXT: pl.String, c.ORIGIN: pl.String}))
    tables = [table.unique(c.IMAGE_UID)[c.TEXTS] for table in _dataset(workspace, [c.IMAGE_UID, c.TEXTS])]
    listed = pl.concat([pl.Series(c.TEXTS, [], pl.String), *tables])
    return listed.str.json_decode(kind).explode().drop_nulls().struct.unnest()


def _image_uids(workspace: Workspace) -> set[str]:
    return {uid for table in _dataset(workspace, [c.IMAGE_UID]) for uid in table[c.IMAGE_UID]}


def _dataset(workspace: Workspace, columns: list[str]) -> Iterator[pl.DataFrame]:
    for shard, entry in sorted(workspace.manifest(DATASET).entries.items()):
        if f"{shard}.parquet" in entry.files:  # the card has none
            yield _frame(workspace.folder, f"{DATASET}/{shard}.parquet", columns)


def _repeated(workspace: Workspace, images: set[str]) -> float | None:
    """By the hashes of the kept images' pool rows; None where they are not measured."""
    shards = sorted(workspace.manifest(POOL).entries)
    if set(shards) - workspace.manifest(PHASH).entries.keys():
        return None
    found = []
    for shard in shards:
        uids = _frame(workspace.folder, f"{POOL}/{shard}.parquet", [c.IMAGE_UID])
        frame = uids.hstack(_frame(workspace.folder, f"{PHASH}/{shard}.parquet", [c.PHASH]))
        found.append(frame.filter(pl.col(c.IMAGE_UID).is_in(list(images))))
    hashes = pl.concat(found).unique(c.IMAGE_UID)[c.PHASH].drop_nulls()
    return int(hashes.is_duplicated().sum()) / max(1, len(images))


def _frame(folder: Folder, name: str, columns: list[str]) -> pl.DataFrame:
    found = pl.from_arrow(folder.read_table(name, columns))
    assert isinstance(found, pl.DataFrame)
    return found
