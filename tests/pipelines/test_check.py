"""`curate check` refuses at the door what would stop a run in its middle."""

import pytest

from curate.errors import InputError
from pipelines.check import check_training
from pipelines.recipe import load
from pipelines.training_shards import of_trusted
from pipelines.workspace import Workspace
from tests.pipelines.coloured import world


@pytest.mark.parametrize("place", ["trust*.parquet", "tars"])
def test_trusted_pairs_are_one_file(tmp_path, place):
    (tmp_path / "tars").mkdir()
    (tmp_path / "tars/0.tar").touch()
    path = world(tmp_path, 4)
    check_training(load(path))
    path.write_text(path.read_text().replace("trusted: trusted.parquet", f"trusted: '{place}'"))
    recipe = load(path)
    with pytest.raises(InputError, match=r"`loop\.trusted` is one file"):
        check_training(recipe)
    with pytest.raises(InputError, match=r"`loop\.trusted` in the recipe names one file"):
        of_trusted(recipe, Workspace.at(recipe.run_dir))
