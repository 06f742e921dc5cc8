"""A URL that a list holds several times is fetched once, and all that asked for it get what came."""

import json
import random
from collections import Counter

import pyarrow as pa
import pytest

from curate import schema as c
from curate.files import Folder, table_bytes
from curate.manifest import Entry, Manifest
from curate.pool import Pool, image_columns
from pipelines.explain import explain
from pipelines.inputs.rows import asked, bad, tables
from pipelines.listing import once
from pipelines.progress import Quiet
from pipelines.recipe import load
from pipelines.repeats import FIRST_IN, is_repeats
from pipelines.retry import retry
from pipelines.run import Runner
from pipelines.seen import Seen
from pipelines.verify import verify
from pipelines.workspace import Workspace
from tests.conftest import picture
from tests.pipelines.web import SITE, Site, contents, recipe_for, stamps

FAMOUS = f"http://{SITE}/0.jpg"
CAPTIONS = [f"one picture told in words number {word}" for word in ("one", "two", "three", "four", "five")]
SHARDS = {"samples_per_shard": 4}


@pytest.fixture(scope="module")
def site():
    with Site({f"/{i}.jpg": picture(i) for i in range(12)}) as server:
        yield server


def pairs_of(site):
    """Twelve pictures, one of them five times, one page twice that is not there, and a pair twice."""
    pairs = [(f"http://{SITE}/{i}.jpg", f"a picture of thing number {i}") for i in range(1, 12)]
    gone = [(f"http://{SITE}/gone.jpg", caption) for caption in CAPTIONS[:2]]
    for at, caption in zip((2, 5, 9, 10, 14), CAPTIONS, strict=True):
        pairs.insert(at, (FAMOUS, caption))
    return [*pairs, *gone, pairs[0]]


def run(site, folder, pairs=None, **changes):
    path = recipe_for(folder, site, pairs or pairs_of(site), **{**SHARDS, **changes})
    site.requests = Counter()
    return path, Runner(load(path)).run()


def rows(folder, columns=None):
    pool = Pool(Folder(str(folder / "run")))
    return {shard: pool.table(shard, columns).to_pylist() for shard in pool.shards()}


def samples(folder):
    names = Folder(str(folder / "run")).names("dataset")
    read = Folder(str(folder / "run")).read_table
    found = [row for name in names if name.endswith(".parquet") for row in read(f"dataset/{name}").to_pylist()]
    return {row[c.URL]: [text[c.TEXT] for text in json.loads(row[c.TEXTS])] for row in found}


