"""What a model measures of a pool: what decides the values, and how a worker loads it.

A `Measured` travels to workers without a weight in it; there it becomes a signal, and encoders are loaded once for
all signals that use them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate import schema as c
from curate.errors import InputError
from curate.protocols import ImageEncoder, ImageTextEncoder
from curate.signals import Signal
from curate.signals.caption import Caption
from curate.signals.clip_score import ClipScore, folded
from curate.signals.embedding import Embedding
from curate.signals.ensemble import Ensemble, ensemble_identity
from curate.signals.linear_head import Activation, LinearHead, read_head
from curate.signals.match_score import MatchScore
from curate.signals.ranked_caption import RankedCaption
from curate.signals.zero_shot import ZeroShot
from curate.uid import fingerprint
from model_training.models.blip_spec import BlipCaptionerSpec, BlipMatcherSpec
from model_training.models.coca import CocaSpec
from model_training.models.families import Spec, load
from model_training.models.weights import file_digest


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
    """The cosine of image and text by models that score pairs: one group of them, or one for each fold.

    A group's score is the mean of its members' cosines.
    """

    name: str
    groups: tuple[tuple[Spec, ...], ...]
    seed: int = 0  # of the folds
    version: int = ClipScore.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.clip_score(self.name)

    @property
    def batch(self) -> int:
        return self.groups[0][0].batch

    @property
    def identity(self) -> tuple[object, ...]:
        of_groups = [ensemble_identity([spec.identity for spec in group]) for group in self.groups]
        return (*folded(of_groups, self.seed), self.batch)

    def signal(self, encoders: Encoders) -> Signal:
        return ClipScore(self.name, [_of_group(group, encoders) for group in self.groups], self.seed)


def _of_group(group: tuple[Spec, ...], encoders: Encoders) -> ImageTextEncoder:
    members: list[ImageTextEncoder] = [encoders.get(spec) for spec in group]
    return members[0] if len(members) == 1 else Ensemble(members)


@dataclass(frozen=True)
class OfOneModel(Measured):
    """What one model measures by itself: its weights and settings decide the values."""

    name: str
    spec: Any

    @property
    def identity(self) -> tuple[object, ...]:
        found: tuple[object, ...] = self.spec.mark
        return found


@dataclass(frozen=True)
class Vectors(OfOneModel):
    spec: Spec
    version: int = Embedding.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.embedding(self.name)

    def signal(self, encoders: Encoders) -> Signal:
        encoder: ImageEncoder = encoders.get(self.spec)
        return Embedding(self.name, encoder, encoder.width)


@dataclass(frozen=True)
class Matches(OfOneModel):
    spec: BlipMatcherSpec
    version: int = MatchScore.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.match(self.name)

    def signal(self, encoders: Encoders) -> Signal:
        return MatchScore(self.name, encoders.get(self.spec))


@dataclass(frozen=True)
class Captions(OfOneModel):
    spec: BlipCaptionerSpec | CocaSpec
    version: int = Caption.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.model_caption(self.name)

    def signal(self, encoders: Encoders) -> Signal:
        return Caption(self.name, encoders.get(self.spec))


@dataclass(frozen=True)
class RankedCaptions(Measured):
    """Of these texts the nearest to an image, by the models that score its fold."""

    name: str
    groups: tuple[tuple[Spec, ...], ...]
    texts: tuple[str, ...]
    seed: int = 0  # of the folds
    version: int = RankedCaption.version

    @property
    def family(self) -> str:  # type: ignore[override]
        return c.model_caption(self.name)

    @property
    def batch(self) -> int:
        return self.groups[0][0].batch

    @property
    def identity(self) -> tuple[object, ...]:
        of_groups = [ensemble_identity([spec.identity for spec in group]) for group in self.groups]
        return (*folded(of_groups, self.seed), self.texts, self.batch)

    def signal(self, encoders: Encoders) -> Signal:
        groups = [_of_group(group, encoders) for group in self.groups]
        return RankedCaption(self.name, groups, self.texts, self.seed)


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


def family_mark(model: Measured | Signal) -> Callable[[str], str]:
    """pool shard's content -> fingerprint of the family there."""
    identity = model.identity if isinstance(model, Measured) else model.identity()
    mark = (model.family, model.version, identity)
    return lambda content: fingerprint(*mark, content)
