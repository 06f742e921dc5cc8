"""A condition that cannot be computed, or that is none, stops at the door and says where it stands."""

import pytest

from curate.errors import RecipeError
from pipelines.check import check
from pipelines.check_filters import check_filters
from pipelines.recipe import build, load
from pipelines.recipe_source import Source

GOOD = [
    "words > 3 and brightness between 0.1 and 0.9 and caption is not null",
    "caption like '%cat%' or lower(url) = 'x'",
    "words > avg(words)",
    "caption_images < 10 and clip_score_clip > 0.2",
    "try_cast(label as int) > 3",
    "phash <> 0",
]
BAD = {
    "words": "not a condition",
    "words > 'abc'": "cannot compare string with numeric",
    "caption > 3": "cannot compare string with numeric",
    "words + 1 > 2 and url": "not supported",
    "upper(words) = 'A'": "String",
    "cast(caption as int) > 3": "conversion from `str`",
    "caption ~ '['": "regex",
    "wrods > 3": "no signal is called 'wrods', did you mean 'words'?",
}


def recipe(tmp_path, *conditions):
    items = "".join(f'  - where:\n      name: w{i}\n      sql: "{sql}"\n' for i, sql in enumerate(conditions))
    (tmp_path / "l.csv").write_text("url,caption\nhttp://a/1,x\n")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "name: t\nrun_dir: run\ninput: {urls: l.csv}\n"
        "models:\n  clip: {kind: open_clip, arch: ViT-B-32, weights: none.safetensors}\n"
        f"filters:\n{items}"
    )
    return path


def test_conditions_that_can_be_computed_pass(tmp_path):
    check_filters(load(recipe(tmp_path, *GOOD)))


@pytest.mark.parametrize("sql", BAD)
def test_conditions_that_cannot_are_refused_before_any_row_is_asked_for(tmp_path, sql):
    with pytest.raises(RecipeError) as caught:
        check(load(recipe(tmp_path, "words > 3", sql)))
    assert caught.value.message.startswith("filters.w1.sql: ") and BAD[sql] in caught.value.message


def test_each_mistake_is_reported_at_its_line(tmp_path):
    source = Source.read(str(recipe(tmp_path, "words > 'abc'", "words > 3", "words")))
    source.change("filters.w1.sql=caption > 3")
    with pytest.raises(RecipeError) as caught:
        check(build(source), source)
    first, second, third = caught.value.message.splitlines()
    assert first.startswith(f"{source.name}:9:7: this cannot be computed: cannot compare")
    assert second.startswith("--set filters.w1.sql=caption > 3: this cannot be computed")
    assert third.startswith(f"{source.name}:15:7: this is a value (Int32)")
