"""The law of every corpus pass: neither how the pool is cut into shards nor the order of its rows bears on a number.

The passes are found by walking `curate.corpus`: a new one that is not tried here makes this fail.
"""

import importlib
import pkgutil
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

import curate.corpus
import curate.filters
from curate import schema as c
from curate.corpus import ROWS, CorpusPass
from curate.corpus.alt_text_counts import AltTextCounts
from curate.corpus.concept_matches import ConceptMatches
from curate.corpus.embedding_pairs import EmbeddingPairs
from curate.corpus.hash_pairs import HashPairs
from curate.corpus.hierarchical_kmeans import HierarchicalKMeans
from curate.corpus.kmeans import KMeans
from curate.corpus.outside_clusters import OutsideClusters
from curate.corpus.outside_hashes import OutsideHashes
from curate.corpus.outside_similarity import OutsideSimilarity
from curate.corpus.phrases import Phrases
from curate.corpus.retrieval import ClusterRetrieval, SampleRetrieval
from curate.corpus.semdedup import SemDeDup
from curate.filters.align_text import AlignText
from curate.filters.concepts import Concepts
from curate.filters.embedding_dedup import EmbeddingDedup
from curate.filters.phash_dedup import PHashDedup
from curate.filters.random_subset import RandomSubset
from curate.filters.score import Score
from curate.subset import decide
from tests.curate.corpus.blobs import NAMES, blobs

IMAGES, ITEMS, EMBEDDING = 240, 30, c.embedding("m")
PLACES = ("set.tar",)

# Each pass with every parameter that takes it another way through its code. `entries` is a file of concepts.
PASSES = {
    AltTextCounts: lambda entries: [AltTextCounts(), AltTextCounts(buffer=7)],
    ConceptMatches: lambda entries: [ConceptMatches(entries), ConceptMatches(entries, unspaced=True)],
    EmbeddingPairs: lambda entries: [EmbeddingPairs("m", k=8), EmbeddingPairs("m", k=None)],
    HashPairs: lambda entries: [HashPairs(10), HashPairs(10, c.DHASH)],
    HierarchicalKMeans: lambda entries: [HierarchicalKMeans("m", (24, 5), iterations=8, rounds=2)],
    KMeans: lambda entries: [
        KMeans("m", 12, iterations=8),
        KMeans("m", 12, iterations=8, spherical=True, init="random", empty="farthest", points_per_cluster=9),
    ],
    OutsideClusters: lambda entries: [OutsideClusters("m", 12, PLACES, iterations=8)],
    OutsideHashes: lambda entries: [OutsideHashes("set", PLACES, 10), OutsideHashes("set", PLACES, 10, c.DHASH)],
    OutsideSimilarity: lambda entries: [OutsideSimilarity("m", "set", PLACES)],
    Phrases: lambda entries: [Phrases(), Phrases("nouns.chunks")],
    SampleRetrieval: lambda entries: [SampleRetrieval("m", PLACES, 6)],
    ClusterRetrieval: lambda entries: [ClusterRetrieval("m", PLACES, 10, 8, 0)],
    SemDeDup: lambda entries: [SemDeDup("m", 6, order=order, iterations=8) for order in ("hard", "easy", "random")],
}


def subclasses(of):
    for one in of.__subclasses__():
        yield one
        yield from subclasses(one)


def known_passes():
    """Every pass of the package that can be run: what has no `merge` of its own is a base for others."""
    for package in (curate.corpus, curate.filters):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    found = {one for one in subclasses(CorpusPass) if one.__module__.split(".")[0] == "curate"}
    return {one for one in found if one.merge is not CorpusPass.merge}


