"""CapFilt's data where something changes: the pool, its pixels, the captioners, and rows that share an image."""

import json
import shutil

import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.errors import InputError, RecipeError
from curate.files import Folder
from curate.pool import Pool
from curate.uid import pack_uids, sort_uids
from pipelines.captioning import CaptionTask
from pipelines.check_filters import check_filters
from pipelines.models import declared
from pipelines.run import Runner
from pipelines.verify import verify
from pipelines.whatif import whatif
from pipelines.workspace import SYNTHETIC, Workspace
from tests.conftest import picture
from tests.pipelines.test_capfilt import MODELS, recipe, table, world

TWO = {**MODELS, "second": {**MODELS["writer"], "method": "greedy"}}
FILTERS = (
    {"capfilt": {"captioner": "writer"}},
    {"capfilt": {"name": "two", "captioner": "second", "matcher": "judge"}},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of two captioners in folder/run."""
    at = world(tmp_path_factory.mktemp("capfilt"))
    Runner(recipe(at, "run", FILTERS, TWO)).run(report=False)
    return at


@pytest.fixture
def copied(folder, request):
    name = request.node.name
    shutil.copytree(folder / "run", folder / name)
    return name


def problems(at):
    return "\n".join(verify(Workspace.at(str(at))).problems)


def test_another_pool_and_another_matcher_with_two_captioners(folder, copied):
    """What the second wrote of the earlier pool is judged by nobody before the second was asked again; and what an
    arm has of that pool is left over, no mistake."""
    shutil.copytree(
        folder / "run", folder / copied / "arms/old", ignore=shutil.ignore_patterns("pool", "input", "logs")
    )
    proof = verify(Workspace.at(str(folder / copied)))
    assert proof.problems == proof.left_over == []
    other = {**TWO, "judge": {**TWO["judge"], "first_token": "start"}}
    funnel = Runner(recipe(folder, copied, FILTERS, other, samples_per_shard=7)).run(report=False).funnel
    assert [row["added"] for row in funnel if row["rule"] == "appended"] == [8, 8]
    proof = verify(Workspace.at(str(folder / copied)))
    assert proof.problems == [] and [place.split("/")[-1] for place in proof.left_over] == ["old"]
    with pytest.raises(InputError, match=f"{copied}/pool/00001.tar: ends before byte 1,000,010"):
        list(Pool(Folder(str(folder / copied))).images(["00001.tar"], [10**6], [10]))


def test_verify_tells_of_texts_of_another_pool_in_words_with_their_place(folder, copied):
    for shard, column, value in (("00000", c.ROW, 99), ("00001", c.ROW, None), ("00000.1", c.CAPTION, None)):
        path = folder / copied / f"synthetic/{shard}.parquet"
        made = pl.read_parquet(path)
        made.with_columns(pl.lit(value, made.schema[column]).alias(column)).write_parquet(path)
    said = problems(folder / copied)
    for shard, what in (("00000", "an image that is"), ("00001", "an image that is"), ("00000.1", "a uid that is")):
        assert f"{folder / copied}/synthetic/{shard}: {what} not" in said
    manifest = Workspace.at(str(folder / copied)).manifest("pool")
    manifest.entries.pop("00001")
    manifest.save()
    assert f"{folder / copied}/synthetic/00001: of a pool shard that is not there" in problems(folder / copied)


def test_the_cache_has_no_caption_of_other_pixels(folder):
    """The same bytes came, and are stored as other ones: `download.image_size` was changed."""
    captions = declared(recipe(folder, "run", FILTERS, TWO))[c.model_caption("writer")]
    task = CaptionTask(Folder(str(folder / "run")), captions)
    before = Pool(task.folder).table("00000")
    after, other = before, before.take([3, 2, 1, 0])
    for name in (c.TAR, c.OFFSET, c.SIZE, c.STORED_SHA256):
        after = after.set_column(after.schema.get_field_index(name), name, other.column(name))
    old, new = task._texts("00000", before, set()), task._texts("00000", after, set())
    assert old != new and task._texts("00000", before, set()) == old


def test_an_image_has_its_copies_whichever_text_ranks_first(folder):
    pool = table(folder, "run/pool").filter(pl.col(c.OUTCOME) == "ok")
    np.save(folder / "thrice.npy", sort_uids(np.repeat(pack_uids(pool[c.UID]), 3)))
    listed = {"listed": {"table": "thrice.npy", "copies": True}}
    Runner(recipe(folder, "copies", (listed, FILTERS[0], {"score": {"column": "match_judge", "min": 0}}))).run(
        report=False
    )
    data = table(folder, "copies/dataset")
    firsts = {json.loads(texts)[0][c.ORIGIN] for texts in data[c.TEXTS]}
    assert firsts == {c.WEB, c.SYNTHETIC} and data.group_by(c.IMAGE_UID).len()["len"].to_list() == [3] * 8
    assert data[c.KEY].n_unique() == 24


def test_a_text_stands_for_the_row_that_is_in_and_joins_no_equal_one(folder):
    """Of the first image one row is dropped, one in another shard is left, and a third says the writer's words."""
    said = table(folder, "run/synthetic").filter(pl.col(c.CAPTIONER) == "writer")[c.CAPTION]
    captions = ["a dog", "a tree", "a house", "the sky", said[0]]
    rows = {"jpg": [picture(i) for i in (0, 1, 0, 2, 0)], "caption": captions, "label": ["bad", *["good"] * 4]}
    pl.DataFrame(rows).write_parquet(folder / "twins.parquet")
    one = {"where": {"name": "one", "sql": "caption <> 'a dog' and width > 0"}}
    web = {"where": {"name": "web", "sql": "source = 'twins.parquet' and label = 'good'"}}
    changes = {"input": {"table": "twins.parquet"}, "samples_per_shard": 2}
    greedy = {"capfilt": {"name": "two", "captioner": "second"}}
    funnel = Runner(recipe(folder, "twins", (one, FILTERS[0], greedy, web), TWO, **changes)).run(report=False).funnel
    assert [(row["stage"], row["added"]) for row in funnel if row["rule"] == "appended"] == [("capfilt", 2), ("two", 3)]
    assert funnel[-1]["dropped"] == 0 and problems(folder / "twins") == ""
    texts = [[text["text"] for text in json.loads(listed)] for listed in table(folder, "twins/dataset")[c.TEXTS]]
    assert [len(set(some)) for some in texts] == [len(some) for some in texts] == [3] * 3
    assert sorted(p.name for p in (folder / "twins" / SYNTHETIC).glob("*.parquet")) == [
        "00000.1.parquet", "00000.parquet", "00001.1.parquet", "00001.parquet"]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "later", "says"),
    [
        ({"top_p": 0.9}, {"top_p": 0.3}, r"filters.again.top_p: 'writer' writes once, at capfilt, .*say 0.3 there"),
        ({}, {"rescue": False}, "filters.again.rescue: .*say `rescue: false` there"),
        ({"top_p": 0.9}, {"matcher": "judge"}, None),
    ],
)
def test_what_a_later_item_says_of_a_captioner_that_wrote_is_refused(folder, first, later, says):
    filters = [{"capfilt": {"captioner": "writer", **one}} for one in (first, {"name": "again", **later})]
    found = recipe(folder, "checked", filters)
    if says is None:
        check_filters(found)
        return
    with pytest.raises(RecipeError, match=says):
        check_filters(found)


def test_whatif_says_that_a_captioner_must_be_asked(folder):
    workspace = Workspace.at(str(folder / "run"))
    with pytest.raises(RecipeError, match="run: whatif asks no captioner; writer, second wrote nothing there yet") as e:
        whatif(recipe(folder, "run", (), TWO), recipe(folder, "run", FILTERS, TWO), workspace)
    assert e.value.hint == f"curate run {folder}/run/recipe.yaml with the same --set asks the captioner"
