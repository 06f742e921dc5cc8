"""Only what failed is asked for again, and the end is as if it had never failed."""

import json
from collections import Counter

import pytest

from curate.errors import InputError
from pipelines.recipe import load
from pipelines.retry import retry
from pipelines.run import Runner
from pipelines.verify import verify
from pipelines.workspace import Workspace
from tests.pipelines.cli.test_commands import fails, ok
from tests.pipelines.web import contents, pairs_of, recipe_for, small_site


@pytest.fixture(scope="module")
def site():
    with small_site() as server:
        yield server


@pytest.fixture(scope="module")
def unbroken(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    Runner(load(recipe_for(folder, site, pairs_of(site)))).run()
    return folder / "run"


def outage(site, folder, **changes):
    """A run while half of the pictures' server is out of order."""
    site.down = {path for i, path in enumerate(sorted(site.pages)) if i % 2}
    path = recipe_for(folder, site, pairs_of(site), **changes)
    summary = Runner(load(path)).run()
    site.down, site.requests = set(), Counter()
    return path, summary


def differing(a, b):
    ours, theirs = contents(a), contents(b)
    names = {n for n in ours.keys() | theirs.keys() if "logs/" not in n and not n.startswith("input/")}
    names -= {"recipe.yaml", "report.html", "manifest.json"}
    return sorted(name for name in names if ours.get(name) != theirs.get(name))


@pytest.mark.parametrize("kind", ["serial", pytest.param("ray", marks=pytest.mark.slow)])
def test_after_an_outage_only_what_failed_is_asked_for_and_the_run_is_the_unbroken_one(site, unbroken, tmp_path, kind):
    _, broken = outage(site, tmp_path, engine={"kind": kind})
    failed = broken.outcomes["5xx"]
    summary = retry(load(tmp_path / "run/recipe.yaml"), ["5xx"])
    assert failed > 25 and "5xx" not in summary.outcomes and summary.kept == 30
    site.requests.pop("/robots.txt", None)
    assert sum(site.requests.values()) <= failed and set(site.requests) <= set(site.pages)
    assert [n for n in differing(tmp_path / "run", unbroken) if not n.endswith("manifest.json")] == []
    assert verify(Workspace.at(str(tmp_path / "run"))).problems == []


def test_what_was_retried_is_not_downloaded_again_by_a_run(site, tmp_path):
    path, _ = outage(site, tmp_path)
    retry(load(path))
    site.requests = Counter()
    assert Runner(load(path)).run().made == 0 and not site.requests


def test_what_fails_again_stays_as_it_was(site, tmp_path):
    path, broken = outage(site, tmp_path)
    site.down = set(site.pages)
    summary = retry(load(path), ["5xx", "connect"])
    site.down = set()
    assert summary.outcomes == broken.outcomes and summary.kept == broken.kept
    assert verify(Workspace.at(str(tmp_path / "run"))).problems == []


def test_as_a_command(site, tmp_path):
    outage(site, tmp_path)
    assert "no outcome is called '6xx'" in fails(4, "retry", tmp_path / "run", "--status", "6xx")
    found = json.loads(ok("retry", tmp_path / "run", "--status", "5xx,timeout", "--json"))
    assert found["outcomes"].get("5xx") is None and found["kept"] == 30
    with pytest.raises(InputError, match="nothing of it is downloaded"):
        retry(load(tmp_path / "run/recipe.yaml", ["input={table: x.parquet}"]))
