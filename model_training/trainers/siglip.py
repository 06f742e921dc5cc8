"""SigLIP (arXiv 2303.15343): each cell of the batch is a yes-or-no question, taken block by block over the workers."""

from typing import Any, ClassVar

from model_training.libraries import torch
from model_training.losses.siglip import LOGIT_BIAS, LOGIT_SCALE
from model_training.trainers.contrastive import Contrastive
from model_training.trainers.contrastive_options import SiglipOptions
from model_training.trainers.gather import workers
from model_training.trainers.optimizers import Group, decayed_by_shape
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan

import open_clip.loss  # isort: skip  (after libraries, which mends torchvision)


class Siglip(Contrastive):
    """The scale and the bias are learned, from ln 10 and -10, without bounds.

    The paper has beta2 .95 for its large batches, where the default of a plan is .98. A pre-trained image tower
    learns at a tenth of the rate and does not decay (sections 4.5 to 4.7).
    """

    INITIAL: ClassVar[dict[str, Any]] = {"init_logit_scale": LOGIT_SCALE, "init_logit_bias": LOGIT_BIAS}
    BOUNDS = None

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        self.image_lr_scale = options_of(SiglipOptions, plan).image_lr_scale

    def loss(self, *encoded: Any) -> Any:
        """This worker's images with everybody's texts, which go round: the workers' mean is the whole batch's.

        By open_clip's own loss; nowhere are there more cells at a time than a worker's own rows squared.
        """
        images, texts = (features.float().contiguous() for features in encoded)
        count = workers()
        rank = torch.distributed.get_rank() if count > 1 else 0
        blocks = open_clip.loss.SigLipLoss(rank=rank, world_size=count)
        return blocks(images, texts, self.model.logit_scale.exp(), self.model.logit_bias)

    def groups(self) -> list[Group]:
        pretrained = [p for name, p in self.model.named_parameters() if name in self.loaded and _is_image(name)]
        known = {id(p) for p in pretrained}
        rest = [p for p in self.parameters() if id(p) not in known]
        return [*decayed_by_shape(pretrained, self.image_lr_scale, decays=False), *decayed_by_shape(rest)]

    def numbers(self) -> dict[str, float]:
        return {**super().numbers(), "logit_bias": float(self.model.logit_bias.detach())}


def _is_image(name: str) -> bool:
    return name.startswith("visual.")
