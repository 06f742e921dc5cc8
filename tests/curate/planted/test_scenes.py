"""Splits of combinations, and the words for a scene."""

import random

import pytest

from curate.planted.backgrounds import PAINTERS
from curate.planted.captions import (
    BEHIND,
    FILL_WORDS,
    PLURALS,
    describe,
    describe_at_length,
    describe_shortly,
    noun,
    with_article,
    word_range,
)
from curate.planted.foreign import LANGUAGES, describe_in
from curate.planted.scenes import (
    BACKGROUNDS,
    CLASSES,
    COLOURED,
    COLOURS,
    FILLS,
    HIDES,
    HOLDERS,
    SHAPES,
    SPLIT_SHARES,
    Scene,
    Split,
    Thing,
    combinations,
    concepts,
    sample_scene,
)
from curate.planted.shapes import OUTLINES

BLACK_CRESCENT = Scene(Thing("black", "crescent", "solid"), 1, "wood", None)
FISH = Scene(Thing("red", "fish", "striped"), 2, "wood", None)


def test_splits_share_no_combination_and_lose_none() -> None:
    for concept in concepts(9):
        parts = [combinations(9, concept, split) for split in Split]
        every = [pair for part in parts for pair in part]
        assert len(every) == len(set(every))
        assert len(every) >= 35
        assert all(parts)


def test_enough_classes_of_distinct_concepts() -> None:
    assert len(set(concepts(9))) == len(COLOURS) * len(SHAPES)
    assert CLASSES >= 40
    assert concepts(9) != concepts(10)


def test_every_table_is_about_what_there_is() -> None:
    assert set(OUTLINES) == set(SHAPES)
    assert set(BEHIND) == set(PAINTERS) == set(BACKGROUNDS)
    assert set(FILL_WORDS) == set(FILLS)
    assert {*HOLDERS, *PLURALS} <= set(SHAPES)
    assert set(HIDES) <= set(BACKGROUNDS) - set(COLOURED)
    assert frozenset().union(*HIDES.values()) <= set(COLOURS)
    assert sum(SPLIT_SHARES.values()) == pytest.approx(1)


def test_splits_have_their_shares() -> None:
    parts = {split: [combinations(9, concept, split) for concept in concepts(9)] for split in Split}
    every = sum(len(pairs) for part in parts.values() for pairs in part)
    for split, part in parts.items():
        assert sum(map(len, part)) / every == pytest.approx(SPLIT_SHARES[split], abs=0.015)


def test_scenes_are_mostly_one_solid_thing() -> None:
    scenes = [sample_scene(2, str(number), Split.TRUSTED) for number in range(3000)]
    alone = sum(scene.count == 1 and scene.other is None for scene in scenes) / 3000
    assert alone == pytest.approx(0.92 * 0.9, abs=0.03)
    assert sum(scene.main.fill == "solid" for scene in scenes) / 3000 == pytest.approx(0.6, abs=0.05)
    assert {scene.main.shape for scene in scenes if scene.relation == "around"} == set(HOLDERS)


def test_a_scene_is_a_function_of_its_name() -> None:
    assert sample_scene(1, "a", Split.POOL) == sample_scene(1, "a", Split.POOL)
    assert sample_scene(1, "a", Split.POOL) != sample_scene(1, "b", Split.POOL)


def test_concepts_are_long_tailed() -> None:
    drawn = [sample_scene(2, str(i), Split.POOL).main for i in range(3000)]
    ranked = [f"{colour} {shape}" for colour, shape in concepts(2)]
    counts = [sum(thing.concept == name for thing in drawn) for name in (ranked[0], ranked[40], ranked[-1])]
    assert counts[0] > 2.5 * counts[1] > 0
    assert counts[2] > 0


def test_nouns() -> None:
    assert noun(FISH.main, 2, "striped") == "red striped fish"
    assert noun(Thing("blue", "cross", "solid"), 3, "") == "blue crosses"
    assert with_article("orange star") == "an orange star"
    assert with_article("red fish", 2) == "two red fish"


@pytest.mark.parametrize("number", range(60))
def test_descriptions_name_the_main_thing(number: int) -> None:
    scene, rng = sample_scene(3, str(number), Split.POOL), random.Random(number)
    for full in (False, True):
        text = describe(scene, rng, full=full).lower()
        assert scene.main.colour in text
        assert scene.main.shape in text
    assert word_range(describe_shortly(scene, rng))[1] <= 2
    assert word_range(describe_at_length(scene, rng))[0] >= 21


def test_foreign_phrases() -> None:
    table = {language: describe_in(language, FISH, random.Random(1)) for language in LANGUAGES}
    words = {
        "de": "zwei Fische in Rot",
        "fr": "deux poissons de couleur rouge",
        "es": "dos peces de color rojo",
        "it": "due pesci di colore rosso",
        "ru": "рыбы красного цвета",
        "zh": "红色的两个鱼",
        "ja": "赤色の二つの魚",
    }
    assert all(phrase.lower() in table[language].lower() for language, phrase in words.items())
    table = {language: describe_in(language, BLACK_CRESCENT, random.Random(1)) for language in LANGUAGES}
    words = {
        "de": "eine Mondsichel in Schwarz",
        "fr": "un croissant de couleur noire",
        "es": "una media luna de color negro",
        "it": "una mezzaluna di colore nero",
        "ru": "полумесяц чёрного цвета",
        "zh": "黑色的月牙",
        "ja": "黒色の三日月",
    }
    assert all(phrase.lower() in table[language].lower() for language, phrase in words.items())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_translated(language: str) -> None:
    words = LANGUAGES[language]
    assert len(words.shapes.split(", ")) == len(words.plurals.split(", ")) == len(SHAPES)
    assert len(words.colours.split(", ")) == len(COLOURS)
