"""The data engine: what is proposed, what verdicts do to the run, and its three modes."""

import io
import json
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from curate import schema as c
from curate.errors import InputError
from curate.uid import fold_of, synthetic_uid
from model_training.data.pairs import read_pairs
from pipelines import accepted
from pipelines.accept import accept
from pipelines.data_engine import accept_table, automatic, propose_to
from pipelines.ledger import read_all
from pipelines.propose import Confident, _drawn, _spread
from pipelines.recipe import load
from pipelines.verify import verify
from pipelines.workspace import Workspace
from tests.conftest import picture as drawn
from tests.model_training.models import blip_folders
from tests.pipelines.cli.test_commands import fails, ok
from tests.pipelines.coloured import rows, world
from tests.pipelines.test_capfilt import recipe as capfilt_recipe

LOOP = {"rounds": 1, "trusted": "trusted.parquet", "arms": [], "scorer": {"samples_seen": 96, "folds": 2}}
TRAIN = {"model": "small.json", "samples_seen": 32, "batch": 16, "warmup": 2, "seeds": [0]}


@pytest.fixture(scope="module")
def proposed(tmp_path_factory):
    """A run whose pool has an image of the trusted table, and its proposals."""
    folder = tmp_path_factory.mktemp("engine")
    path = world(folder, loop=LOOP, train=TRAIN)
    known = pl.read_parquet(folder / "pool.parquet")
    known.select("jpg", "caption")[:5].write_parquet(folder / "trusted.parquet")
    found = propose_to(load(path), str(folder / "out"), 12, Confident(0.9))
    return path, found, pl.read_parquet(found.table)


def scores(folder):
    parts = [pl.read_parquet(p) for p in sorted((folder / "run/signals/clip_score_clip").glob("*.parquet"))]
    return pl.concat([rows(96, 1, 0.5).select("uid", "caption"), pl.concat(parts)], how="horizontal")


def test_the_least_sure_are_proposed_and_what_is_trusted_never(proposed):
    path, found, table = proposed
    assert (found.pairs, found.confident) == (12, int(table[c.ACCEPT].fill_null(False).sum()))
    all_scores = scores(path.parent)
    for_person, sure = table[:12], table[12:]
    assert for_person[c.ACCEPT].null_count() == 12 and for_person[c.BY].null_count() == 12
    assert set(sure[c.BY]) == {c.MODEL} and (sure["clip_score_clip"] > found.bound).all()
    beyond = all_scores.filter(pl.col("clip_score_clip") > found.bound)
    trusted = set(all_scores["uid"][:5])
    assert set(sure["uid"]) == set(beyond["uid"]) - trusted and not trusted & set(table["uid"])
    away = (all_scores.filter(~pl.col("uid").is_in(beyond["uid"].implode()))["clip_score_clip"] - found.cut).abs()
    assert (for_person["clip_score_clip"] - found.cut).abs().max() <= away.sort()[4 * 12 + 5]
    assert (for_person[c.CAPTION] == for_person[c.PROPOSED]).all()


def test_thumbnails_are_small_and_without_metadata(proposed):
    for data in proposed[2][c.THUMBNAIL]:
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "JPEG" and max(image.size) <= 128 and not image.getexif()
    page = Path(proposed[1].page).read_text(encoding="utf-8")
    assert page.count('class="proposal"') == len(proposed[2]) and page.count("data:image/jpeg") == len(proposed[2])


def test_the_same_is_proposed_again_until_it_is_judged_and_csv_has_the_same_rows(proposed):
    path, _, table = proposed
    csv = propose_to(load(path), str(path.parent / "again.csv"), 12, Confident(0.9))
    again = pl.read_csv(csv.table)
    assert again["uid"].to_list() == table["uid"].to_list() and c.THUMBNAIL not in again.columns


