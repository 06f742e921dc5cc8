"""LAION-400M (Schuhmann et al. 2021): keep the pairs whose image and text agree by a CLIP."""

from pathlib import Path

import polars as pl

from curate import schema as c
from curate.ask import ask
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.random_subset import RandomSubset
from tests.claims import arena
from tests.claims.claim import Claim, Paper
from tests.claims.papers.align import FEW, accuracy

PAPER = Paper("LAION-400M", "2111.02114")
SEEDS = (0, 1, 2)
WRONG = 0.6
DATA = (
    "CIFAR-10, 9,000 pairs, 60 % wrong, the best 40 % kept; scores by a model of 3,000 other pairs; "
    "19,200 samples seen; zero-shot, 3,000 pictures"
)


def clip_score(seed: int, cache: Path) -> dict[str, float]:
    """An accuracy near 10 % is chance: with most captions wrong a model may stay at taking all pairs for equal."""
    frame = arena.cifar_train(seed)
    scorer = arena.train(frame.head(FEW), seed, cache)
    pool = arena.mislabelled(frame[FEW:], WRONG, seed)
    pool = pool.with_columns(pl.Series(c.clip_score("clip"), scorer.cosines(pool), dtype=pl.Float32))
    best = ask(pool, [ClipScoreFilter(model="clip", top=1 - WRONG)])
    chance = ask(pool, [RandomSubset(keep=best.kept, seed=seed)])
    filtered, random = (pool.filter(pl.Series(answer.keep)) for answer in (best, chance))
    arms = {"by CLIP score": filtered, "random": random, "all": pool}
    found = {name: accuracy(kept, seed, cache) for name, kept in arms.items()}
    return found | {"right pairs, by CLIP score": 100 * float(filtered["right"].mean() or 0)}


CLAIMS = (
    Claim(
        "laion/filter-beats-none",
        PAPER,
        "pairs chosen by CLIP score teach more than all of them, at equal compute",
        "not measured; DataComp (2304.14108), medium: 27.3 against 17.6 % on ImageNet",
        "by CLIP score",
        "all",
        DATA,
        SEEDS,
        clip_score,
    ),
    Claim(
        "laion/filter-beats-random",
        PAPER,
        "pairs chosen by CLIP score teach more than as many random ones",
        "not measured",
        "by CLIP score",
        "random",
        DATA,
        SEEDS,
        clip_score,
    ),
)
