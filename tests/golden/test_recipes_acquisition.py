"""RECIPES A1: keys, the sidecar that has every attempt once, and a second run that downloads nothing."""

from collections import Counter

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import schema as c
from curate.schema import Outcome
from curate.tars import TarBuilder
from pipelines.inputs import img2dataset
from pipelines.pool_shard import PoolShard
from pipelines.recipe import Input, Recipe, load
from pipelines.run import Runner
from tests.conftest import picture
from tests.pipelines.web import recipe, small_site, stamps

# Samples per shard, and the key of shard 12, index 34 with shard numbers of five digits.
KEYS = [(10_000, "000120034"), (1_000, "00012034")]


@pytest.mark.parametrize(("samples", "key"), KEYS)
def test_golden_a1_keys_of_img2dataset_are_those_that_are_read(samples, key, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")  # its import asks the network for a newer version
    from img2dataset.downloader import compute_key

    assert compute_key(34, 12, len(str(samples)) - 1, 5) == key
    tar = TarBuilder()
    tar.add(f"{key}.jpg", picture(0))
    (tmp_path / "00012.tar").write_bytes(tar.close())
    record = {"key": [key], "status": ["success"], "url": ["http://a/1"], "caption": ["one"], "error_message": [None]}
    pq.write_table(pa.table(record), tmp_path / "00012.parquet")
    (row,) = img2dataset.read(Input(img2dataset=str(tmp_path)))
    assert c.OUTCOME not in row and row[c.SIZE] == len(picture(0)) and row[c.URL] == "http://a/1"


def test_golden_a1_our_key_is_img2datasets_of_10000_a_shard():
    shard = PoolShard("00012")
    asked = {c.UID: None, c.URL: "http://a/1", c.CAPTION: "one", c.TAR: None, c.SOURCE: "l.txt"}
    for row in range(35):
        shard.fail({**asked, c.ROW: row}, Outcome.CONNECT, "refused")
    table = pa.BufferReader(shard.part().files["00012.parquet"])
    assert pq.read_table(table).column(c.KEY).to_pylist()[34] == dict(KEYS)[10_000]
    most = next(rule.le for rule in Recipe.model_fields["samples_per_shard"].metadata if hasattr(rule, "le"))
    assert most <= 10_000  # so that no two rows of a shard, nor of two shards, share a key


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run, and its site."""
    folder = tmp_path_factory.mktemp("a1")
    with small_site(10) as site:
        summary = Runner(recipe(folder, site, filters=[])).run()
        yield folder, site, summary


def test_golden_a1_every_attempted_row_is_in_the_sidecar_once_and_successes_and_failures_are_the_attempts(done):
    folder, _, summary = done
    pool = pl.concat([pl.read_parquet(path) for path in sorted((folder / "run/pool").glob("*.parquet"))])
    attempts = pq.read_metadata(folder / "urls.parquet").num_rows
    assert pool.select(c.SOURCE, c.ROW).n_unique() == len(pool) == attempts == summary.asked
    assert sorted(pool[c.ROW]) == list(range(attempts)) and pool[c.KEY].n_unique() == attempts
    states = Counter(pool[c.STATUS])
    successes = states.pop(c.SUCCESS)
    assert successes == (pool[c.OUTCOME] == "ok").sum() > 0 and sum(states.values()) > 0
    assert successes + sum(states.values()) == attempts == sum(summary.outcomes.values())
    assert (pool[c.TAR].is_not_null() == (pool[c.STATUS] == c.SUCCESS)).all()


def test_golden_a1_a_second_run_over_finished_shards_downloads_nothing(done):
    folder, site, _ = done
    before, asked = stamps(folder / "run/pool"), dict(site.requests)
    assert sum(asked.values()) > 0
    summary = Runner(load(folder / "recipe.yaml")).run()
    assert dict(site.requests) == asked and stamps(folder / "run/pool") == before and summary.made == 0
