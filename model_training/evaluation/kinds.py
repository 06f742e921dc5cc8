"""The kinds of evaluation: what each asks of a model, what it is told, and which of its numbers stands for it.

Holds no torch: recipes are checked against it at the door.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from curate.errors import InputError

Kind = Literal[
    "zero_shot", "retrieval", "knn", "linear_probe", "captioning", "winoground", "caption_choice", "winogavil"
]
Need = Literal["images", "images+texts", "captions"]
ProbeRecipe = Literal["clip", "clip_benchmark", "dinov2_logistic", "dinov2_linear", "datacomp"]

NEEDS: dict[Kind, Need] = {
    "zero_shot": "images+texts",
    "retrieval": "images+texts",
    "knn": "images",
    "linear_probe": "images",
    "captioning": "captions",
    "winoground": "images+texts",
    "caption_choice": "images+texts",
    "winogavil": "images+texts",
}
METHODS: dict[Need, tuple[str, ...]] = {  # of curate.protocols
    "images": ("encode_images",),
    "images+texts": ("encode_images", "encode_texts"),
    "captions": ("caption",),
}
ABLE: dict[Need, str] = {
    "images": "every model that encodes images (CLIP, SigLIP, CoCa, BLIP, DINO)",
    "images+texts": "models with an image and a text tower in one space (CLIP, SigLIP, LiT, CoCa, BLIP)",
    "captions": "models that write captions (CoCa, BLIP)",
}
PRIMARY: dict[Kind, tuple[str, ...]] = {  # the first of them that there is
    "zero_shot": ("top1", "real_top1"),
    "retrieval": ("mean_r1",),
    "knn": ("knn20_top1", "knn10_top1", "knn100_top1", "knn200_top1"),
    "linear_probe": ("top1",),
    "captioning": ("cider_d",),
    "winoground": ("group_score",),
    "caption_choice": ("caption_choice",),
    "winogavil": ("jaccard_10_to_12", "jaccard"),
}


@dataclass(frozen=True)
class Evaluation:
    """What the recipe says: a name, what is asked, and the files (local paths, folders and globs).

    classes      of zero_shot, and of knn and linear_probe where labels are to be among them: a classes.yaml, or a
                 folder with CLIP_benchmark's classnames.txt
    train        of knn and linear_probe: the labelled images that are learnt from
    recipe       of linear_probe
    ks           of knn; none are DINOv2's 10, 20, 100 and 200
    per_class    of knn: learn from so many images of each class, drawn five times
    iterations   of linear_probe, instead of the published number: L-BFGS iterations, SGD steps, or epochs of AdamW
    """

    name: str
    kind: Kind
    data: tuple[str, ...]
    classes: str | None = None
    train: tuple[str, ...] = ()
    recipe: ProbeRecipe | None = None
    ks: tuple[int, ...] = ()
    per_class: int | None = None
    iterations: int | None = None

    @property
    def needs(self) -> Need:
        return needs(self.kind, self.recipe)


def needs(kind: Kind, recipe: ProbeRecipe | None = None) -> Need:
    """What a model must be able to do. DataComp's linear probe begins at the class names' vectors: it needs texts."""
    return "images+texts" if recipe == "datacomp" else NEEDS[kind]


def refuse_unable(model: Any, evaluation: Evaluation) -> None:
    """Raises InputError, with the models that can, for one that lacks a method of `curate.protocols`."""
    lacking = [name for name in METHODS[evaluation.needs] if not callable(getattr(model, name, None))]
    if lacking:
        raise InputError(
            f"evaluation {evaluation.name!r}: {evaluation.kind} cannot judge a model without {' and '.join(lacking)}",
            f"it is for {ABLE[evaluation.needs]}: take it out of `eval`, or train such a model",
        )


def primary(kind: Kind, metrics: Iterable[str]) -> str:
    """The metric that stands for an evaluation, of those it gave: comparisons and promotions read it."""
    given = list(metrics)
    return next((name for name in PRIMARY[kind] if name in given), given[0] if given else PRIMARY[kind][0])
