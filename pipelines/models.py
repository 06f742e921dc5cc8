"""The recipe's models as the stages see them: what decides their values, and how a worker loads them.

A `Measured` travels to workers without a weight in it; there it becomes a signal, and encoders are loaded once for
all signals that use them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate import schema as c
from curate.errors import InputError
from curate.manifest import Manifest
from curate.protocols import ImageEncoder
from curate.signals import Signal
from curate.signals.caption import Caption
from curate.signals.clip_score import ClipScore, folded
from curate.signals.embedding import Embedding
from curate.signals.linear_head import Activation, LinearHead, read_head
from curate.signals.match_score import MatchScore
from curate.signals.zero_shot import ZeroShot
from curate.uid import fingerprint
from model_training.models.blip_spec import BlipCaptionerSpec, BlipEncoderSpec, BlipMatcherSpec
from model_training.models.coca import CocaSpec
from model_training.models.families import Spec, load, trained_spec
from model_training.models.open_clip import OpenClipSpec
from model_training.models.sizes import architecture_of
from model_training.models.timm import TimmSpec
from model_training.models.weights import file_digest
from model_training.trainers.objectives import OBJECTIVES
from pipelines import recipe_models
from pipelines.recipe import Recipe
from pipelines.recipe_training import Scorer as ScorerSection
from pipelines.recipe_training import Trained, Training
from pipelines.workspace import TRAIN, Workspace, model_folder


@dataclass
class Encoders:
    """The models of one worker, each loaded when it is first needed."""

    _loaded: dict[tuple[str, int], Any] = field(default_factory=dict)

    def get(self, spec: Spec) -> Any:
        known = spec.mark
        if known not in self._loaded:
            self._loaded[known] = load(spec)
        return self._loaded[known]


class Measured:
    """One family that a model measures."""

    family: str
    version: int

    @property
    def batch(self) -> int:
        """Rows that its model sees at once."""
        spec: Spec = self.spec  # type: ignore[attr-defined]
        return spec.batch

    @property
    def identity(self) -> tuple[object, ...]:
        """Raises InputError for weights that are missing or refused."""
        raise NotImplementedError

    def signal(self, encoders: Encoders) -> Signal:
        raise NotImplementedError


@dataclass(frozen=True)
class Score(Measured):
    """The cosine of image and text by a model that scores pairs: one encoder, or one for each fold."""

    name: str
    specs: tuple[Spec, ...]
    seed: int = 0  # of the folds
    version: int = ClipScore.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.clip_score(self.name)

    @property
    def batch(self) -> int:
        return self.specs[0].batch

    @property
    def identity(self) -> tuple[object, ...]:
        return (*folded([spec.identity for spec in self.specs], self.seed), self.specs[0].batch)

    def signal(self, encoders: Encoders) -> Signal:
        return ClipScore(self.name, [encoders.get(spec) for spec in self.specs], self.seed)


@dataclass(frozen=True)
class Vectors(Measured):
    name: str
    spec: Spec
    version: int = Embedding.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.embedding(self.name)

    @property
    def identity(self) -> tuple[object, ...]:
        return self.spec.mark

    def signal(self, encoders: Encoders) -> Signal:
        encoder: ImageEncoder = encoders.get(self.spec)
        return Embedding(self.name, encoder, encoder.width)


@dataclass(frozen=True)
class Matches(Measured):
    name: str
    spec: BlipMatcherSpec
    version: int = MatchScore.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.match(self.name)

    @property
    def identity(self) -> tuple[object, ...]:
        return self.spec.mark

    def signal(self, encoders: Encoders) -> Signal:
        return MatchScore(self.name, encoders.get(self.spec))


@dataclass(frozen=True)
class Captions(Measured):
    name: str
    spec: BlipCaptionerSpec | CocaSpec
    version: int = Caption.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.model_caption(self.name)

    @property
    def identity(self) -> tuple[object, ...]:
        return self.spec.mark

    def signal(self, encoders: Encoders) -> Signal:
        return Caption(self.name, encoders.get(self.spec))


@dataclass(frozen=True)
class Head(Measured):
    family: str
    spec: Spec
    weights: str
    activation: Activation
    sha256: str | None = None
    version: int = LinearHead.version

    @property
    def identity(self) -> tuple[object, ...]:
        return (*self.spec.mark, self._digest(), self.activation)

    def _digest(self) -> str:
        path = Path(self.weights)
        if not path.is_file():
            raise InputError(f"model {self.family!r}: there is no file {self.weights}", "put the .safetensors there")
        digest = file_digest(path)
        if self.sha256 and digest != self.sha256:
            raise InputError(
                f"model {self.family!r}: {self.weights} has sha256 {digest}, not {self.sha256}",
                "fetch the weights again, or correct sha256 in the recipe",
            )
        return digest

    def signal(self, encoders: Encoders) -> Signal:
        weight, bias = read_head(self.family, self.weights)
        return LinearHead(self.family, encoders.get(self.spec), weight, bias, self.activation, self._digest())


@dataclass(frozen=True)
class Categories(Measured):
    family: str
    spec: Spec
    categories: tuple[tuple[str, tuple[str, ...]], ...]
    version: int = ZeroShot.version

    @property
    def identity(self) -> tuple[object, ...]:
        return (*self.spec.mark, self.categories)

    def signal(self, encoders: Encoders) -> Signal:
        return ZeroShot(self.family, encoders.get(self.spec), dict(self.categories))


Models = Mapping[str, Measured]  # family -> what measures it


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
                found += [Score(name, (spec,)), Vectors(name, spec)]
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


def trained(recipe: Recipe, workspace: Workspace, names: Sequence[str]) -> dict[str, Measured]:
    """What these models measure, which the round has trained. Raises InputError for one that is not, or not wholly."""
    found: dict[str, Measured] = {}
    for name in names:
        model, section = recipe.models[name], scorer_section(recipe)
        assert isinstance(model, Trained)
        under, folds = model_folder(name), folds_of(recipe, name)
        manifest = Manifest.load(workspace.folder, f"{under}/{TRAIN}")
        lacking = [fold for fold in range(folds) if str(fold) not in manifest.entries]
        if lacking:
            raise InputError(
                f"model {name!r}: fold {lacking[0]} of {folds} is not trained yet",
                "curate run RECIPE trains it before it is needed",
            )
        specs = []
        for fold in range(folds):
            base, record = next(iter(manifest.entries[str(fold)].files.items()))
            path = workspace.folder.url(f"{under}/{TRAIN}/{base}")
            specs.append(checkpoint_spec(section, name, path, record["sha256"], model.batch))
        score = Score(name, tuple(specs), recipe.seed)
        found[score.family] = score
    return found


def checkpoint_spec(section: Training, name: str, path: str, sha256: str, batch: int) -> Spec:
    """How a checkpoint is loaded that this section's training wrote."""
    return trained_spec(OBJECTIVES[section.objective].family, section.arch, name, path, sha256, batch)


def scorer_section(recipe: Recipe) -> ScorerSection:
    assert recipe.loop is not None and recipe.loop.scorer is not None  # the recipe's checks hold this
    return recipe.loop.scorer


def folds_of(recipe: Recipe, name: str) -> int:
    """How many models stand for one of `kind: trained`. One is enough where it has not seen what it scores."""
    return 1 if only_trusted(recipe, name) else scorer_section(recipe).folds


def only_trusted(recipe: Recipe, name: str) -> bool:
    """It is a data filtering network (Fang et al. 2023): trained on trusted pairs alone."""
    model = recipe.models[name]
    return isinstance(model, Trained) and model.trained_on == "trusted"


def family_mark(model: Measured | Signal) -> Callable[[str], str]:
    """pool shard's content -> fingerprint of the family there."""
    identity = model.identity if isinstance(model, Measured) else model.identity()
    mark = (model.family, model.version, identity)
    return lambda content: fingerprint(*mark, content)