def hashes(rng, base):
    """Near one another in groups of four, by up to nine bits; some blank or a ramp."""
    groups = np.repeat(rng.integers(1, 2**63, len(base) // 4, np.uint64), 4)
    flips = np.array([sum(1 << int(b) for b in rng.choice(64, 3 * (i % 4), replace=False)) for i in range(len(base))])
    found = groups ^ flips.astype(np.uint64)
    found[::40] = 0
    found[1::40] = 2**63
    return found


@pytest.fixture(scope="module")
def pool():
    """Images with one to three texts; copies under other names, opposite vectors, nulls, and what never came."""
    rng = np.random.default_rng(0)
    vectors, which = blobs(IMAGES, spread=0.8)
    vectors[60:90], vectors[90:100] = vectors[:30], -vectors[:10]
    image = np.concatenate([np.arange(IMAGES), rng.integers(0, IMAGES, 160)])
    rng.shuffle(image)
    things = rng.choice([*NAMES, "hot dog", "the", "of", "New York"], (len(image), 3))
    captions = [f"a {x}, {y} and {z}" if i % 9 else f"one {NAMES[which[i % 9]]}" for i, (x, y, z) in enumerate(things)]
    numbers, dropped = np.arange(len(image)), rng.random(len(image)) < 0.06
    per_image = {c.PHASH: hashes(rng, vectors), c.DHASH: hashes(rng, vectors)}
    lacking = {
        c.CAPTION: numbers % 37 == 0,
        c.PHASH: image % 23 == 0,
        c.DHASH: image % 31 == 0,
        EMBEDDING: image % 29 == 0,
    }
    frame = pl.DataFrame(
        {
            c.UID: [f"{i * 7919 % 100_003:032x}" for i in numbers],
            c.IMAGE_UID: [f"{i * 104_729 % 1_000_003:032x}" for i in image],
            c.CAPTION: captions,
            c.SHA256: [f"{i // 2:064x}" for i in image],  # every second image has the bytes of the one before
            c.OUTCOME: np.where(dropped, "404", "ok"),
            **{name: values[image] for name, values in per_image.items()},
            EMBEDDING: pl.Series(vectors[image], dtype=pl.Array(pl.Float16, vectors.shape[1])),
            "chunks": pl.Series([sorted({*row.tolist()}) for row in things], dtype=pl.List(pl.String)),
        }
    )
    frame = frame.with_columns(
        pl.when(pl.Series(~missing)).then(pl.col(name)).alias(name) for name, missing in lacking.items()
    )
    return frame.with_columns(pl.when(pl.col(c.OUTCOME) == "ok").then(c.SHA256).alias(c.SHA256))


@pytest.fixture(scope="module")
def items(pool):
    """A set from outside: some of the pool's own images, and others."""
    vectors, _ = blobs(ITEMS, spread=0.8, seed=1)
    own = pool.drop_nulls().unique(c.IMAGE_UID, keep="first").sort(c.IMAGE_UID).head(ITEMS // 3)
    vectors[: len(own)] = own[EMBEDDING].to_numpy()
    both = {}
    for name in (c.PHASH, c.DHASH):
        found = np.random.default_rng(9).integers(1, 2**63, ITEMS, np.uint64)
        found[: len(own)] = own[name].to_numpy() ^ np.uint64(5)
        both[name] = found
    names = [f"item{i * 7 % ITEMS:03d}" for i in range(ITEMS)]
    column = pl.Series(vectors, dtype=pl.Array(pl.Float16, vectors.shape[1]))
    return pl.DataFrame({c.ITEM: names, **both, EMBEDDING: column})


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    path = tmp_path_factory.mktemp("concepts") / "entries.txt"
    path.write_text("\n".join([*NAMES, "hot dog", "New York", "zebra"]) + "\n")
    return str(path)


def answer(work, shards, items):
    """The whole tables, and the per-sample columns by uid. A pass sees only the columns that it says it reads."""
    outside = {one.name: items.select(c.ITEM, one.column) for one in work.outside()}
    reads = [name for names in work.reads.values() for name in names]
    seen = [shard.select(reads) for shard in shards]
    tables = work.merge(({ROWS: rows} if work.gathers else work.partial(rows) for rows in seen), outside or None)
    made = [work.per_sample(tables, rows) for rows in seen]
    if work.schema is None:
        assert made == [None] * len(shards)
        return tables, None
    assert all(table.schema.equals(work.schema) for table in made)
    columns = [
        pl.concat([shard.select(c.UID), pl.from_arrow(table)], how="horizontal")
        for shard, table in zip(shards, made, strict=True)
    ]
    return tables, pl.concat(columns).sort(c.UID)


def ways_to_cut(pool):
    """The same rows in 1, 3 and 16 shards, of unequal sizes, in their order and in two others."""
    for seed in (None, 1, 2):
        rows = pool if seed is None else pool.sample(fraction=1, shuffle=True, seed=seed)
        for shards in (1, 3, 16):
            ends = np.sort(np.random.default_rng(shards).choice(np.arange(1, len(rows)), shards - 1, replace=False))
            bounds = [0, *ends.tolist(), len(rows)]
            yield [rows[a:b] for a, b in pairwise(bounds)]


def test_law_every_pass_is_tried_here():
    assert known_passes() == set(PASSES)


@pytest.mark.parametrize("kind", PASSES, ids=lambda kind: kind.__name__)
def test_golden_d2_law_shards_and_order_bear_on_no_number(kind, pool, items, entries):
    for work in PASSES[kind](entries):
        tables, columns = answer(work, [pool], items)
        assert tables and all(len(table) for table in tables.values()), "nothing was counted: the law says nothing"
        if columns is not None:
            assert all(column.n_unique() > 1 for column in columns), "one value for all: the law says nothing"
        for shards in ways_to_cut(pool):
            again, their_columns = answer(work, shards, items)
            assert list(again) == list(tables)
            for name, table in tables.items():
                assert again[name].equals(table), f"{work.name}: {name} of {len(shards)} shards"
            assert columns is None or their_columns.equals(columns), f"{work.name}: samples of {len(shards)} shards"


def test_golden_d2_the_kept_samples_are_the_same_for_any_shards_and_order(pool, items, entries):
    """Alt-text counts, MetaCLIP's counts and draws, a top fraction and components, one after another."""
    whole = pool.with_columns(
        pl.lit(c.WEB).alias(c.ORIGIN),
        pl.lit(300).alias(c.ORIGINAL_WIDTH),
        pl.lit(300).alias(c.ORIGINAL_HEIGHT),
        score=pl.Series(np.random.default_rng(3).integers(0, 60, len(pool)) / 60),
    )
    filters = [
        AlignText(words=None, max_images_per_caption=10, keep_top_ngrams=250),
        Concepts(entries=entries, cap=40),
        Score(column="score", top=0.7),
        EmbeddingDedup(model="m", threshold=0.9),
        PHashDedup(max_distance=4),
        RandomSubset(keep=15),
    ]
    verdicts = []
    for shards in ways_to_cut(whole):
        frame, tables = pl.concat(shards), {}
        for work in [AltTextCounts(), *(work for item in filters for work in item.passes())]:
            tables[work.name], columns = answer(work, shards, items)
            if columns is not None:
                frame = frame.join(columns, on=c.UID, how="left", maintain_order="left")
        verdicts.append(pl.from_arrow(decide(frame, filters, tables).table).sort(c.UID))
    dropped_by = set(verdicts[0][c.REASON].drop_nulls().str.split(".").list.first())
    assert {item.type for item in filters} <= dropped_by and 0 < verdicts[0][c.KEEP].sum() < len(pool)
    assert all(verdict.equals(verdicts[0]) for verdict in verdicts)
