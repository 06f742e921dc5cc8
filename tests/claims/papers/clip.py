"""CLIP (Radford et al. 2021): contrast instead of predicting words, prompts, and so many pairs of a query at most."""

from pathlib import Path

import polars as pl

from tests.claims import arena, bag_of_words, long_tail
from tests.claims.claim import Claim, Paper

PAPER = Paper("CLIP", "2103.00020")
SEEDS = (0, 1, 2, 3, 4)


def right_pairs(planted: arena.PlantedWeb) -> pl.DataFrame:
    """The trusted pairs, and what an oracle keeps of the pool."""
    pool = arena.web_pool(planted).filter(pl.col("right"))
    both = pl.concat([pool.select("jpg", "caption"), arena.web_table(planted.trusted).select("jpg", "caption")])
    return both


def contrast(seed: int, cache: Path) -> dict[str, float]:
    planted = arena.web(seed, cache)
    pairs, objects, classes = right_pairs(planted), arena.web_table(planted.objects), arena.web_classes(planted)
    clip, words = arena.train(pairs, seed, cache), bag_of_words.train(pairs, seed, cache)
    return {
        "contrast": arena.zero_shot(clip, objects, classes, arena.WEB_TEMPLATES, cache).accuracy,
        "bag of words": arena.zero_shot(words, objects, classes, ("{}",), cache).accuracy,
    }


def prompts(seed: int, cache: Path) -> dict[str, float]:
    """One model for all arms: only the texts at the test differ. No caption of the training is a bare word."""
    model = arena.train(arena.cifar_train(seed), seed, cache)
    test, classes = arena.cifar_test(), arena.cifar_classes()
    return {
        "prompt": arena.zero_shot(model, test, classes, arena.FORMS[:1], cache).accuracy,
        "class name": arena.zero_shot(model, test, classes, ("{}",), cache).accuracy,
    }


def ensemble(seed: int, cache: Path) -> dict[str, float]:
    """The model of `contrast`; the planted web's seven prompts, and the first of them."""
    planted = arena.web(seed, cache)
    objects, classes = arena.web_table(planted.objects), arena.web_classes(planted)
    model = arena.train(right_pairs(planted), seed, cache)
    return {
        "7 prompts": arena.zero_shot(model, objects, classes, arena.WEB_TEMPLATES, cache).accuracy,
        "1 prompt": arena.zero_shot(model, objects, classes, arena.WEB_TEMPLATES[:1], cache).accuracy,
    }


def per_query_cap(seed: int, cache: Path) -> dict[str, float]:
    pool = long_tail.pool(seed)
    capped = long_tail.balanced(pool, "hard_cap", seed, cache)
    return long_tail.judged({"capped": capped, "whole pool": pool}, seed, cache)


WEB = "planted web, about 1,400 right pairs; zero-shot, 40 classes, 800 pictures"

CLAIMS = (
    Claim(
        "clip/contrast",
        PAPER,
        "contrast learns more than predicting the caption's words as a bag, at as many samples",
        "4 times as fast to the same zero-shot accuracy (figure 2)",
        "contrast",
        "bag of words",
        WEB,
        SEEDS,
        contrast,
    ),
    Claim(
        "clip/prompts",
        PAPER,
        'the prompt "a photo of a {}" classifies better than the bare class name',
        "+1.3 points on ImageNet (section 3.1.4)",
        "prompt",
        "class name",
        "CIFAR-10, 12,000 pairs; zero-shot, 3,000 pictures",
        SEEDS,
        prompts,
    ),
    Claim(
        "clip/prompt-ensembles",
        PAPER,
        "an ensemble of prompts classifies better than one",
        "+3.5 points on ImageNet with 80 (section 3.1.4)",
        "7 prompts",
        "1 prompt",
        WEB,
        SEEDS,
        ensemble,
    ),
    Claim(
        "clip/per-query-cap",
        PAPER,
        "so many pairs of a query at most: better on rare classes",
        "20,000 pairs a query (section 2.2); not measured apart",
        "capped",
        "whole pool",
        long_tail.DATA,
        (0, 1, 2),
        per_query_cap,
    ),
)
