"""`curate init --template loop`: it is a loop as it stands, and CapFilt's when its lines are uncommented."""

import re
from pathlib import Path

import pipelines.recipes
from pipelines.recipe import build
from pipelines.recipe_source import Source

TEXT = (Path(pipelines.recipes.__path__[0]) / "loop.yaml").read_text()


def built(text):
    return build(Source.parse(text.encode(), "recipe.yaml", Path("/nowhere")))


def test_as_it_is_it_has_a_scorer_and_no_captioner():
    recipe = built(TEXT)
    assert recipe.trained() == ["clip"] and recipe.loop.captioning is None and recipe.loop.rounds == 2


def test_uncommented_it_is_a_capfilt_loop_with_two_copies_of_one_pretraining():
    recipe = built(re.sub(r"^( +)# ", r"\1", TEXT, flags=re.MULTILINE))
    assert recipe.trained() == ["clip", "captioner", "matcher"]
    assert [item.type for item in recipe.filters] == [
        "align_image", "phash_dedup", "align_text", "capfilt", "clip_score",
    ]  # fmt: skip
    parts = recipe.loop.captioning
    assert (parts.pretrain.objective, parts.captioner.objective, parts.matcher.objective) == (
        "blip", "blip_captioner", "blip_matcher",
    )  # fmt: skip
    assert parts.captioner.model == parts.matcher.model == parts.pretrain.model
    assert recipe.train.captions.shares == {"web": 0.5, "synthetic": 0.5}
    # What their pre-training is said to do is done here too, but for the rate and what is learned.
    assert (parts.pretrain.lr, parts.captioner.lr, parts.captioner.warmup) == (3e-3, 1e-3, 0)
