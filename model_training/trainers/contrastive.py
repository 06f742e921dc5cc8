"""What objectives on a pair of open_clip's towers share: the model, its view of images, its features."""

import math
from typing import Any, ClassVar

from curate.errors import InputError
from curate.uid import draw_int
from model_training.data.views.square import Square
from model_training.libraries import torch
from model_training.models.open_clip import register
from model_training.models.small_vocabulary import tokenizer_of
from model_training.trainers.gather import gathered
from model_training.trainers.initial import load_initial
from model_training.trainers.objective import Inputs, Objective, normalised
from model_training.trainers.plan import Plan

import open_clip  # isort: skip  (after libraries, which mends torchvision)

MAX_LOGIT_SCALE = math.log(100)


class Contrastive(Objective):
    """`model` has open_clip's initial weights, drawn by the seed, or those that the plan names.

    Raises InputError for an architecture that is unknown, cannot be built, has a text decoder and no use for it (or
    the reverse), or sees images otherwise than data/views/square.py makes them, and for initial weights that do not
    fit.
    """

    INITIAL: ClassVar[dict[str, Any]] = {}  # init_logit_scale, init_logit_bias, where they are not open_clip's
    BOUNDS: ClassVar[tuple[float, float] | None] = (0.0, MAX_LOGIT_SCALE)  # of the logit scale's logarithm
    DECODES: ClassVar[bool] = False  # has a text decoder beside its towers

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed)
        arch = register(open_clip, plan.arch)
        self.tokenize = tokenizer_of(arch, plan.init is not None and plan.init.allow_download)
        torch.manual_seed(draw_int(seed, "", "init"))
        try:
            # Never a download: neither whole weights nor a tower's.
            self.model: Any = open_clip.create_model(
                arch,
                load_weights=False,
                pretrained_image=False,
                pretrained_text=False,
                output_dict=True,
                **self.INITIAL,
            )
        except (RuntimeError, ValueError, OSError, KeyError, TypeError, AttributeError, AssertionError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"{plan.arch}: cannot be built: {reason}", "correct train.model") from error
        if hasattr(self.model, "text_decoder") != self.DECODES:
            has = "has no" if self.DECODES else "has a"
            raise InputError(f"{plan.arch} {has} text decoder", "train it with another objective, or another model")
        self.initialise()
        self.loaded = load_initial(self.model, plan)
        seen = open_clip.get_model_preprocess_cfg(self.model)
        self.side = _side(plan.arch, seen)
        self.views = Square(self.side, plan.crop_area, plan.flip)
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(seen[name]).view(3, 1, 1), persistent=False)
        self.to(device)

    def initialise(self) -> None:
        """Draw what open_clip leaves without a value, or otherwise than the paper."""

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """Image and text features, (rows, d) each, of length 1."""
        out = self.model(self.pixels(inputs.views[0]), inputs.tokens)
        return out["image_features"], out["text_features"]

    def loss(self, *encoded: Any) -> Any:
        images, texts = (gathered(features.float()) for features in encoded)
        return self.contrast(images, texts)

    def contrast(self, images: Any, texts: Any) -> Any:
        """A scalar, of the features of all workers: (pairs, d) float32 each, of length 1."""
        raise NotImplementedError

    def pixels(self, view: Any) -> Any:
        return normalised(view, self.mean, self.std)

    def after_update(self, step: int) -> None:
        if self.BOUNDS:
            with torch.no_grad():
                self.model.logit_scale.clamp_(*self.BOUNDS)

    def checkpoint_activations(self) -> None:
        self.model.set_grad_checkpointing()

    def numbers(self) -> dict[str, float]:
        return {"logit_scale": float(self.model.logit_scale.detach().exp())}

    def weights(self) -> dict[str, Any]:
        """As open_clip.load_checkpoint reads them."""
        found: dict[str, Any] = self.model.state_dict()
        return found


def _side(arch: str, seen: dict[str, Any]) -> int:
    size = seen["size"]
    height, width = size if isinstance(size, tuple | list) else (size, size)
    if height != width or seen.get("resize_mode") != "shortest" or seen.get("interpolation") != "bicubic":
        raise InputError(
            f"{arch} wants images of {width}x{height}, {seen.get('resize_mode')}, {seen.get('interpolation')}",
            "train a model of square images, resized by the shorter side, bicubic",
        )
    return int(height)
