import time

import pytest
import yaml

from curate.errors import InputError, RecipeError
from pipelines.recipe import load

GOOD = """\
name: x
run_dir: run
input: {urls: a.csv}
filters:
  - align_image: {min_short_side: 100}
  - clip_score: {model: clip, min: 0.3}
models:
  clip: {kind: open_clip, arch: ViT-B-32, weights: w.safetensors}
"""
BAD = """\
name: x
run_dir: run
input: {urls: a.csv, tabel: b}
download: {timout: 3, image_size: big}
filters:
  - align_image: {min_short_sid: 3}
  - clip_scor: {}
  - clip_score: {model: clp, min: 0.3}
models:
  clip: {kind: open_clip, arch: ViT-B-32, weights: w.safetensors}
"""


def write(tmp_path, text):
    (tmp_path / "recipe.yaml").write_text(text)
    return tmp_path / "recipe.yaml"


def test_every_mistake_is_told_with_its_place_and_a_remedy(tmp_path):
    path = write(tmp_path, BAD)
    with pytest.raises(RecipeError) as error:
        load(path)
    assert error.value.exit_code == 3
    lines = [line.removeprefix(f"{path}:") for line in error.value.message.splitlines()]
    assert lines == [
        "3:22: unknown key 'tabel', did you mean 'table'?",
        "4:12: unknown key 'timout', did you mean 'timeout'?",
        "4:23: download.image_size: Input should be a valid integer, unable to parse string as an integer"
        " (it says 'big')",
        "6:19: unknown key 'min_short_sid', did you mean 'min_short_side'?",
        "7:5: no filter is called 'clip_scor', did you mean 'clip_score'?",
        "8:18: no model is called 'clp', did you mean 'clip'?",
    ]


def test_the_resolved_recipe_has_every_default_and_resolves_to_itself(tmp_path):
    recipe = load(write(tmp_path, GOOD))
    again = load(write(tmp_path, recipe.resolved()))
    assert again == recipe
    written = yaml.safe_load(recipe.resolved())
    assert written["download"]["timeout"] == 10.0 and written["filters"][0]["align_image"]["max_aspect_ratio"] == 3.0
    assert written["run_dir"] == str(tmp_path / "run")


def test_set_addresses_filters_by_name_and_values_are_yaml(tmp_path):
    path = write(tmp_path, GOOD)
    recipe = load(path, ["filters.align_image.min_short_side=64", "download.timeout=3", "name=other"])
    assert recipe.filters[0].min_short_side == 64 and recipe.download.timeout == 3 and recipe.name == "other"
    with pytest.raises(
        RecipeError, match="no filter of the recipe is called 'aling_image'; did you mean 'align_image'"
    ):
        load(path, ["filters.aling_image.min_short_side=64"])
    with pytest.raises(RecipeError, match=r"--set download\.retries=many"):
        load(path, ["download.retries=many"])


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
        "name: " + "[" * 10_000,
        "name: !!python/object/apply:os.system ['touch /tmp/canary']",
        "name: x\nname: y\n",
        "- a list",
        "",
        "name: \x00",
    ],
)
def test_hostile_and_odd_files_are_refused_at_once(tmp_path, text):
    began = time.process_time()
    with pytest.raises(RecipeError):
        load(write(tmp_path, text))
    assert time.process_time() - began < 2


def test_a_missing_recipe_names_the_next_command(tmp_path):
    with pytest.raises(InputError, match="curate init"):
        load(tmp_path / "none.yaml")


def test_what_is_switched_off_stays_off_when_a_resolved_recipe_is_read_again(tmp_path):
    text = """
name: t
run_dir: run
input: {table: t.parquet}
filters:
  - align_text: {words: null, keep_top_ngrams: null}
  - any_of: [{caption_quality: {max_boilerplate: null}}, {where: {sql: words > 2}}]
train: {samples_seen: 64, clip_norm: null}
"""
    (tmp_path / "a.yaml").write_text(text)
    first = load(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text(first.resolved())
    again = load(tmp_path / "b.yaml")
    assert again == first and again.filters == first.filters and again.resolved() == first.resolved()
    assert first.filters[0].words is None and again.train.clip_norm is None
    assert "sha256: null" not in first.resolved()  # what was never said is not written
