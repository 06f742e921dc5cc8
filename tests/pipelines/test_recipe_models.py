"""The section `models`: a family and a column have one name, and one model that measures them."""

import pytest
import yaml

from curate.errors import RecipeError
from pipelines.models import declared
from pipelines.recipe import load

CLIP = {"kind": "open_clip", "arch": "tiny", "weights": "w.safetensors"}
MATCHER = {"kind": "blip_matcher", "arch": "tiny", "weights": "m.safetensors"}
HEAD = {"kind": "linear_head", "of": "clip", "weights": "h.safetensors"}
LOOK = {"kind": "zero_shot", "of": "clip", "categories": {"a": ["a"], "b": ["b"]}}


def recipe(tmp_path, models, filters=()):
    text = {"name": "x", "run_dir": "run", "input": {"urls": "a.csv"}, "models": models, "filters": list(filters)}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return load(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    ("others", "refused"),
    [
        ({"clip_score_clip": HEAD}, "clip_score_clip"),
        ({"embedding_clip": HEAD}, "embedding_clip"),
        ({"match_itm": HEAD, "itm": MATCHER}, "match_itm"),
        ({"look": LOOK, "look_first": HEAD}, "look_first"),
        ({"language": HEAD}, "language"),  # a family of ours
        ({"hashes": HEAD}, "hashes"),
        ({"dhash": HEAD}, "dhash"),  # a column of one
        ({"url": HEAD}, "url"),
        ({"keep": HEAD}, "keep"),  # stands beside the measured columns in a report
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_name_that_another_family_or_column_has_is_refused(tmp_path, others, refused, turned):
    models = {"clip": CLIP, **others}
    models = dict(reversed(models.items())) if turned else models
    with pytest.raises(RecipeError, match=f"there is a column {refused!r} already; give the model another") as error:
        recipe(tmp_path, models)
    assert error.value.message.count("there is a column") == 1


def test_a_pass_of_a_filter_has_its_columns_too(tmp_path):
    item = {"phrase_balance": {}}
    assert recipe(tmp_path, {"clip": CLIP, "phrases": HEAD})
    with pytest.raises(RecipeError, match="there is a column 'phrases' already"):
        recipe(tmp_path, {"clip": CLIP, "phrases": HEAD}, [item])


def test_a_pass_whose_file_is_missing_hides_no_mistake(tmp_path):
    item = {"concepts": {"entries": "none.txt", "cap": 3}}
    assert recipe(tmp_path, {"clip": CLIP}, [item])
    with pytest.raises(RecipeError, match="there is a column 'language' already"):
        recipe(tmp_path, {"clip": CLIP, "language": HEAD}, [item])


def test_every_family_that_is_left_has_its_own_model(tmp_path):
    models = {"clip": CLIP, "clip_2": CLIP, "head": HEAD, "look": LOOK, "itm": MATCHER}
    assert set(declared(recipe(tmp_path, models))) == {
        *("clip_score_clip", "embedding_clip", "clip_score_clip_2", "embedding_clip_2"),
        *("head", "look", "match_itm"),
    }
