"""Before anything is downloaded: are the recipe, the input, the models and the disk fit for the run?"""

import itertools
import shutil
from pathlib import Path
from typing import Any

from curate import schema as c
from curate.errors import InputError, MachineError
from curate.filters.listed import uids
from curate.uid import fingerprint
from model_training.evaluation.evaluate import refuse_absent
from model_training.evaluation.items import data_files
from model_training.trainers.objectives import meaningless
from pipelines.check_captions import caption_warnings, captions
from pipelines.check_filters import check_filters
from pipelines.columns import families, passes
from pipelines.evaluate import evaluations
from pipelines.listing import READERS
from pipelines.models import declared
from pipelines.recipe import Recipe
from pipelines.recipe_source import Source
from pipelines.robustness import read_baselines
from pipelines.train import plan

LOOKED_AT = 1_000  # rows
PER_IMAGE = 40_000  # bytes of a stored image at 384 px, as measured on photos
URLS_PER_SECOND = 50.0  # of one worker on an ordinary list; a guess, and called one


def check(recipe: Recipe, source: Source | None = None) -> dict[str, Any]:
    """What the run would do. Raises RecipeError, InputError or MachineError for what would stop it.

    `source`: where the recipe was read from, so that a mistake is reported at its line.
    """
    check_filters(recipe, source)
    check_training(recipe)
    reader = READERS[recipe.input.kind]
    rows = list(itertools.islice(reader.read(recipe.input), LOOKED_AT))
    usable = [row for row in rows if not row.get(c.OUTCOME)]
    # Of every declared model, also one that no filter reads: weights that are missing are a mistake wherever they are.
    identities = {family: model.identity for family, model in declared(recipe).items()}
    models = {family: fingerprint(identities[family]) for family in families(recipe) if family in identities}
    folder = Path(recipe.run_dir) if "://" not in recipe.run_dir else None
    free = _free(folder) if folder is not None else None
    if free is not None and free < 1_000_000_000:
        raise MachineError(f"{folder}: {free / 1e9:.1f} GB are free on its disk", "free some space, or set run_dir")
    return {
        "recipe": recipe.name,
        "run_dir": recipe.run_dir,
        "input": {
            "kind": recipe.input.kind,
            "looked_at": len(rows),
            "usable": len(usable),
            "more": len(rows) == LOOKED_AT,
            "with_hash": sum(row.get(c.SHA256) is not None for row in usable) if recipe.input.kind == "urls" else 0,
            "without_caption": sum(row.get(c.CAPTION) is None for row in usable),
            "first_bad": next((row.get(c.ERROR_MESSAGE) for row in rows if row.get(c.OUTCOME)), None),
        },
        "warnings": warnings(recipe),
        "models": models,
        "signals": families(recipe),
        "corpus": [work.name for work in passes(recipe)],
        "captions": captions(recipe, len(usable) if len(rows) < LOOKED_AT else None),
        "filters": [f"{item.stage}: {', '.join(rule.name for rule in item.rules())}" for item in recipe.filters],
        "free_bytes": free,
        "estimate": {
            "stored_bytes_per_thousand": PER_IMAGE * 1000,
            "seconds_per_thousand": round(1000 / URLS_PER_SECOND) if recipe.input.kind == "urls" else None,
        },
    }


def warnings(recipe: Recipe) -> list[str]:
    """What can be run and should not be run unknowingly."""
    found = caption_warnings(recipe)
    if recipe.input.kind != "urls" or recipe.download.engine != "img2dataset":
        return found
    return [
        *found,
        "engine: img2dataset connects to private addresses, also by redirect, and reads no robots.txt; "
        "give it no network that has anything to hide, or use engine: curate",
    ]


def check_training(recipe: Recipe) -> None:
    """Is there what training and evaluation will read? Asked now, not after hours. Raises InputError."""
    for evaluation in evaluations(recipe):
        refuse_absent(evaluation)
    for entry in recipe.eval:
        if entry.baselines is not None:
            read_baselines(entry)
    loop = recipe.loop
    sections = [recipe.train, *(loop.sections() if loop is not None else ())]
    for section in sections:
        if section is not None and (wrong := meaningless(plan(section))):
            raise InputError(*wrong)
    if loop is not None and loop.trusted is not None:
        _refuse_several(loop.trusted)
    if loop is not None and loop.oracle is not None:
        uids(loop.oracle.table, loop.oracle.column)
    for item in recipe.filters:
        item.identity()


def _refuse_several(trusted: str) -> None:
    """A table of trusted pairs is one file: its hash is part of what the models are."""
    if data_files([trusted], "`loop.trusted`") != [trusted]:
        raise InputError(f"{trusted}: `loop.trusted` is one file, not a glob or a folder", "name a .parquet or a .tar")


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
