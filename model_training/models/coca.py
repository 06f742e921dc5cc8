"""CoCa as a captioner (arXiv 2205.01917), by open_clip's own model, transform and tokenizer code.

The text is written by the project's own loop: open_clip's `generate` imports a beam scorer that transformers 5 no
longer has, and draws from torch's one generator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from PIL.Image import Image

from curate.errors import InputError
from model_training.models.generation import Generation, fitted
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from model_training.models.sizes import architecture_of
from model_training.models.weights import identity_with


@dataclass(frozen=True)
class CocaSpec(OpenClipSpec):
    """`arch` is tiny, small, one of open_clip's coca_ names, or the path of a model config (.json)."""

    generation: Generation = field(default_factory=lambda: Generation(prompt=""))
    library: ClassVar[str] = "coca "

    def __post_init__(self) -> None:
        object.__setattr__(self, "arch", architecture_of("coca", self.arch))

    @property
    def identity(self) -> str:
        return identity_with(super().identity, self.generation.identity())


class CocaInference(OpenClipEncoder):
    """Implements `curate.protocols` Captioner and ImageTextEncoder."""

    spec: CocaSpec

    def __init__(self, spec: CocaSpec) -> None:
        super().__init__(spec)
        if not hasattr(self._model, "text_decoder") or not hasattr(self._tokenizer, "sot_token_id"):
            raise InputError(
                f"model {spec.name!r}: {spec.arch} is no CoCa with open_clip's own tokenizer",
                "name tiny, small or coca_ViT-B-32",
            )

    def caption(self, images: Sequence[Image], uids: Sequence[str]) -> list[str]:
        """One caption per image, without the prompt; a draw depends on its uid alone."""
        from model_training.libraries import torch
        from model_training.models.decoding import generate
        from model_training.models.numbered_batches import run_numbered

        model, words = self._model, self._tokenizer
        given = [words.sot_token_id, *words.encode(self.spec.generation.prompt)]
        prompt = torch.tensor([given], device=self._batches.device)
        # The model has a place more than the tokens: the class token's.
        how = fitted(self.spec.generation, len(given), model.context_length, self.spec.name)

        def write(pixels: Any, rows: Any) -> Any:
            decoder = CocaDecoder(model, pixels, how.branches)
            start = prompt.expand(len(pixels) * how.branches, -1)
            keys = [uids[row] for row in rows.tolist()]
            return generate(decoder, start, keys, how, end=words.eot_token_id, pad=model.pad_id)

        found = run_numbered(self._batches, images, self._images, write, how.length).astype(np.int64)
        said = self._text(given)
        return [self._text(row.tolist()).removeprefix(said).strip() for row in found]

    def _text(self, ids: list[int]) -> str:
        ends = ids.index(self._tokenizer.eot_token_id) if self._tokenizer.eot_token_id in ids else len(ids)
        return str(self._tokenizer.decode([i for i in ids[:ends] if i != self._tokenizer.sot_token_id])).strip()


class CocaDecoder:
    """Implements `decoding.Decoder`. The text is read anew for each token: open_clip's layers keep nothing."""

    def __init__(self, model: Any, images: Any, repeats: int = 1) -> None:
        self._model = model
        latent, states = model._encode_image(images)
        self._latent, self._states = latent.repeat_interleave(repeats, 0), states.repeat_interleave(repeats, 0)

    def __call__(self, tokens: Any) -> Any:
        made = self._model(None, tokens, image_latent=self._latent, image_embs=self._states, output_labels=False)
        return made["logits"][:, -1]

    def reorder(self, rows: Any) -> None: ...


def initialise(model: Any) -> None:
    """Draws the decoder's weights as open_clip's text tower draws its own, from torch's generator.

    open_clip 3.3 never does: its `MultimodalTransformer.init_parameters` is not called, would not run, and
    `text_projection` is memory as it was found.
    """
    from model_training import libraries

    normal, decoder = libraries.torch.nn.init.normal_, model.text_decoder
    width, blocks = decoder.width, [*decoder.resblocks, *decoder.cross_attn]
    narrow = width**-0.5 * (2 * decoder.layers) ** -0.5
    for block in blocks:
        normal(block.attn.in_proj_weight, std=width**-0.5)
        normal(block.attn.out_proj.weight, std=narrow)
        normal(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
        normal(block.mlp.c_proj.weight, std=narrow)
    normal(decoder.text_projection, std=width**-0.5)
