"""One small planted web for all tests of this room."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from curate.planted import PlantedServer, PlantedWeb, plant

SEED, PAIRS, EVALUATION = 5, 320, 100


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> PlantedWeb:
    folder: Path = tmp_path_factory.mktemp("planted")
    return plant(folder, seed=SEED, pairs=PAIRS, evaluation=EVALUATION, workers=1)


@pytest.fixture(scope="session")
def truth(web: PlantedWeb) -> pl.DataFrame:
    return pl.read_parquet(web.truth)


@pytest.fixture(scope="session")
def pages(web: PlantedWeb) -> pl.DataFrame:
    return pl.read_parquet(web.folder / "pages.parquet")


@pytest.fixture
def server(web: PlantedWeb) -> Iterator[PlantedServer]:
    with PlantedServer(web.folder) as running:
        yield running
