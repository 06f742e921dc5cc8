"""A BLIP at work: captions, matching probabilities and vectors, in batches of one size, the last one padded."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL.Image import Image

from curate.errors import InputError
from model_training.models.blip_spec import BlipSpec, folder_here
from model_training.models.clip_transform import CLIP_MEAN, CLIP_STD
from model_training.models.fixed_batches import PASS, FixedBatches
from model_training.models.generation import fitted
from model_training.models.weights import read_config

if TYPE_CHECKING:
    from model_training.models.preprocessing import Preprocessing

LACKS = {"text_decoder": "write captions", "text_encoder": "compare an image with a text"}


class BlipInference:
    """Implements `curate.protocols` Captioner, Matcher and ImageTextEncoder, as far as the weights hold their part."""

    def __init__(self, spec: BlipSpec) -> None:
        self.spec, self.identity = spec, spec.identity
        self._batches = FixedBatches(spec.batch, PASS)
        self._model, self._images = load(spec)
        self._model.to(self._batches.device)
        self.width = int(self._model.config.image_text_hidden_size)

    def encode_images(self, images: Sequence[Image]) -> np.ndarray:
        model, pixels = self._part("text_encoder"), self._images.pixels

        def vectors(batch: Any) -> Any:
            return model.image_vectors(model.image_states(pixels(batch)))

        return self._batches.run(images, vectors, self.width, self._images.gather)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        model = self._part("text_encoder")
        return self._batches.run(texts, model.text_vectors, self.width, self._ids)

    def match(self, images: Sequence[Image], texts: Sequence[str]) -> np.ndarray:
        """The matching head's probability of "yes", float32 (n,), of each text and the image in its place."""
        from model_training.models.numbered_batches import run_numbered

        model = self._part("text_encoder")
        if not len(texts):
            return np.zeros(0, np.float32)
        ids = self._ids(texts)
        if self.spec.first_token == "encode":
            ids[:, 0] = self._encode_token()
        ids = ids.to(self._batches.device)

        def chances(pixels: Any, rows: Any) -> Any:
            return model.matching_logits(ids[rows], model.image_states(pixels)).softmax(1)[:, 1:]

        found: np.ndarray = run_numbered(self._batches, images, self._images, chances, 1)[:, 0]
        return found

    def caption(self, images: Sequence[Image], uids: Sequence[str]) -> list[str]:
        """One caption per image, without the prompt; a draw depends on its uid alone."""
        from model_training.libraries import torch
        from model_training.models.decoding import generate
        from model_training.models.numbered_batches import run_numbered

        model = self._part("text_decoder")
        tokens, places = model.tokens, model.config.text_config.max_position_embeddings
        prompt = torch.tensor([tokens.prompt(self.spec.generation.prompt)], device=self._batches.device)
        how = fitted(self.spec.generation, prompt.shape[1], places, self.spec.name)

        def write(pixels: Any, rows: Any) -> Any:
            states = model.image_states(pixels).repeat_interleave(how.branches, 0)
            keys = [uids[row] for row in rows.tolist()]
            start = prompt.expand(len(states), -1)
            return generate(model.decoder(states), start, keys, how, end=tokens.end, pad=tokens.pad)

        found = run_numbered(self._batches, images, self._images, write, how.length).astype(np.int64)
        given = tokens.text(prompt[0].tolist())
        return [tokens.text(row.tolist()).removeprefix(given).strip() for row in found]

    def _ids(self, texts: Sequence[str]) -> Any:
        from model_training.models.blip_tokens import clean_caption

        return self._model.tokens.ids([clean_caption(text) for text in texts])

    def _encode_token(self) -> int:
        token = self._model.tokens.encode
        if token is None:
            raise InputError(
                f"model {self.spec.name!r}: its vocabulary has no encode token", "say `first_token: start`"
            )
        return int(token)

    def _part(self, part: str) -> Any:
        if getattr(self._model, part) is None:
            raise _lacks(self.spec, part)
        return self._model


def _lacks(spec: BlipSpec, part: str) -> InputError:
    return InputError(
        f"model {spec.name!r}: {spec.weights} has no {part.replace('_', ' ')}: it cannot {LACKS[part]}",
        "name the weights of a captioner as blip_captioner and those of a matcher as blip_matcher",
    )


def load(spec: BlipSpec) -> tuple[Any, "Preprocessing"]:
    """In eval mode, and what makes its pixels. Raises InputError for weights that do not fit or are refused."""
    from model_training.models.blip import Blip

    settings: dict[str, Any] = {}
    if spec.arch and not os.path.isdir(spec.weights):
        model = Blip.from_checkpoint(spec.arch, spec.here())
    else:
        folder = folder_here(spec)
        model = Blip.from_folder(folder)
        path = Path(folder, "preprocessor_config.json")
        settings = read_config(str(path), "fetch the folder again") if path.is_file() else {}
    if spec.part and getattr(model, spec.part) is None:
        raise _lacks(spec, spec.part)
    return model.eval(), _pixels(int(model.config.vision_config.image_size), settings)


def _pixels(size: int, settings: dict[str, Any]) -> "Preprocessing":
    """The whole image made a square of the model's size; the rest as a folder's preprocessor_config.json says."""
    from model_training.models.preprocessing import Preprocessing

    from torchvision.transforms import Compose, InterpolationMode, Normalize, Resize, ToTensor  # isort: skip
    from torchvision.transforms.functional import pil_modes_mapping  # isort: skip

    modes = {number: mode for mode, number in pil_modes_mapping.items()}
    mode = modes.get(settings.get("resample", 3), InterpolationMode.BICUBIC)
    mean, std = settings.get("image_mean", CLIP_MEAN), settings.get("image_std", CLIP_STD)
    return Preprocessing(Compose([Resize((size, size), mode), ToTensor(), Normalize(mean, std)]))