@pytest.fixture(scope="module")
def whole(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    _, summary = run(site, folder)
    return folder, summary, dict(site.requests)


def test_a_url_of_five_captions_is_one_request_and_one_image_with_five_texts(site, whole):
    folder, summary, requests = whole
    assert requests == dict.fromkeys(["/gone.jpg", *site.pages], 1)
    assert summary.asked == 19 and summary.outcomes == {"404": 2, "ok": 17}
    assert sorted(samples(folder)[FAMOUS]) == sorted(CAPTIONS)
    assert summary.images == 12 and summary.kept == 16
    assert verify(Workspace.at(str(folder / "run"))).problems == []


def test_a_repeat_is_its_own_row_with_the_image_of_the_first(whole):
    folder, _, _ = whole
    found = rows(folder)
    first = next(row for row in found["00000"] if row[c.URL] == FAMOUS)
    repeats = [row for shard in found if is_repeats(shard) for row in found[shard]]
    again = [row for row in repeats if row[c.URL] == FAMOUS]
    assert [row[c.CAPTION] for row in again] == CAPTIONS[1:] and len(
        {row[c.UID] for row in again} | {first[c.UID]}
    ) == 5
    own = {c.UID, c.KEY, c.CAPTION, c.ROW}
    assert all(
        {k: v for k, v in row.items() if k not in own} == {k: first[k] for k in first if k not in own} for row in again
    )
    assert [row[c.KEY] for row in repeats] == [
        "d000000000",
        "d000000001",
        "d000000002",
        "d000000003",
        "d000010000",
        "d000010001",
    ]
    assert [row[c.OUTCOME] for row in repeats if "gone" in row[c.URL]] == ["404"]
    assert not list((folder / "run/pool").glob("d*.tar"))
    (tar,) = {row[c.TAR] for row in again}
    pool = Pool(Folder(str(folder / "run")))
    bytes_of = list(pool.images(*image_columns(pool.table("d00000"))))
    assert len(set(bytes_of[:4])) == 1 and tar == "00000.tar"


def test_explain_shows_every_row_of_a_url(whole):
    folder, _, _ = whole
    recipe = load(folder / "recipe.yaml")
    lives = explain(recipe, Workspace.at(str(folder / "run")), FAMOUS)
    told = [dict(life.lines)["download"] for life in lives]
    assert len(lives) == 5 and ["asked once" in text for text in told] == [False, True, True, True, True]
    assert len({dict(life.lines)["dataset"] for life in lives}) == 1
    gone = explain(recipe, Workspace.at(str(folder / "run")), f"http://{SITE}/gone.jpg")
    assert all("failed: 404" in dict(life.lines)["download"] for life in gone) and len(gone) == 2


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_how_the_list_is_cut_does_not_matter(site, whole, tmp_path, most):
    run(site, tmp_path, samples_per_shard=most)
    ours, theirs = contents(tmp_path / "run/dataset"), contents(whole[0] / "run/dataset")
    differ = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert set(site.requests.values()) == {1} and differ <= {"manifest.json"}  # it has fingerprints


def test_after_an_outage_a_url_is_asked_for_once_more_and_all_its_rows_come(site, whole, tmp_path):
    site.down = {"/0.jpg", "/5.jpg"}
    path, broken = run(site, tmp_path)
    site.down, site.requests = set(), Counter()
    assert (
        broken.outcomes == {"404": 2, "5xx": 6, "ok": 11} and verify(Workspace.at(str(tmp_path / "run"))).problems == []
    )
    summary = retry(load(path))
    assert dict(site.requests) == {"/0.jpg": 1, "/5.jpg": 1} and summary.outcomes == whole[1].outcomes
    ours, theirs = contents(tmp_path / "run"), contents(whole[0] / "run")
    differ = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert {n for n in differ if n.startswith(("pool", "signals", "corpus", "dataset", "subset"))} == set()
    assert Runner(load(path)).run().made == 0 and sum(site.requests.values()) == 2


class Killed(Exception): ...


class DiesAt(Quiet):
    def __init__(self, last: str) -> None:
        super().__init__()
        self.last = last

    def stage(self, name: str, total: int, unit: str = "rows") -> None:
        if name == self.last:
            raise Killed
        super().stage(name, total, unit)


@pytest.mark.parametrize("stage", ["repeats", "measure"])
def test_a_run_that_ended_between_the_stages_goes_on(site, whole, tmp_path, stage):
    path = recipe_for(tmp_path, site, pairs_of(site), **SHARDS)
    with pytest.raises(Killed):
        Runner(load(path), DiesAt(stage)).run()
    site.requests = Counter()
    Runner(load(path)).run()
    assert not site.requests and contents(tmp_path / "run/dataset") == contents(whole[0] / "run/dataset")
    assert verify(Workspace.at(str(tmp_path / "run"))).problems == []


def test_a_list_that_grew_leaves_the_old_shards(site, tmp_path):
    pairs = [(f"http://{SITE}/{i % 8}.jpg", f"a picture of thing number {i}") for i in range(16)]
    run(site, tmp_path, pairs)
    before = stamps(tmp_path / "run")
    more = [(f"http://{SITE}/{i}.jpg", "one more caption of a picture") for i in (3, 9, 10)]
    run(site, tmp_path, [*pairs, *more])
    after = stamps(tmp_path / "run")
    assert dict(site.requests) == {"/9.jpg": 1, "/10.jpg": 1}
    old = [n for n in before if n.startswith(("pool/", "input/", "signals/")) and not n.endswith("manifest.json")]
    assert len(old) > 12 and all(after[name] == before[name] for name in old)
    assert {n for n in set(after) - set(before) if n.startswith("pool/")} == {
        *("pool/00002.parquet", "pool/00002.tar", "pool/d00002.parquet"),
    }
    run(site, tmp_path, pairs[:8])
    assert sorted(rows(tmp_path)) == ["00000", "00001"] and not site.requests


def test_every_repeat_points_to_the_first_row_of_its_url_whatever_else_the_list_holds(tmp_path):
    draw = random.Random(3)
    urls = [f"http://a/{int(draw.expovariate(0.02))}" if draw.random() < 0.9 else None for _ in range(3_000)]
    given = [asked("l", i, url, str(i)) if url else bad("l", i, "no row") for i, url in enumerate(urls)]
    found = dict(once(tables(given), 70, Seen(tmp_path, held=20, fan=3, block=8)))
    firsts = [row for shard in sorted(found) if not is_repeats(shard) for row in found[shard].to_pylist()]
    repeats = [row for shard in sorted(found) if is_repeats(shard) for row in found[shard].to_pylist()]
    assert sorted(row[c.ROW] for row in firsts + repeats) == list(range(3_000)) and len(repeats) > 1_000
    for some in (firsts, repeats):
        assert [row[c.ROW] for row in some] == sorted(row[c.ROW] for row in some)
    urls = [row[c.URL] for row in firsts if row[c.URL]]
    assert len(urls) == len(set(urls))
    for row in repeats:
        target = found[row[c.TAR].removeprefix(FIRST_IN)].to_pylist()[row[c.OFFSET]]
        assert target[c.URL] == row[c.URL] and target[c.ROW] < row[c.ROW]


def test_verify_finds_a_repeat_that_is_not_what_came(site, tmp_path):
    run(site, tmp_path)
    folder = Folder(str(tmp_path / "run"))
    table = folder.read_table("pool/d00000.parquet")
    column = table.schema.get_field_index(c.OFFSET)
    moved = pa.array([None if at is None else at + 512 for at in table.column(c.OFFSET).to_pylist()], pa.int64())
    data = table_bytes(table.set_column(column, c.POOL.field(c.OFFSET), moved))
    folder.write("pool/d00000.parquet", data)
    manifest = Manifest.load(folder, "pool")
    entry = manifest.entries["d00000"]
    record = {"d00000.parquet": {"sha256": folder.sha256("pool/d00000.parquet"), "bytes": len(data)}}
    manifest.entries["d00000"] = Entry(entry.fingerprint, entry.rows, entry.states, record)
    manifest.save()
    problems = " ".join(verify(Workspace.at(str(tmp_path / "run"))).problems)
    assert "d00000: not what came for the first rows" in problems and "image at byte" in problems
    (tmp_path / "run/pool/00000.tar").unlink()
    assert any("points to 00000.tar" in p for p in verify(Workspace.at(str(tmp_path / "run"))).problems)
