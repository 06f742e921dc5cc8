"""The recipe's models: those whose weights it names, and those that a round has trained."""

from collections.abc import Sequence
from dataclasses import replace

from curate.errors import InputError
from curate.manifest import Manifest
from model_training.models.blip_spec import BlipCaptionerSpec, BlipEncoderSpec, BlipMatcherSpec
from model_training.models.coca import CocaSpec
from model_training.models.families import Spec, trained_spec
from model_training.models.open_clip import OpenClipSpec
from model_training.models.sizes import architecture_of
from model_training.models.timm import TimmSpec
from model_training.trainers.objectives import OBJECTIVES
from pipelines import accepted, recipe_models
from pipelines.context import Context
from pipelines.measured import (
    Captions,
    Categories,
    Encoders,
    Head,
    Matches,
    Measured,
    Models,
    RankedCaptions,
    Score,
    Vectors,
)
from pipelines.measured import family_mark as family_mark
from pipelines.recipe import Recipe
from pipelines.recipe_loop import PRETRAINED, needs
from pipelines.recipe_models import Trained, measured_by
from pipelines.recipe_training import Captioning, FineTuning, Training
from pipelines.recipe_training import Scorer as ScorerSection
from pipelines.workspace import TRAIN, Workspace, model_folder

__all__ = ["Captions", "Encoders", "Matches", "Measured", "Models", "Score", "family_mark"]


def models_of(context: Context) -> dict[str, Measured]:
    """family -> what measures it, the round's own models among them, which must be trained."""
    recipe = context.recipe
    return {**declared(recipe), **trained(recipe, context.workspace, used(recipe), context.before)}


def declared(recipe: Recipe) -> dict[str, Measured]:
    """What the models can measure whose weights the recipe names."""
    specs = {name: spec for name in recipe.models if (spec := _spec(recipe, name)) is not None}
    found: list[Measured] = []
    for name, spec in specs.items():
        match spec:
            case BlipMatcherSpec():
                found.append(Matches(name, spec))
            case BlipCaptionerSpec() | CocaSpec():
                found.append(Captions(name, spec))
            case TimmSpec():
                found.append(Vectors(name, spec))
            case _:
                found += [Score(name, ((spec,),)), Vectors(name, spec)]
    for name, model in recipe.models.items():
        if isinstance(model, recipe_models.LinearHead):
            found.append(Head(name, specs[model.of], model.weights, model.activation, model.sha256))
        elif isinstance(model, recipe_models.ZeroShot):
            found.append(Categories(name, specs[model.of], tuple((k, tuple(v)) for k, v in model.categories.items())))
    return {one.family: one for one in found}


def _spec(recipe: Recipe, name: str) -> Spec | None:
    model = recipe.models[name]
    if not isinstance(model, recipe_models.FromFile):
        return None
    given = (name, model.arch, model.weights, model.allow_download, model.sha256, model.batch)
    match model:
        case recipe_models.OpenClip():
            return OpenClipSpec(name, architecture_of("open_clip", model.arch), *given[2:], *model.seen)
        case recipe_models.Timm():
            return TimmSpec(name, architecture_of("timm", model.arch), *given[2:])
        case recipe_models.BlipCaptioner():
            return BlipCaptionerSpec(*given, model.generation(recipe.seed))
        case recipe_models.BlipMatcher():
            return BlipMatcherSpec(*given, first_token=model.first_token)
        case recipe_models.BlipEncoder():
            return BlipEncoderSpec(*given)
        case recipe_models.CocaCaptioner():
            return CocaSpec(*given, *model.seen, model.generation(recipe.seed))
    return None


def used(recipe: Recipe) -> list[str]:
    """The models of `kind: trained` that a filter needs, in the recipe's order."""
    own = {name: recipe.models[name] for name in recipe.trained()}
    needed = set().union(*(needs(item, own) for item in recipe.filters))
    return [name for name in own if name in needed]


def own_families(recipe: Recipe) -> dict[str, str]:
    """family -> the model of `kind: trained` that measures it: every round has its own of these."""
    return {family: name for name in recipe.trained() for family in measured_by(name, recipe.models[name])}


def trained(
    recipe: Recipe, workspace: Workspace, names: Sequence[str], before: Sequence[Workspace] = ()
) -> dict[str, Measured]:
    """What these models measure, which the round in `workspace` has trained; `before` are the promoted rounds.

    Raises InputError for one that is not trained, or not wholly.
    """
    found: list[Measured] = []
    for name in names:
        model = trained_model(recipe, name)
        if model.role == "scorer":
            score = _scorer(recipe, workspace, name, before)
            found.append(score)
            if model.texts:
                found.append(RankedCaptions(name, score.groups, model.texts, recipe.seed))
        else:
            found.append(_written_or_matched(recipe, workspace, name))
    return {one.family: one for one in found}