@pytest.fixture(scope="module")
def judged(proposed):
    """Three pairs accepted, one of them edited; two rejected; the model's left as they are."""
    path, _, table = proposed
    said = [True, True, True, False, False] + [None] * 7 + table[c.ACCEPT].to_list()[12:]
    edited = ["a better text", *[""] * (len(table) - 1)]
    table = table.with_columns(pl.Series(c.ACCEPT, said, pl.Boolean), pl.Series(c.EDITED, edited))
    back = path.parent / "back.parquet"
    table.write_parquet(back)
    return path, table, back, accept_table(load(path), str(back))


def test_what_was_accepted_is_trusted_and_what_was_rejected_is_told(judged):
    path, table, _, found = judged
    model = len(table) - 12
    assert (found.accepted, found.rejected, found.known, found.again) == (3 + model, 2, 0, False)
    workspace = Workspace.at(str(path.parent / "run"))
    told = accepted.told(workspace)
    assert told["by"] == {"person": 3, "model": model} and told["modes"] == {"semi-automatic": 3 + model}
    assert (told["pairs"], told["rejected"], told["edited"]) == (3 + model, 2, 1)
    assert told["model_share"] == pytest.approx(model / (3 + model), abs=1e-4)
    ((place, digest),) = accepted.tars(workspace)
    pairs = list(read_pairs(place, digest=digest))
    made = {row["uid"]: row for row in rows(96, 1, 0.5).to_dicts()}
    texts = dict(zip(table["uid"], table[c.PROPOSED], strict=True)) | {table["uid"][0]: "a better text"}
    wanted = {(made[uid]["jpg"], texts[uid]) for uid in table.filter(pl.col(c.ACCEPT))["uid"]}
    assert {(pair.image, pair.texts[0].text) for pair in pairs} == wanted
    # A fold leaves an accepted image out as any other.
    assert {fold_of(3, pair.sha256, 2) for pair in pairs} == {0, 1}
    assert verify(workspace).problems == []


def test_the_same_table_again_changes_nothing_and_a_first_verdict_stands(judged):
    path, table, back, _ = judged
    trusted = path.parent / "run/trusted"
    before = {file.name: file.read_bytes() for file in trusted.iterdir()}
    assert accept_table(load(path), str(back)).again
    assert {file.name: file.read_bytes() for file in trusted.iterdir()} == before
    other = path.parent / "other.csv"
    other.write_text(f"uid,accept\n{table['uid'][0]},false\n{table['uid'][3]},true\n")
    found = accept_table(load(path), str(other))
    assert (found.accepted, found.rejected, found.known) == (0, 0, 2)


def test_the_scorer_is_trained_on_them_and_judged_pairs_do_not_come_again(judged, tmp_path):
    path, table, _, _ = judged
    model = path.parent / "run/models/clip/train/0/checkpoint.safetensors"
    before = model.read_bytes()
    again = propose_to(load(path), str(tmp_path / "next.parquet"), 96)
    assert model.read_bytes() != before
    decided = set(table.filter(pl.col(c.ACCEPT).is_not_null())["uid"])
    assert not decided & set(pl.read_parquet(again.table)["uid"])


def test_a_turn_without_a_person_trusts_the_confident_once(judged):
    path = judged[0]
    workspace = Workspace.at(str(path.parent / "run"))
    held = accepted.told(workspace)
    _, records, added = automatic(load(path), Confident(0.8))
    assert added is None and records[-1]["accepted"] == held  # the person's are trained on first
    _, records, added = automatic(load(path), Confident(0.8), 5)
    assert 0 < added.accepted <= 5 and records[-1]["accepted"] == accepted.told(workspace)
    assert records[-1]["accepted"]["modes"]["automatic"] == added.accepted
    assert records == read_all(workspace) and verify(workspace).problems == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nobody,true,", "bad.csv:2: the run has no sample of uid 'nobody'"),
        ("{uid},true,web,another text", "proposed was changed"),
        ("{uid},true,synthetic,a text,no-image", "the run has no image of the synthetic uid"),
        ("{empty},true,synthetic,,{image}", "there is no text to accept"),
        ("{uid},true,synthetic,never proposed,{image}", "proposed is not the text of this uid"),
        ("../../up,false,synthetic,never proposed,{image}", "proposed is not the text of this uid"),
        ("{uid},true,web,,,model", "no proposal of this run accepted the pair beforehand"),
    ],
)
def test_a_verdict_that_cannot_be_is_refused_with_its_row(judged, line, says):
    path, table, _, _ = judged
    free = table.filter(pl.col(c.ACCEPT).is_null())
    image = free["image_uid"][0]
    given = line.format(uid=free["uid"][0], image=image, empty=synthetic_uid(image, ""))
    (path.parent / "bad.csv").write_text(f"uid,accept,origin,proposed,image_uid,by\n{given}\n")
    with pytest.raises(InputError, match=says):
        accept(Workspace.at(str(path.parent / "run")), str(path.parent / "bad.csv"))


