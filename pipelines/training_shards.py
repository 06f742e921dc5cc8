"""What a model is trained on: the shards of a dataset, trusted pairs, or files that a user names."""

import posixpath
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from curate.dataset import UNDER as DATASET
from curate.errors import InputError
from curate.files import Folder, file_sha256
from curate.uid import fingerprint
from pipelines.models import only_trusted, scorer_section
from pipelines.recipe import Recipe
from pipelines.workspace import Workspace


@dataclass(frozen=True)
class Shards:
    """Files in the order of training, the sha256 that each must have, and the hash that stands for all of them."""

    places: tuple[str, ...]
    digests: tuple[str, ...]
    content: str


def of_dataset(workspace: Workspace) -> Shards:
    """The tars of a run's dataset. Raises InputError where there is none."""
    entries = workspace.manifest(DATASET).entries
    tars = {
        base: record["sha256"] for e in entries.values() for base, record in e.files.items() if base.endswith(".tar")
    }
    if not tars:
        raise InputError(
            f"{workspace.folder.url(DATASET)}: there is no dataset to train on",
            f"curate status {shlex.quote(workspace.folder.url())} says how far the run is",
        )
    places = tuple(workspace.folder.url(f"{DATASET}/{base}") for base in sorted(tars))
    return Shards(places, tuple(tars[base] for base in sorted(tars)), fingerprint(sorted(tars.items())))


def of_files(places: Sequence[str]) -> Shards:
    """Tars and image tables, here or at URLs. Raises InputError for one that cannot be read."""
    digests = tuple(map(_digest, places))
    return Shards(tuple(places), digests, fingerprint(list(digests)))


def of_scorer(recipe: Recipe, name: str, source: Workspace) -> Shards:
    """A scorer's: the dataset of `source` and the trusted pairs, repeated; or the trusted pairs alone."""
    if only_trusted(recipe, name):
        assert recipe.loop is not None and recipe.loop.trusted is not None  # the recipe's checks hold this
        digest = file_sha256(recipe.loop.trusted)
        return Shards((recipe.loop.trusted,), (digest,), fingerprint(digest))
    trusted = _trusted(recipe)
    data = of_dataset(source)
    if not trusted:
        return data
    digest = file_sha256(trusted[0])
    content = fingerprint(data.content, digest, len(trusted))
    return Shards(data.places + trusted, data.digests + (digest,) * len(trusted), content)


def _trusted(recipe: Recipe) -> tuple[str, ...]:
    loop, repeats = recipe.loop, scorer_section(recipe).trusted_repeats
    return (loop.trusted,) * repeats if loop is not None and loop.trusted is not None else ()


def _digest(place: str) -> str:
    head, name = posixpath.split(place)
    try:
        return Folder(head or ".").sha256(name)
    except OSError as error:
        raise InputError(f"{place}: cannot be read ({error.strerror or error})", "check --data") from error