def _scorer(recipe: Recipe, workspace: Workspace, name: str, before: Sequence[Workspace]) -> Score:
    """Of the promoted rounds too, as far as the recipe wants their mean."""
    section, model = scorer_section(recipe), trained_model(recipe, name)
    folds = folds_of(recipe, name, workspace)
    earlier = list(before)[::-1][: section.rounds - 1] if not only_trusted(recipe, name) else []
    groups: list[list[Spec]] = [[] for _ in range(folds)]
    for place in (workspace, *earlier):
        for number, (path, sha256) in enumerate(_weights(place, name, folds * section.members)):
            groups[number % folds].append(checkpoint_spec(section, name, path, sha256, model.batch))
    return Score(name, tuple(map(tuple, groups)), recipe.seed)


def _written_or_matched(recipe: Recipe, workspace: Workspace, name: str) -> Captions | Matches:
    model, section = trained_model(recipe, name), captioning_section(recipe)
    tuned = fine_tuning(recipe, name)
    path, sha256 = _weights(workspace, name if tuned else PRETRAINED, 1)[0]
    arch = section.pretrain.arch
    if model.role == "matcher":
        return Matches(name, BlipMatcherSpec(name, arch, path, sha256=sha256, batch=model.batch))
    prompt = model.prompt if model.prompt is not None else prompt_of(tuned or section.pretrain)
    generation = model.written(prompt, recipe.seed)
    if OBJECTIVES[section.pretrain.objective].family == "blip":
        return Captions(name, BlipCaptionerSpec(name, arch, path, False, sha256, model.batch, generation))
    spec = checkpoint_spec(section.pretrain, name, path, sha256, model.batch)
    assert isinstance(spec, CocaSpec)
    return Captions(name, replace(spec, generation=generation))


def prompt_of(section: Training) -> str:
    """What every caption began with that this section's training showed."""
    default = getattr(OBJECTIVES[section.objective].options, "prompt", "")
    return str(section.options.get("prompt", default))


def _weights(workspace: Workspace, name: str, count: int) -> list[tuple[str, str]]:
    """The places of a trained model's weights and their sha256, in the order of their numbers."""
    under = f"{model_folder(name)}/{TRAIN}"
    manifest = Manifest.load(workspace.folder, under)
    lacking = [number for number in range(count) if str(number) not in manifest.entries]
    if lacking:
        raise InputError(
            f"model {name!r}: {lacking[0] + 1} of {count} is not trained yet",
            "curate run RECIPE trains it before it is needed",
        )
    files = (next(iter(manifest.entries[str(number)].files.items())) for number in range(count))
    return [(workspace.folder.url(f"{under}/{base}"), record["sha256"]) for base, record in files]


def checkpoint_spec(section: Training, name: str, path: str, sha256: str, batch: int) -> Spec:
    """How a checkpoint is loaded that this section's training wrote."""
    return trained_spec(OBJECTIVES[section.objective].family, section.arch, name, path, sha256, batch)


def trained_model(recipe: Recipe, name: str) -> Trained:
    model = recipe.models[name]
    assert isinstance(model, Trained)
    return model


def scorer_section(recipe: Recipe) -> ScorerSection:
    assert recipe.loop is not None and recipe.loop.scorer is not None  # the recipe's checks hold this
    return recipe.loop.scorer


def captioning_section(recipe: Recipe) -> Captioning:
    assert recipe.loop is not None and recipe.loop.captioning is not None  # the recipe's checks hold this
    return recipe.loop.captioning


def fine_tuning(recipe: Recipe, name: str) -> FineTuning | None:
    """How a captioner or matcher is trained after its pre-training; None for not at all."""
    section = captioning_section(recipe)
    return section.captioner if trained_model(recipe, name).role == "captioner" else section.matcher


def weights_of(recipe: Recipe, workspace: Workspace, names: Sequence[str]) -> dict[str, int]:
    """Folder of trained weights, by its model's name or PRETRAINED -> how many there shall be, for these models."""
    found: dict[str, int] = {}
    for name in names:
        if trained_model(recipe, name).role == "scorer":
            found[name] = folds_of(recipe, name, workspace) * scorer_section(recipe).members
        else:
            found[PRETRAINED] = 1
            if fine_tuning(recipe, name) is not None:
                found[name] = 1
    return found


def folds_of(recipe: Recipe, name: str, workspace: Workspace) -> int:
    """How many folds a scorer has. One is enough for trusted pairs alone, until pairs of the pool are among them."""
    apart = only_trusted(recipe, name) and not accepted.tars(workspace)
    return 1 if apart else scorer_section(recipe).folds


def only_trusted(recipe: Recipe, name: str) -> bool:
    """It is a data filtering network (Fang et al. 2023): trained on trusted pairs alone."""
    return trained_model(recipe, name).trained_on == "trusted"
