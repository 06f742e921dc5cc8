"""What a model is trained on: the shards of a dataset, trusted pairs, or files that a user names."""

import posixpath
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from curate import schema as c
from curate.dataset import UNDER as DATASET
from curate.errors import InputError
from curate.files import Folder, file_sha256, sha256
from curate.pool import Pool
from curate.uid import fingerprint
from model_training.data.pairs import read_pairs
from pipelines import accepted
from pipelines.models import captioning_section, only_trusted, scorer_section
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


def of_scorer(recipe: Recipe, name: str, source: Workspace, home: Workspace) -> Shards:
    """A scorer's: the dataset of `source` and the trusted pairs, repeated; or the trusted pairs alone.

    `home`: the run or the round that trains it, which sees the pairs that the run has accepted.
    """
    if only_trusted(recipe, name):
        return of_trusted(recipe, home)
    return _with_trusted(recipe, source, home, scorer_section(recipe).trusted_repeats)


def of_pretraining(recipe: Recipe, source: Workspace, home: Workspace) -> Shards:
    """What captioner and matcher are pre-trained on: the dataset of `source` and the trusted pairs, repeated."""
    return _with_trusted(recipe, source, home, captioning_section(recipe).pretrain.trusted_repeats)


def scored_too(recipe: Recipe, name: str, home: Workspace) -> tuple[str, ...]:
    """sha256, sorted, of the images among the recipe's trusted pairs that are in the pool too: a scorer that is trained
    on the pairs scores these. Only of pairs that do not tell it, as an image table's: the files there are hashed.
    """
    table = recipe.loop.trusted if recipe.loop is not None else None
    if table is None or not (only_trusted(recipe, name) or scorer_section(recipe).trusted_repeats):
        return ()
    own = {sha256(pair.image) for pair in read_pairs(table, texts=False) if pair.sha256 is None}
    pool, found = Pool(home.folder), set[str]()
    for shard in pool.shards() if own else ():
        found |= own.intersection(pool.table(shard, [c.SHA256]).column(0).to_pylist())
    return tuple(sorted(found))


def of_trusted(recipe: Recipe, home: Workspace) -> Shards:
    """The trusted pairs alone, once: those of the recipe's table, and those that were accepted."""
    places, digests = _trusted(recipe, home)
    return Shards(places, digests, fingerprint(*digests))


def _with_trusted(recipe: Recipe, source: Workspace, home: Workspace, repeats: int) -> Shards:
    data, (places, digests) = of_dataset(source), _trusted(recipe, home)
    if not places or not repeats:
        return data
    content = fingerprint(data.content, *digests, repeats)
    return Shards(data.places + places * repeats, data.digests + digests * repeats, content)


def _trusted(recipe: Recipe, home: Workspace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Places and sha256 of the trusted pairs."""
    table = recipe.loop.trusted if recipe.loop is not None else None
    own = [] if table is None else [(table, file_sha256(table, "`loop.trusted` in the recipe names one file"))]
    pairs = [*own, *accepted.tars(home)]
    return tuple(place for place, _ in pairs), tuple(digest for _, digest in pairs)


def _digest(place: str) -> str:
    head, name = posixpath.split(place)
    try:
        return Folder(head or ".").sha256(name)
    except OSError as error:
        raise InputError(f"{place}: cannot be read ({error.strerror or error})", "check --data") from error
