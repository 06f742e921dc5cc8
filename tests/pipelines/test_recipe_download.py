"""The section `download`: what its keys may be, and what cannot go together, each told at its line."""

import pytest
import yaml

from curate.errors import RecipeError
from curate.image_store import StorePolicy
from pipelines.check import check
from pipelines.recipe import load
from pipelines.recipe_download import Download

HEAD = "name: x\nrun_dir: run\ninput: {urls: a.csv}\ndownload:\n"


def write(tmp_path, section):
    (tmp_path / "recipe.yaml").write_text(HEAD + "".join(f"  {line}\n" for line in section))
    return tmp_path / "recipe.yaml"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (["robots: some"], "5:3: download.robots: Input should be 'off', 'bulk' or 'all' (it says 'some')"),
        (["bulk_host: 0"], "5:3: download.bulk_host: Input should be greater than or equal to 1 (it says 0)"),
        (["per_host_rate: -1"], "5:3: download.per_host_rate: Input should be greater than or equal to 0 (it says -1)"),
        (["timeout: 5", "robot: off"], "6:3: unknown key 'robot', did you mean 'robots'?"),
        (
            ["encode_format: png", "encode_quality: 95"],
            "6:3: download.encode_quality: of png it is the compression level, 0 to 9 (it says 95)",
        ),
        (["encode_quality: 0"], "5:3: download.encode_quality: of jpg it is 1 to 100 (it says 0)"),
        (
            ["engine: img2dataset", 'resolve: {a: "127.0.0.1:1"}'],
            "6:3: engine: img2dataset cannot resolve names for itself; take `resolve` away, or use engine: curate",
        ),
        (
            ["engine: img2dataset", "robots: all"],
            "6:3: engine: img2dataset cannot read robots.txt; write robots: off, or use engine: curate",
        ),
        (
            ["hash_mismatch: quarantine", "engine: img2dataset"],
            "5:3: engine: img2dataset cannot put bytes aside: it keeps none as they came; write keep or drop,"
            " or use engine: curate",
        ),
    ],
)
def test_a_mistake_is_told_at_its_line(tmp_path, section, message):
    path = write(tmp_path, section)
    with pytest.raises(RecipeError) as error:
        load(path)
    assert error.value.message.splitlines() == [f"{path}:{message}"]


def test_a_bare_off_is_off_and_png_has_a_quality_of_its_own(tmp_path):
    for robots in ("off", "'off'", "no", "false"):
        recipe = load(write(tmp_path, [f"robots: {robots}", "encode_format: png"]))
        assert (recipe.download.robots, recipe.download.encode_quality) == ("off", 6)
    assert load(write(tmp_path, ["timeout: 5"]), ["download.robots=off"]).download.robots == "off"
    (tmp_path / "again.yaml").write_text(recipe.resolved())
    assert load(tmp_path / "again.yaml") == recipe
    assert yaml.safe_load(recipe.resolved())["download"]["robots"] == "off"


def test_the_defaults_are_those_of_the_policy_and_can_be_stored():
    given, policy = Download(), StorePolicy()
    names = ("image_size", "resize_mode", "resize_only_if_bigger", "encode_format", "encode_quality", "max_side")
    assert [getattr(given, name) for name in names] == [getattr(policy, name) for name in names]
    for kind in ("jpg", "png", "webp"):
        StorePolicy(encode_format=kind, encode_quality=Download(encode_format=kind).encode_quality)


def test_check_warns_of_the_stock_engine_and_counts_promises(tmp_path):
    (tmp_path / "a.csv").write_text(f"url,sha256\nhttp://a/1,{'a' * 64}\nhttp://a/2,\n")
    found = check(load(write(tmp_path, ["engine: img2dataset"])))
    assert "private addresses" in found["warnings"][0] and found["input"]["with_hash"] == 1
    assert check(load(write(tmp_path, ["engine: curate"])))["warnings"] == []
