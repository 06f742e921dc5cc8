"""CapFilt in a run: who is captioned, what is measured of the texts, and that every reader sees them (RECIPES A11)."""

import json
import shutil
from collections import Counter

import polars as pl
import pytest
import yaml

from curate import schema as c
from curate.corpus.concept_matches import ConceptMatches
from curate.errors import RecipeError
from curate.files import Folder
from curate.images import open_stored
from curate.pool import Pool, image_columns
from curate.report.page import render_page
from model_training.models.blip_inference import BlipInference
from model_training.models.blip_spec import BlipCaptionerSpec, BlipMatcherSpec
from model_training.models.blip_tokens import clean_caption
from model_training.models.generation import Generation
from pipelines import append
from pipelines.check import check
from pipelines.check_captions import caption_warnings
from pipelines.engine.ray import RayEngine
from pipelines.evidence import gather
from pipelines.explain import explain
from pipelines.export import export_run
from pipelines.progress import Quiet
from pipelines.recipe import load
from pipelines.run import Runner
from pipelines.status import status
from pipelines.verify import verify
from pipelines.whatif import whatif
from pipelines.workspace import Workspace
from tests.conftest import picture
from tests.model_training.models import blip_folders

MODELS = {
    "writer": {"kind": "blip_captioner", "weights": "captioner", "batch": 4, "max_length": 9, "min_length": 5},
    "judge": {"kind": "blip_matcher", "weights": "matcher", "batch": 4},
}
SHORT = {"writer": {**MODELS["writer"], "max_length": 6, "min_length": 0}, "judge": MODELS["judge"]}
WEB = ["a dog", "thing two", "a picture of thing three", "a red cat", "the sky", "a tree in a house", "a dog", "blue"]
CAPFILT = {"capfilt": {"captioner": "writer", "matcher": "judge", "min": 0.5338}}


def words(fewest):
    return {"where": {"name": "text", "sql": f"words >= {fewest}"}}


