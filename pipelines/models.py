"""The recipe's models as the stages see them: what decides their values, and how a worker loads them."""

from collections.abc import Callable, Mapping

import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.manifest import Manifest
from curate.signals.clip_score import ClipScore
from model_training.models.open_clip import OpenClipSpec
from pipelines.measure import Scorer, plain_signal, signal_fingerprint
from pipelines.recipe import Recipe
from pipelines.recipe_training import Scorer as ScorerSection
from pipelines.recipe_training import Trained
from pipelines.workspace import TRAIN, Workspace, model_folder


def declared(recipe: Recipe) -> dict[str, Scorer]:
    """The models whose weights the recipe names."""
    return {
        name: Scorer(name, (OpenClipSpec(name, m.arch, m.weights, m.allow_download, m.sha256, m.batch),))
        for name, m in recipe.models.items()
        if not isinstance(m, Trained)
    }


def trained(recipe: Recipe, workspace: Workspace) -> dict[str, Scorer]:
    """The models that this round has trained. Raises InputError for one that it has not, or not wholly."""
    found = {}
    for name in recipe.trained():
        model, section = recipe.models[name], scorer_section(recipe)
        under = model_folder(name)
        manifest = Manifest.load(workspace.folder, f"{under}/{TRAIN}")
        lacking = [fold for fold in range(section.folds) if str(fold) not in manifest.entries]
        if lacking:
            raise InputError(
                f"model {name!r}: fold {lacking[0]} of {section.folds} is not trained yet",
                "curate run RECIPE trains it before it is needed",
            )
        specs = []
        for fold in range(section.folds):
            base, record = next(iter(manifest.entries[str(fold)].files.items()))
            path = workspace.folder.url(f"{under}/{TRAIN}/{base}")
            specs.append(OpenClipSpec(name, section.arch, path, False, record["sha256"], model.batch))
        found[name] = Scorer(name, tuple(specs), recipe.seed)
    return found


def scorer_section(recipe: Recipe) -> ScorerSection:
    assert recipe.loop is not None and recipe.loop.scorer is not None  # the recipe's checks hold this
    return recipe.loop.scorer


def family_mark(family: str, scorers: Mapping[str, Scorer]) -> Callable[[str], str]:
    """pool shard's content -> fingerprint of the family there."""
    plain = plain_signal(family)
    if plain is not None:
        version, schema, identity = plain.version, plain.schema, plain.identity()
    else:
        scorer = next(scorer for name, scorer in scorers.items() if c.clip_score(name) == family)
        version, identity = ClipScore.version, scorer.identity
        schema = pa.schema([(family, pa.float32())])
    return lambda content: signal_fingerprint(family, version, schema, identity, content)
