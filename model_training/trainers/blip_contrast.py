"""What pre-training and the matcher share: BLIP's contrast with momentum encoders and a queue, and its matching.

Every worker compares and matches its own rows with those of all workers; the loss is the mean over the workers.
"""

from copy import deepcopy
from typing import Any

from curate.errors import InputError
from curate.uid import draw
from model_training.libraries import torch
from model_training.losses.blip_itc import Contrast, clamp_temperature, itc_loss, ramp_alpha
from model_training.losses.blip_itm import itm_loss, matching_pairs, pick
from model_training.losses.blip_lm import with_first_token
from model_training.losses.blip_queue import FeatureQueue
from model_training.losses.momentum_teacher import follow
from model_training.trainers.blip_objective import BlipObjective
from model_training.trainers.gather import gathered, workers
from model_training.trainers.objective import Inputs
from model_training.trainers.optimizers import Group, decayed_by_shape
from model_training.trainers.plan import Plan

FOLLOWING = ("vision_model", "vision_proj", "text_encoder", "text_proj")


class BlipContrast(BlipObjective):
    """The momentum copies, the queue and where it is written next are part of the state.

    Raises InputError for a queue that is no multiple of the batch, and for a vocabulary without an encode token.
    """

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        size = int(self.said.queue)
        if size % plan.batch:
            raise InputError(
                f"a queue of {size} features is no multiple of a batch of {plan.batch}",
                f"set options.queue to a multiple of it, such as {max(1, size // plan.batch) * plan.batch}, or to 0",
            )
        if self.model.tokens.encode is None:
            raise InputError(f"the vocabulary of {plan.arch} has no encode token", "add [ENC] to the tokenizer")
        self.momentum: Any = torch.nn.ModuleDict({name: deepcopy(getattr(self.model, name)) for name in FOLLOWING})
        self.momentum.requires_grad_(False)
        self.queue = FeatureQueue(seed, size, int(self.model.config.image_text_hidden_size))
        self._pushed: tuple[Any, ...] | None = None
        self.to(device)

    # -- rows --------------------------------------------------------------------------------------
    def compared(self, inputs: Inputs, states: Any) -> tuple[Any, ...]:
        """Image and text vectors, the momentum encoders', (rows, width) each; two points a row, for its negatives."""
        tokens = self.short(inputs.tokens)
        images, texts = self.model.image_vectors(states), self.model.text_vectors(tokens)
        return images, texts, *self._momentum_vectors(self.pixels(inputs), tokens), self._points(inputs)

    @torch.compiler.disable  # names are new at every step
    def _points(self, inputs: Inputs) -> Any:
        drawn = [[draw(self.seed, name, f"negative {what}") for what in ("image", "text")] for name in inputs.names]
        return torch.tensor(drawn, dtype=torch.float64).to(inputs.tokens.device)

    @torch.no_grad()
    def _momentum_vectors(self, pixels: Any, tokens: Any) -> tuple[Any, Any]:
        """As `Blip.image_vectors` and `text_vectors`, by the copies."""
        copies, normalised = self.momentum, torch.nn.functional.normalize
        images = copies.vision_model(pixel_values=pixels).last_hidden_state
        seen = (tokens != self.model.tokens.pad).long()
        texts = copies.text_encoder(input_ids=tokens, attention_mask=seen).last_hidden_state
        return (
            normalised(copies.vision_proj(images[:, 0]), dim=-1).float(),
            normalised(copies.text_proj(texts[:, 0]), dim=-1).float(),
        )

    # -- losses ------------------------------------------------------------------------------------
    def contrast(self, images: Any, texts: Any, images_m: Any, texts_m: Any, ids: Any = None) -> Contrast:
        """ITC of this worker's rows; `ids` are the images' of all workers. Its features go to the queue after it."""
        images_m, texts_m = gathered(images_m), gathered(texts_m)
        self._pushed = (images_m, texts_m, ids)
        found = itc_loss(
            images.float(),
            texts.float(),
            images_m,
            texts_m,
            self.queue,
            self.model.temperature,
            self.alpha,
            ids,
            first_of(images),
        )
        self._told["itc_loss"] = found.loss.detach()
        return found

    def matching(self, states: Any, tokens: Any, negative_images: Any, negative_texts: Any) -> Any:
        """ITM of this worker's rows, each with a negative image and a negative text among the rows of all workers."""
        pairs = matching_pairs(negative_images, negative_texts, first_of(states))
        everyones = gathered(states), gathered(tokens)
        ids = self.short(with_first_token(everyones[1][pairs.texts], self.model.tokens.encode))
        with self._autocast():
            logits = self.model.matching_logits(ids, everyones[0][pairs.images])
        loss = itm_loss(logits, pairs.labels)
        self._told["itm_loss"] = loss.detach()
        self._told["itm_accuracy"] = (logits.argmax(1) == pairs.labels).float().mean()
        return loss

    @property
    def alpha(self) -> float:
        return ramp_alpha(self.step, self.epoch, self.said.alpha, self.said.ramp_epochs)

    def groups(self) -> list[Group]:
        temperature = self.model.temperature
        others = (p for p in self.parameters() if p is not temperature)
        return [*decayed_by_shape(others), *decayed_by_shape([temperature], self.said.temperature_lr_scale)]

    # -- hooks -------------------------------------------------------------------------------------
    def before_step(self, step: int) -> None:
        """The copies follow before the forward pass, as published: they have seen the last update."""
        super().before_step(step)
        clamp_temperature(self.model.temperature)
        for name, copy in self.momentum.items():
            follow(copy, getattr(self.model, name), self.said.momentum)

    def after_update(self, step: int) -> None:
        if self._pushed is not None and len(self.queue.images):
            images, texts, ids = self._pushed
            self.queue.push(images, texts, ids)

    def numbers(self) -> dict[str, float]:
        return {**super().numbers(), "temperature": float(self.model.temperature.detach()), "alpha": self.alpha}


def first_of(rows: Any) -> int:
    """The number of this worker's first row in the batch of all."""
    return torch.distributed.get_rank() * len(rows) if workers() > 1 else 0


def negatives(weights_of_images: Any, weights_of_texts: Any, points: Any) -> tuple[Any, Any]:
    """For each of this worker's texts an image, for each image a text, (rows,) int64; points (rows, 2)."""
    at = points.detach().cpu()
    return pick(weights_of_images, at[:, 0]), pick(weights_of_texts, at[:, 1])


def mean_of_workers(loss: Any) -> Any:
    """Of scalars, each a mean over equally many rows."""
    return gathered(loss[None]).mean()