ITEMS = ({"where": {"name": "image", "sql": "width > 0"}}, words(2), CAPFILT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return world(tmp_path_factory.mktemp("capfilt"))


def world(at):
    """Weights, and a table of nine images: the first has two texts, and the last one is damaged."""
    blip_folders.write(at / "captioner", "BlipForConditionalGeneration")
    blip_folders.write(at / "matcher", "BlipForImageTextRetrieval", 4)
    captions = [[text] for text in WEB] + [["broken"]]
    captions[0].append("a house")
    images = [*(picture(i) for i in range(8)), b"no image"]
    pl.DataFrame({"jpg": images, "caption": captions}).write_parquet(at / "table.parquet")
    (at / "entries.txt").write_text("cat\ntree\nsky\ndog\na picture\n")
    return at


def recipe(folder, run, filters=ITEMS, models=MODELS, **changes):
    data = {
        "name": "m",
        "run_dir": run,
        "seed": 3,
        "input": {"table": "table.parquet"},
        "models": models,
        "samples_per_shard": 4,
        "filters": list(filters),
        "statistics": ["text_stats"],
        "engine": {"kind": "serial"},
        **changes,
    }
    name = f"{run.replace('/', '-')}.yaml"
    (folder / name).write_text(yaml.safe_dump(data))
    return load(folder / name)


def table(folder, under):
    return pl.concat([pl.read_parquet(path) for path in sorted((folder / under).glob("0*.parquet"))])


def contents(run):
    folders = ("synthetic", "dataset")
    found = {str(p.relative_to(run)): p.read_bytes() for one in folders for p in (run / one).rglob("*") if p.is_file()}
    return {**found, **{name: (run / name).read_bytes() for name in ("subset.parquet", "subset.npy", "funnel.json")}}


@pytest.fixture(scope="module")
def whole(folder):
    """The funnel of an unbroken run in folder/run."""
    return Runner(recipe(folder, "run")).run(report=False).funnel


def test_each_image_has_one_text_by_its_own_draw_and_both_origins_are_judged(folder, whole):
    made, pool = table(folder, "run/synthetic"), table(folder, "run/pool")
    first = pool.filter(pl.col(c.OUTCOME) == "ok").unique(c.IMAGE_UID, keep="first", maintain_order=True)
    assert made[c.IMAGE_UID].to_list() == first[c.IMAGE_UID].to_list() and len(made) == 8  # the bad texts' images too
    how = Generation(seed=3, max_length=9, min_length=5)
    writer = BlipInference(BlipCaptionerSpec("m", "", str(folder / "captioner"), generation=how))
    stored = Pool(Folder(str(folder / "run"))).images(*image_columns(made.to_arrow()))
    images = [open_stored(data) for data in stored]
    assert made[c.CAPTION].to_list() == [clean_caption(t) for t in writer.caption(images, made[c.IMAGE_UID].to_list())]
    judge = BlipInference(BlipMatcherSpec("m", "", str(folder / "matcher")))
    found = table(folder, "run/synthetic/signals/match_judge")["match_judge"].to_list()
    assert found == pytest.approx(judge.match(images, made[c.CAPTION].to_list()).tolist(), abs=1e-5)
    subset = pl.read_parquet(folder / "run/subset.parquet")
    assert subset[c.ORIGIN].to_list() == ["web"] * 10 + ["synthetic"] * 8
    assert subset[c.KEEP][10:].to_list() == [p > 0.5338 for p in found]
    row = next(r for r in whole if r["rule"] == "appended")
    assert (row["added"], row["images"]) == (8, 8) and Counter(subset[c.REASON][10:])["capfilt.match"] > 0


def test_the_datasets_texts_have_their_origin_and_score_and_their_images_stand_in_pool_order(folder, whole):
    data, subset = table(folder, "run/dataset"), pl.read_parquet(folder / "run/subset.parquet")
    texts = [json.loads(listed) for listed in data[c.TEXTS]]
    kept = subset.filter(c.KEEP)
    assert sorted(t["uid"] for listed in texts for t in listed) == kept[c.UID].sort().to_list()
    assert {t["origin"] for listed in texts for t in listed} == {"web", "synthetic"}
    order = table(folder, "run/pool")[c.IMAGE_UID].unique(maintain_order=True).to_list()
    assert data[c.IMAGE_UID].to_list() == [uid for uid in order if uid in set(kept[c.IMAGE_UID])]
    for caption, listed in zip(data[c.CAPTION], texts, strict=True):
        scores = [t["scores"]["match_judge"] for t in listed]
        assert scores == sorted(scores, reverse=True) and min(scores) > 0.5338 and caption == listed[0]["text"]


def test_a_second_run_makes_nothing_and_its_proof_holds(folder, whole):
    again = recipe(folder, "run")
    assert Runner(again).run(report=False).made == 0
    workspace = Workspace.at(str(folder / "run"))
    assert verify(workspace).problems == []
    stages = {one["stage"]: one for one in status(again, workspace)["stages"]}
    assert stages["synthetic"]["rows"] == 8 and stages["filters"]["of"] == 18
    assert {one["state"] for name, one in stages.items() if "synthetic" in name or name == "filters"} == {"done"}


def test_verify_finds_a_text_that_was_changed(folder, whole, tmp_path):
    shutil.copytree(folder / "run", tmp_path / "run")
    path = tmp_path / "run/synthetic/00000.parquet"
    pl.read_parquet(path).with_columns(pl.lit("other").alias(c.CAPTION)).write_parquet(path)
    problems = "\n".join(verify(Workspace.at(str(tmp_path / "run"))).problems)
    assert "not the size it was written with" in problems and "a uid that is not of its image and text" in problems


def test_explain_shows_the_synthetic_text_beside_the_webs(folder, whole):
    workspace, made = Workspace.at(str(folder / "run")), table(folder, "run/synthetic")
    pool = table(folder, "run/pool")
    web, synthetic, *_ = explain(recipe(folder, "run"), workspace, pool[c.UID][2])
    assert web.uid == pool[c.UID][2] and synthetic.uid == made[c.UID][1]
    said = dict(synthetic.lines)
    assert (
        made[c.CAPTION][1] in synthetic.lines[0][1] and "match_judge" in said["signals"] and "words" in said["signals"]
    )
    assert "match: " in said["capfilt"] and "text" not in said
    (alone,) = explain(recipe(folder, "run"), workspace, made[c.UID][5][:12])
    assert alone.uid == made[c.UID][5]


def test_whatif_runs_no_model_and_tells_of_images_that_nobody_has_described(folder, whole):
    before, workspace = recipe(folder, "run"), Workspace.at(str(folder / "run"))
    at = recipe(folder, "run", (*ITEMS[:2], {"capfilt": {**CAPFILT["capfilt"], "min": 0.54}}))
    matches = [
        *table(folder, "run/signals/match_judge")["match_judge"],
        *table(folder, "run/synthetic/signals/match_judge")["match_judge"],
    ]
    found = whatif(before, at, workspace)
    bad = WEB.index("blue") + 1
    expected = sum(p is not None and p > 0.54 for i, p in enumerate(matches) if i != bad)
    assert found.new[-1]["kept"] == expected and found.uncaptioned == 0 and found.gained.count == 0
    fewer = whatif(
        before, recipe(folder, "run", ({"where": {"name": "image", "sql": "width > 9999"}}, *ITEMS[1:])), workspace
    )
    assert fewer.new[-1]["kept"] == 0 and {one["reason"] for one in fewer.lost.first} == {"image.sql", "not appended"}
    without = {"capfilt": {**CAPFILT["capfilt"], "rescue": False}}
    assert whatif(recipe(folder, "run", (*ITEMS[:2], without)), before, workspace).uncaptioned == 1
    with pytest.raises(RecipeError, match="whatif asks no captioner"):
        whatif(
            before, recipe(folder, "run", (*ITEMS[:2], {"capfilt": {"captioner": "writer", "top_p": 0.5}})), workspace
        )


def test_the_report_and_an_export_count_the_texts(folder, whole, tmp_path):
    workspace = Workspace.at(str(folder / "run"))
    evidence = gather(recipe(folder, "run"), workspace)
    samples = evidence.samples.collect()
    made = samples.filter(pl.col(c.ORIGIN) == "synthetic")
    assert made[c.CAPTION].to_list() == table(folder, "run/synthetic")[c.CAPTION].to_list()
    assert made["match_judge"].null_count() == 0 and made[c.WORDS].null_count() == 0
    assert evidence.read_image(made[c.IMAGE_UID][0]) == evidence.read_image(samples[c.IMAGE_UID][0])
    page = render_page(evidence)
    assert "Texts that captioners wrote" in page and all(text in page for text in made[c.CAPTION])
    assert page.count("written by a captioner") >= 8
    found = export_run(workspace, None, str(tmp_path / "out"), Quiet())
    assert found.output_count == whole[-1]["kept"]


def counted(monkeypatch):
    """Images that any captioner is asked about."""
    seen, real = Counter(), BlipInference.caption

    def caption(self, images, uids):
        seen["images"] += len(uids)
        return real(self, images, uids)

    monkeypatch.setattr(BlipInference, "caption", caption)
    return seen


def test_other_thresholds_and_other_runs_of_the_pool_caption_new_images_only(folder, whole, tmp_path, monkeypatch):
    shutil.copytree(folder / "run", folder / "kept")
    seen = counted(monkeypatch)
    narrow = {"where": {"name": "image", "sql": "row < 3"}}
    Runner(recipe(folder, "kept", (narrow, *ITEMS[1:]))).run(report=False)
    assert len(table(folder, "kept/synthetic")) == 3 and seen["images"] == 0
    assert [path.name for path in sorted((folder / "kept/synthetic").glob("0*"))] == ["00000.parquet"]
    Runner(recipe(folder, "kept")).run(report=False)
    assert seen["images"] == 0 and contents(folder / "kept") == contents(folder / "run")
    Runner(recipe(folder, "kept", models=SHORT)).run(report=False)  # other texts by the same filters
    uids = table(folder, "kept/synthetic")[c.UID].to_list()
    assert seen["images"] == 8 and pl.read_parquet(folder / "kept/subset.parquet")[c.UID][10:].to_list() == uids
    Runner(recipe(folder, "kept", ITEMS[:2])).run(report=False)  # no captioner any more
    assert not list((folder / "kept/synthetic").rglob("0*.parquet"))
    assert verify(Workspace.at(str(folder / "kept"))).problems == []


def test_images_of_which_nothing_can_be_said_have_no_text(folder, whole):
    shutil.copytree(folder / "run", folder / "silent")
    (cache,) = (folder / "silent/logs/cache").glob("captions-*")
    said = pl.read_parquet(cache / "00001.parquet")
    said.with_columns(pl.lit(None, pl.String).alias("text")).write_parquet(cache / "00001.parquet")
    shutil.rmtree(folder / "silent/synthetic")
    after = ({"align_text": {"words": [1, 20]}}, {"concepts": {"entries": "entries.txt"}}, {"phrase_balance": {}})
    Runner(recipe(folder, "silent", (*ITEMS, *after))).run(report=False)
    assert len(table(folder, "silent/synthetic")) == 8 - len(said) < 8
    assert pl.read_parquet(folder / "silent/synthetic/00001.parquet").is_empty()
    assert verify(Workspace.at(str(folder / "silent"))).problems == []


@pytest.mark.slow
def test_ray_writes_the_same_bytes(folder, whole):
    shutil.copytree(folder / "run", folder / "ray")  # the pool and its signals are others' tests
    for made in ("synthetic", "dataset", "logs/cache"):
        shutil.rmtree(folder / "ray" / made)
    engine = RayEngine(workers=2)
    try:
        Runner(recipe(folder, "ray"), engine=engine).run(report=False)
    finally:
        engine.close()
    assert contents(folder / "ray") == contents(folder / "run")


def test_broken_off_between_captions_and_their_judge_it_goes_on_there(folder, whole, monkeypatch):
    class Broken(Exception):
        pass

    def broken(*given):
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(append, "_measure", broken)
        with pytest.raises(Broken):
            Runner(recipe(folder, "broken")).run(report=False)
    assert not (folder / "broken/subset.parquet").exists()
    seen = counted(monkeypatch)
    Runner(recipe(folder, "broken")).run(report=False)
    assert seen["images"] == 0 and contents(folder / "broken") == contents(folder / "run")


def test_rows_shards_and_batches_of_another_size_change_no_text(folder, whole):
    other = {**MODELS, "writer": {**MODELS["writer"], "batch": 3}}
    Runner(recipe(folder, "cut", models=other, samples_per_shard=7)).run(report=False)
    same = [c.UID, c.IMAGE_UID, c.CAPTION]
    assert table(folder, "cut/synthetic").select(same).equals(table(folder, "run/synthetic").select(same))
    assert (
        table(folder, "cut/dataset")
        .select(c.KEY, c.CAPTION)
        .equals(table(folder, "run/dataset").select(c.KEY, c.CAPTION))
    )


def test_texts_are_counted_with_the_pools_and_match_the_same_concepts(folder):
    """A captioner that says one thing of everything is found out by align_text after it."""
    after = ({"align_text": {"words": [1, 20], "max_images_per_caption": 1}}, {"concepts": {"entries": "entries.txt"}})
    at = recipe(folder, "counts", (CAPFILT, *after), SHORT)
    funnel = Runner(at).run(report=False).funnel
    made, pool = table(folder, "counts/synthetic"), table(folder, "counts/pool").filter(pl.col(c.OUTCOME) == "ok")
    pairs = pl.concat([frame.select(c.CAPTION, c.SHA256) for frame in (pool, made)]).unique()
    shared = dict(pairs.group_by(c.CAPTION).len().iter_rows())
    several = dict(pairs.group_by(c.SHA256).len().iter_rows())
    counts = table(folder, "counts/synthetic/corpus/alt_text_counts")
    assert counts[c.CAPTION_IMAGES].to_list() == [shared[text] for text in made[c.CAPTION]]
    assert counts[c.IMAGE_CAPTIONS].to_list() == [several[one] for one in made[c.SHA256]]
    assert max(shared[text] for text in made[c.CAPTION]) > 1
    work = ConceptMatches(str(folder / "entries.txt"))
    matched = table(folder, f"counts/synthetic/corpus/{work.name}")[work.column]
    assert matched.to_list() == work.matches(made[c.CAPTION]).to_pylist()
    subset = pl.read_parquet(folder / "counts/subset.parquet")[10:]
    for text, said, failed in zip(made[c.CAPTION], matched, subset[c.FAILED], strict=True):
        assert ("align_text.max_images_per_caption" in failed) == (shared[text] > 1)
        assert ("concepts.matched" in failed) == (not len(said))
    assert (
        sum(row["added"] for row in funnel) == len(made) and verify(Workspace.at(str(folder / "counts"))).problems == []
    )


def test_two_captioners_write_beside_one_another(folder, monkeypatch):
    models = {**MODELS, "second": {**MODELS["writer"], "method": "greedy"}}
    filters = (
        {"score": {"column": "match_judge", "min": 0}},  # before the captioners, and yet their texts have the score
        {"capfilt": {"captioner": "writer"}},
        {"capfilt": {"name": "two", "captioner": "second"}},
    )
    at = recipe(folder, "two", filters, models)
    funnel = Runner(at).run(report=False).funnel
    made = table(folder, "two/synthetic")
    assert Counter(made[c.CAPTIONER]) == {"writer": 8, "second": 8} and made[c.UID].n_unique() == 16
    assert [row["added"] for row in funnel if row["rule"] == "appended"] == [8, 8]
    texts = [text for listed in table(folder, "two/dataset")[c.TEXTS] for text in json.loads(listed)]
    assert len(texts) == 9 + 16 and all("match_judge" in text["scores"] for text in texts)
    seen = counted(monkeypatch)
    assert Runner(at).run(report=False).made == 0 and seen["images"] == 0
    assert verify(Workspace.at(str(folder / "two"))).problems == []


def test_the_check_names_the_cost_the_shared_weights_and_what_is_not_rescued(folder):
    at = recipe(folder, "checked")
    (said,) = check(at)["captions"]
    assert said == "writer writes a text of each image that is in at capfilt, at most 10; it is asked of no other"
    assert check(at)["warnings"] == []
    shared = {**MODELS, "judge": {**MODELS["judge"], "weights": "captioner"}}
    assert "8 % dropped in place of 25 %" in " ".join(caption_warnings(recipe(folder, "checked", models=shared)))
    (hint,) = check(recipe(folder, "checked", (words(2), {"exact_dedup": {}}, CAPFILT)))["warnings"]
    assert "put exact_dedup before text" in hint
    with pytest.raises(RecipeError, match="'judge' is no captioner; there are writer"):
        check(recipe(folder, "checked", ({"capfilt": {"captioner": "judge"}},)))