def test_a_synthetic_text_is_trusted_with_the_image_it_was_written_for(judged):
    path, table, _, _ = judged
    free = table.filter(pl.col(c.ACCEPT).is_null())
    image = free["image_uid"][1]
    uid = synthetic_uid(image, "written")
    made = {"uid": uid, "accept": True, "origin": "synthetic", "proposed": "written", "edited": "better"}
    place = path.parent / "page.json"
    place.write_text(json.dumps([{**made, "image_uid": image}]))
    workspace = Workspace.at(str(path.parent / "run"))
    assert accept(workspace, str(place)).accepted == 1
    newest = accepted.tars(workspace)[-1][0]
    (pair,) = read_pairs(newest)
    assert [(text.text, text.origin) for text in pair.texts] == [("better", "synthetic")]


@pytest.mark.parametrize("place", ["run/subset.parquet", "run/new.csv", "run", "link/pool/00000.parquet"])
def test_proposals_never_lie_among_the_runs_own_files(judged, place):
    path = judged[0]
    if not (path.parent / "link").exists():
        (path.parent / "link").symlink_to(path.parent / "run", target_is_directory=True)
    before = sorted((path.parent / "run").rglob("*.parquet"))
    with pytest.raises(InputError, match="among the run's own files"):
        propose_to(load(path), str(path.parent / place), 3)
    assert sorted((path.parent / "run").rglob("*.parquet")) == before


def test_proposals_overwrite_proposals_alone_and_no_verdicts_that_wait(judged, tmp_path):
    recipe, run, free = load(judged[0]), judged[0].parent / "run", tmp_path / "p.csv"
    mine = propose_to(recipe, str(run / "ask"), 3)  # a folder of its own in the run
    assert verify(Workspace.at(str(run))).problems == [] and Path(mine.table).parent == run / "ask"
    propose_to(recipe, str(free), 3)
    free.rename(tmp_path / "filled.csv")
    propose_to(recipe, str(free), 3)  # the page is ours, and goes
    propose_to(recipe, str(free), 4)  # nobody has decided anything yet
    rows = pl.read_csv(free, infer_schema=False).with_columns(pl.lit("false").alias(c.ACCEPT))
    rows.write_csv(free)
    with pytest.raises(InputError, match="4 verdicts in it were not accepted yet"):
        propose_to(recipe, str(free), 3)
    accept_table(recipe, str(free))
    propose_to(recipe, str(free), 3)
    for name, page in (("notes.csv", "t.html"), ("t.csv", "notes.html")):
        (tmp_path / name.replace("t.csv", "none")).write_text("uid,accept\n")
        (tmp_path / page).write_text("<title>mine</title>")
        with pytest.raises(InputError, match="would be overwritten"):
            propose_to(recipe, str(tmp_path / name), 3)
        assert (tmp_path / page).read_text() == "<title>mine</title>"


