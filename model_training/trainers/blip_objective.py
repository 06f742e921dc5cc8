"""What BLIP's objectives share (arXiv 2201.12086): the model, its images and texts, what is written of it."""

from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from curate.uid import draw_int
from model_training.libraries import torch
from model_training.losses.blip_lm import lm_sums, with_first_token
from model_training.models import blip
from model_training.models.blip_inference import CLIP_MEAN, CLIP_STD
from model_training.models.blip_tokens import clean_caption
from model_training.trainers.blip_initial import initial
from model_training.trainers.blip_options import BlipCaptionerOptions, BlipMatcherOptions, BlipOptions
from model_training.trainers.blip_views import views_of
from model_training.trainers.gather import gathered
from model_training.trainers.objective import Inputs, Objective, normalised
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan
from model_training.trainers.schedule import cosine

from transformers.modeling_layers import GradientCheckpointingLayer  # isort: skip  (after libraries)

WIDTHS = 8  # texts are as wide as the longest of the rows, in steps of so many tokens


class BlipObjective(Objective):
    """`model` is a Blip without the part that is not trained; `said` holds the options.

    Raises InputError for a config that is no BLIP's, an option's value that there is not, and weights to start from
    that do not fit.
    """

    OPTIONS: ClassVar[type[BlipOptions] | type[BlipCaptionerOptions] | type[BlipMatcherOptions]] = BlipOptions
    WITHOUT: ClassVar[str | None] = None  # text_encoder or text_decoder

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed)
        self.said: Any = options_of(self.OPTIONS, plan, None if Path(plan.arch).is_dir() else blip.read_json(plan.arch))
        torch.manual_seed(draw_int(seed, "", "init"))
        self.model: Any = initial(plan, self.WITHOUT)
        side = int(self.model.config.vision_config.image_size)
        low, high = self.said.crop_scale
        self.views = views_of(side, self.said.augment, (low, high), plan.flip)
        self.tokenize = self.tokens_of
        for name, values in (("mean", CLIP_MEAN), ("std", CLIP_STD)):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1), persistent=False)
        self.step = 0
        self._told: dict[str, Any] = {}
        self._autocast = partial(
            torch.autocast, torch.device(device).type, torch.bfloat16, enabled=plan.precision == "bfloat16"
        )
        self.to(device)

    # -- pixels and texts --------------------------------------------------------------------------
    def tokens_of(self, texts: list[str]) -> Any:
        """(texts, context) int64: start, the cleaned text, end, padding; of what is too long the end is kept."""
        tokens = self.model.tokens
        ids = tokens.ids([clean_caption(text) for text in texts])[:, : self.said.max_tokens]
        ids[:, -1] = torch.where(ids[:, -1] == tokens.pad, ids[:, -1], tokens.end)
        return ids

    def states(self, inputs: Inputs) -> Any:
        """(rows, 1 + patches, d) of the images."""
        return self.model.image_states(self.pixels(inputs))

    def pixels(self, inputs: Inputs) -> Any:
        return normalised(inputs.views[0], self.mean, self.std)

    @torch.compiler.disable  # of a few widths, which are not known before
    def short(self, tokens: Any) -> Any:
        """Without columns that are padding in every row."""
        longest = int((tokens != self.model.tokens.pad).sum(1).max())
        return tokens[:, : -(-longest // WIDTHS) * WIDTHS]

    def said_of(self, tokens: Any, states: Any, prompt: int = 0) -> tuple[Any, Any]:
        """The captions, given the images: the sum of their tokens' cross-entropies, and how many, (rows,) each."""
        own = self.model.tokens
        ids = with_first_token(self.short(tokens), own.decode)
        logits = self.model.writing_logits(ids, states)
        return lm_sums(logits, ids, pad=own.pad, prompt=prompt, smoothing=self.said.label_smoothing)

    def mean_of_tokens(self, sums: Any, counts: Any) -> Any:
        """LM's loss: the mean over the tokens of all workers."""
        loss = gathered(sums).sum() / gathered(counts).sum().clamp(min=1)
        self._told["lm_loss"] = loss.detach()
        return loss

    # -- hooks -------------------------------------------------------------------------------------
    def before_step(self, step: int) -> None:
        self.step = step

    def rates(self, step: int) -> tuple[float, float]:
        """Fine-tuning's: a cosine to 0 that goes down once an epoch, after a warm-up where the plan has one."""
        plan = self.plan
        if plan.schedule != "published":
            return super().rates(step)
        rate = cosine(int(step / self.epoch), start=plan.lr, end=0.0, steps=self.said.epochs)
        if step < plan.warmup:
            rate = min(rate, plan.lr * (step + 1) / plan.warmup)
        return rate, plan.weight_decay

    @property
    def epoch(self) -> float:
        """Steps."""
        return self.plan.steps / float(self.said.epochs)

    def checkpoint_activations(self) -> None:
        for layer in self.model.modules():
            if isinstance(layer, GradientCheckpointingLayer):
                layer.gradient_checkpointing = True
                checkpoint: Any = partial(torch.utils.checkpoint.checkpoint, use_reentrant=False)
                layer._gradient_checkpointing_func = checkpoint

    def numbers(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._told.items()}

    def weights(self) -> dict[str, Any]:
        """As models/blip.py loads them: a file of the parts that were trained."""
        found: dict[str, Any] = self.model.state_dict()
        return found
