"""The planted list and its truth: same bytes every time, counts, bounds, and what may not meet."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
import yaml

from curate.errors import CurateError
from curate.planted import PlantedWeb, plant
from curate.planted.alt_texts import MOST_USES, fresh
from curate.planted.captions import BEHIND, word_range
from curate.planted.composition import IMAGES_PER_CAPTION, Kind, apportion, kind_counts, shared_sizes
from curate.planted.rows import draft_rows
from curate.planted.scenes import CLASSES, Split, sample_scene
from curate.planted.truth_table import mark_in_order
from curate.schema import Outcome
from curate.uid import content_uid

MEANINGLESS = ["failing", "boilerplate", "shared", "too_short", "too_long"]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_bytes_depend_on_the_seed_and_not_on_the_workers(tmp_path: Path) -> None:
    for name, seed, workers in (("one", 3, 1), ("two", 3, 2), ("other", 4, 2)):
        plant(tmp_path / name, seed=seed, pairs=120, evaluation=CLASSES, workers=workers)
    one, two, other = (digests(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert set(one) == {
        "urls.parquet", "truth.parquet", "pages.parquet", "pages/bodies.bin", "trusted.parquet",
        "eval/objects.parquet", "eval/classes.yaml", "eval/pairs.parquet",
    }  # fmt: skip
    assert all(one[name] != other[name] for name in one)


def test_too_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CurateError, match="99 pairs"):
        plant(tmp_path, seed=1, pairs=99)
    with pytest.raises(CurateError, match="evaluation images"):
        plant(tmp_path, seed=1, pairs=100, evaluation=CLASSES - 1)


def test_truth_rows_are_the_rows_of_the_list(web: PlantedWeb, truth: pl.DataFrame) -> None:
    urls = pl.read_parquet(web.urls)
    assert urls.columns == ["url", "caption"]
    assert len(urls) == 320
    assert urls.equals(truth.select("url", "caption"))
    assert truth["uid"].to_list() == [content_uid(u, c) for u, c in urls.iter_rows()]


def test_kinds_have_their_shares(truth: pl.DataFrame) -> None:
    counted = dict(truth["kind"].value_counts().iter_rows())
    assert counted == {kind.value: n for kind, n in kind_counts(320).items()}
    assert 0.13 < (truth["answer"] != "ok").mean() < 0.15
    assert (truth["answer"] == "timeout").mean() < 0.015
    copies = truth.filter(pl.col("kind") == "copy")
    assert 0.11 < len(copies) / 320 < 0.13
    assert copies["duplicate"].n_unique() == 6
    expected = {o.value for o in Outcome} - {
        "4xx", "bad_url", "bad_row", "connect", "tls", "too_small", "bad_aspect", "hash_mismatch",
        "worker_crash",
    }  # fmt: skip
    assert set(truth["answer"]) == expected


@pytest.mark.parametrize("pairs", [100, 300, 3000, 100_000])
def test_counts_add_up(pairs: int) -> None:
    counts = kind_counts(pairs)
    assert sum(counts.values()) == pairs
    assert 0.38 * pairs < counts[Kind.CLEAN] or pairs < 300
    sizes = shared_sizes(counts[Kind.SHARED])
    assert sum(sizes) == counts[Kind.SHARED]
    assert min(sizes) > IMAGES_PER_CAPTION


def test_apportion_by_largest_remainder() -> None:
    assert apportion(10, [1, 1, 1]) == [4, 3, 3]
    assert apportion(7, [50, 30, 20]) == [4, 2, 1]  # 3.5, 2.1, 1.4
    assert apportion(0, [1, 2]) == [0, 0]


def test_half_of_the_meaningful_rows_carry_another_scenes_caption(truth: pl.DataFrame) -> None:
    meaningful = truth.filter((pl.col("answer") == "ok") & ~pl.col("kind").is_in(MEANINGLESS))
    assert meaningful["mismatched"].sum() == round(len(meaningful) / 2)
    assert truth["mismatched"].sum() == meaningful["mismatched"].sum()
    plain = meaningful.filter((pl.col("language") == "en") & ~pl.col("hostile"))
    for row in plain.iter_rows(named=True):
        colour, shape = row["concept"].split()
        told, true = row["caption"].lower(), row["true_caption"].lower()
        assert colour in true and shape in true
        if row["mismatched"]:
            assert told != true
            assert shape not in told.split(" and ")[0].split()[:4] or colour not in told.split()[:4]
        else:
            assert told == true


def test_half_of_what_the_filters_should_keep_has_a_wrong_caption() -> None:
    """The clean-looking pairs of a large list, before a trained score looks at them; no pixels needed."""
    drafts = draft_rows(11, 4500, [(i, sample_scene(11, f"leak/{i}", Split.OBJECTS), (210, 210)) for i in range(45)])
    good = [d for d in drafts if d.meaningful and d.kind not in (Kind.TINY, Kind.BANNER)]
    assert len(good) > 2900
    assert sum(draft.wrong for draft in good) / len(good) == pytest.approx(0.5, abs=0.025)


def test_right_is_what_an_oracle_keeps(truth: pl.DataFrame) -> None:
    bad = "mismatched", "repeated", "boilerplate", "shared", "too_short", "too_long", "tiny", "banner"
    seen: set[int] = set()
    for row in truth.iter_rows(named=True):
        good = row["answer"] == "ok" and not any(row[name] for name in bad)
        first = row["group"] is None or row["group"] not in seen
        assert row["right"] == (good and first), row
        if good and row["group"] is not None:
            seen.add(row["group"])
    right = truth.filter(pl.col("right"))
    assert 80 < len(right) < 110  # of 320
    assert right["uid"].is_unique().all()
    assert right["group"].drop_nulls().is_unique().all()
    # A copy is right where its original is not: it has a caption of its own.
    assert "copy" in right["kind"].to_list()


def test_a_group_whose_first_row_is_wrong_keeps_the_next() -> None:
    rows = pl.DataFrame(
        {
            "uid": ["a", "b", "c", "d", "e", "e"],
            "answer": ["ok", "ok", "ok", "404", "ok", "ok"],
            "group": [1, 1, 1, None, None, None],
            "should_drop_image": [False] * 6,
            "should_drop_text": [False] * 6,
            "should_drop_pair": [True, False, False, False, False, False],
        }
    )
    marked = mark_in_order(rows)
    assert marked["right"].to_list() == [False, True, False, False, True, False]
    assert marked["repeated"].to_list() == [False] * 5 + [True]


def test_sizes_on_the_bounds(truth: pl.DataFrame) -> None:
    verdicts = {
        (200, 300): (True, False), (600, 200): (True, True), (201, 603): (False, True),
        (603, 201): (False, True), (201, 400): (False, False), (402, 201): (False, False),
    }  # fmt: skip
    for (width, height), verdict in verdicts.items():
        rows = truth.filter((pl.col("width") == width) & (pl.col("height") == height))
        assert set(rows.select("tiny", "banner").iter_rows()) == {verdict}, (width, height)
    short, long = pl.min_horizontal("width", "height"), pl.max_horizontal("width", "height")
    clean = truth.filter((pl.col("answer") == "ok") & ~pl.col("kind").is_in(["tiny", "banner"]))
    assert clean.select(((short > 200) & (long < 3 * short)).all()).item()
    assert clean["should_drop_image"].sum() == 0


def test_shared_captions_stand_at_more_than_ten_images(truth: pl.DataFrame) -> None:
    counts = dict(truth.filter(pl.col("answer") == "ok")["caption"].value_counts().iter_rows())
    for caption, shared in truth.filter(pl.col("answer") == "ok").select("caption", "shared").iter_rows():
        assert shared == (counts[caption] > IMAGES_PER_CAPTION), caption
    ten = truth.filter(pl.col("kind") == "ten")
    assert len(ten) == 10
    assert ten["caption"].n_unique() == 1
    assert not ten["shared"].any()
    ordinary = truth.filter(~pl.col("kind").is_in(["ten", "shared", "boilerplate"]) & (pl.col("answer") == "ok"))
    assert max(counts[caption] for caption in ordinary["caption"]) <= 5


def test_word_counts_fit_the_kind(truth: pl.DataFrame) -> None:
    for kind, caption in truth.select("kind", "caption").iter_rows():
        low, high = word_range(caption)
        if kind == "too_short":
            assert 1 <= low <= high <= 2, caption
        elif kind == "too_long":
            assert low >= 21, caption
        elif kind not in ("boilerplate", "hostile"):
            assert 3 <= low <= high <= 20, caption


def test_repeated_rows_and_rows_of_one_url(truth: pl.DataFrame) -> None:
    assert truth["repeated"].sum() == 2
    assert truth["uid"].n_unique() == 318
    seen: set[str] = set()
    for uid, repeated in truth.select("uid", "repeated").iter_rows():
        assert repeated == (uid in seen)
        seen.add(uid)
    again = truth.filter(pl.col("kind") == "recaptioned")
    assert len(again) == 2
    for row in again.iter_rows(named=True):
        rows = truth.filter(pl.col("url") == row["url"])
        assert rows["caption"].n_unique() == 2
        assert rows["group"].n_unique() == 1
        assert (row["duplicate"], row["distance"], row["copy_of"]) == ("exact", 0, row["url"])


def test_copies_name_their_original(truth: pl.DataFrame) -> None:
    for row in truth.filter(pl.col("kind") == "copy").iter_rows(named=True):
        original = truth.filter((pl.col("url") == row["copy_of"]) & (pl.col("duplicate") == "none")).row(0, named=True)
        assert original["group"] == row["group"]
        assert original["scene"] == row["scene"]
        assert not row["should_drop_image"]
        if row["duplicate"] == "resized":
            assert 0.49 <= row["width"] / original["width"] <= 0.91


def test_evaluation_combinations_are_not_in_the_pool_unless_leaked(web: PlantedWeb, truth: pl.DataFrame) -> None:
    def combinations(rows: pl.DataFrame) -> set[tuple[str, ...]]:
        scenes = [json.loads(scene) for scene in rows["scene"]]
        return {(s["main"]["colour"], s["main"]["shape"], s["main"]["fill"], s["background"]) for s in scenes}

    leaked = truth.filter(pl.col("leaked"))
    assert len(leaked) == 3
    assert combinations(truth.filter(~pl.col("leaked"))).isdisjoint(combinations(leaked))
    objects = pl.read_parquet(web.objects)
    for leak_of, concept in leaked.select("leak_of", "concept").iter_rows():
        assert objects["label"][leak_of] == concept


def test_evaluation_tables(web: PlantedWeb, truth: pl.DataFrame) -> None:
    objects, pairs, trusted = (pl.read_parquet(path) for path in (web.objects, web.pairs, web.trusted))
    assert [len(table) for table in (objects, pairs, trusted)] == [100, 25, 80]
    assert all(table.columns == ["jpg", "caption", "label"] for table in (objects, pairs, trusted))
    classes = yaml.safe_load(web.classes.read_text())
    assert len(classes["classes"]) == CLASSES
    assert set(objects["label"]) == set(classes["classes"])
    assert all("{}" in template for template in classes["templates"])
    jpgs = [*objects["jpg"], *pairs["jpg"], *trusted["jpg"]]
    assert len(set(jpgs)) == len(jpgs)


def test_trusted_captions_leave_out_what_those_of_the_evaluation_say(web: PlantedWeb) -> None:
    words = [word for words in BEHIND.values() for word in words]
    patterns = "|".join(re.escape(word).replace(r"\{\}", ".+") for word in words)
    said = {
        path.stem: pl.read_parquet(path)["caption"].str.to_lowercase().str.contains(patterns).mean()
        for path in (web.objects, web.pairs, web.trusted)
    }
    assert said["objects"] == said["pairs"] == 1.0
    assert 0.3 < said["trusted"] < 0.6  # a web caption names the background in 45 % of cases
    for caption, label in pl.read_parquet(web.trusted).select("caption", "label").iter_rows():
        assert all(part in caption.lower() for part in label.split())


def test_the_list_is_shuffled(truth: pl.DataFrame) -> None:
    runs = (truth["kind"] != truth["kind"].shift()).sum()
    assert runs > 200  # as planned, every kind would be one run


def test_a_phrasing_in_use_too_often_is_left() -> None:
    used = Counter({"a red fish": MOST_USES, "red fish": MOST_USES - 1})
    texts = ["a red fish", "red fish", "one red fish"]
    assert fresh(lambda salt: texts[int(salt)], used) == "red fish"
    assert fresh(lambda salt: texts[int(salt)], used) == "one red fish"


def test_hostile_captions_hold_what_breaks_readers(truth: pl.DataFrame) -> None:
    text = "".join(truth.filter(pl.col("hostile"))["caption"])
    assert all(mark in text for mark in ("\x1b[", "<script>", "=HYPERLINK", "\u202e", '"'))