def test_commands_say_what_they_did_and_what_is_next(judged, tmp_path):
    path, _, back, _ = judged
    said = ok("loop", path, "--propose", tmp_path / "p.csv", "--count", "3", "--confident-score", "2")
    assert "3 pairs for you" in said and "0 more are accepted beforehand" in said and "p.html" in said
    assert "accepted before: nothing changes" in ok("loop", path, "--accept", back)
    for wrong in (
        ("--automatic",),
        ("--propose", "x", "--accept", "y"),
        ("--accept", "y", "--confident", "0.9"),
        ("--propose", "x", "--confident", "0.9", "--confident-score", "1"),
    ):
        fails(2, "loop", path, *wrong)
    assert "give --accept the table" in fails(4, "loop", path, "--accept", tmp_path / "none.csv")
    without = world(tmp_path / "w", filters=[], models={}, loop={"rounds": 1})
    assert "reads no score" in fails(4, "loop", without, "--propose", tmp_path / "x")


def test_draws_are_keyed_near_and_not_alike():
    uids = [f"{i:032x}" for i in range(1000)]
    frame = pl.DataFrame({"uid": uids, "caption": [f"text {i}" for i in range(1000)]})
    drawn = _drawn(frame, 40, seed=1)
    assert drawn == _drawn(frame, 40, seed=1) != _drawn(frame, 40, seed=2)
    assert [sum(40 * q <= place < 40 * (q + 1) for place in drawn) for q in range(4)] == [20, 10, 5, 5]
    alike = frame.with_columns(pl.lit("one text").alias("caption"))
    assert len(_drawn(alike, 40, seed=1)) == 2  # 5 %
    assert _spread(frame, range(1000), 3) == [0, 1, 2] and _drawn(frame[:0], 5, seed=0) == []
    assert len(_drawn(frame[:7], 40, seed=0)) == 7


def test_a_captioners_text_is_proposed_where_it_matches_better(tmp_path):
    blip_folders.write(tmp_path / "captioner", "BlipForConditionalGeneration")
    blip_folders.write(tmp_path / "matcher", "BlipForImageTextRetrieval", 4)
    texts = ["=a dog", "the sky", "a red cat", "blue", None, "broken"]
    images = [*(drawn(i) for i in range(5)), b"no image"]
    pl.DataFrame({"jpg": images, "caption": texts}).write_parquet(tmp_path / "table.parquet")
    recipe = capfilt_recipe(tmp_path, "run")
    found = propose_to(recipe, str(tmp_path / "p.parquet"), 50)
    table = pl.read_parquet(found.table)
    subset = pl.read_parquet(tmp_path / "run/subset.parquet")
    assert found.column == "match_judge" and found.cut == 0.5338 and set(table[c.ORIGIN]) == {"web", "synthetic"}
    assert table[c.IMAGE_UID].n_unique() == len(table) == 5  # not the damaged one
    web = dict(zip(subset[c.UID], texts, strict=False))
    parts = sorted((tmp_path / "run").glob("signals/match_judge/*.parquet"))
    parts += sorted((tmp_path / "run").glob("synthetic/signals/match_judge/*.parquet"))
    matches = dict(zip(subset[c.UID], pl.concat(map(pl.read_parquet, parts))["match_judge"], strict=True))
    for row in table.iter_rows(named=True):
        mine = subset.filter(pl.col(c.IMAGE_UID) == row[c.IMAGE_UID])
        assert row[c.UID] in mine[c.UID] and row[c.CAPTION] == web[mine[c.UID][0]]
        assert (row[c.PROPOSED] == row[c.CAPTION]) == (row[c.ORIGIN] == "web")
        assert row["match_judge"] == max(matches[uid] for uid in mine[c.UID] if matches[uid] is not None)
    back = table.with_columns(pl.lit(True).alias(c.ACCEPT))
    back.drop(c.THUMBNAIL).write_parquet(tmp_path / "back.parquet")
    accept_table(recipe, str(tmp_path / "back.parquet"))
    ((place, digest),) = accepted.tars(Workspace.at(str(tmp_path / "run")))
    told = {(pair.texts[0].text, pair.texts[0].origin) for pair in read_pairs(place, digest=digest)}
    assert told == set(zip(table[c.PROPOSED], table[c.ORIGIN], strict=True))
