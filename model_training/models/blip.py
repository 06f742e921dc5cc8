"""BLIP: one model that compares, matches and writes (arXiv 2201.12086, section 3; transformers' own layers).

A text encoder, an image-grounded text encoder and an image-grounded decoder over one vision transformer. The first
two are one module, called without and with the image; decoder and encoder share all weights but self-attention.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.blip_tokens import FolderTokens, SmallTokens, Tokens
from model_training.models.weights import read_config, read_tensors

import huggingface_hub.errors  # isort: skip
import transformers  # isort: skip
from transformers.cache_utils import DynamicCache, EncoderDecoderCache  # isort: skip
from transformers.models.blip import modeling_blip, modeling_blip_text  # isort: skip

nn = torch.nn
TEMPERATURE = 0.07  # models/blip_pretrain.py: the contrast's first temperature
CAPTIONER, MATCHER = "text_decoder.", "text_encoder."  # how a file's names begin
OF_ENCODER = ("text_encoder", "vision_proj", "text_proj", "itm_head", "temperature")


class Blip(nn.Module):
    """`parts`: "text_encoder" (with projections, matching head and temperature), "text_decoder", or both, tied.

    Images are (B, 3, H, W) float32, texts int64 (B, T) from `tokens`. What of a file a model has is found by name:
    `text_encoder` or `text_decoder` is None where it is not there.
    """

    def __init__(self, config: Any, tokens: Tokens, parts: tuple[str, ...] = ("text_encoder", "text_decoder")) -> None:
        super().__init__()
        self.config, self.tokens = config, tokens
        # transformers' own pre-trained models initialise themselves; BERT's scale is theirs.
        self.vision_model = modeling_blip.BlipVisionModel(config.vision_config)
        self.text_encoder = self.text_decoder = None
        if "text_encoder" in parts:
            self.text_encoder = modeling_blip_text.BlipTextModel(config.text_config, add_pooling_layer=False)
            width = config.image_text_hidden_size
            self.vision_proj = nn.Linear(config.vision_config.hidden_size, width)
            self.text_proj = nn.Linear(config.text_config.hidden_size, width)
            self.itm_head = nn.Linear(config.text_config.hidden_size, 2)
            self.temperature = nn.Parameter(torch.tensor(TEMPERATURE))
        if "text_decoder" in parts:
            self.text_decoder = modeling_blip_text.BlipTextLMHeadModel(config.text_config)
            _tie_output(self.text_decoder)
            if self.text_encoder is not None:
                share(self.text_encoder, self.text_decoder.bert)
                _tie_output(self.text_decoder)
        self.register_state_dict_post_hook(_one_name_each)
        self.register_load_state_dict_pre_hook(_every_name)

    @classmethod
    def from_config(cls, path: str) -> "Blip":
        """A new model, drawn from torch's generator; `path` is a BlipConfig (.json) or a folder, for its vocabulary.

        Raises InputError.
        """
        if Path(path).is_dir():
            config = as_config(read_json(str(Path(path, "config.json"))), path)
            return cls._built(path, config, FolderTokens(path, config))
        data = read_json(path)
        data.pop("options", None)
        try:
            text = data["text_config"]
            tokens = SmallTokens(int(text["vocab_size"]), int(text["max_position_embeddings"]))
            text |= {"pad_token_id": tokens.pad, "bos_token_id": tokens.decode, "sep_token_id": tokens.end}
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{path}: {error}", "give text_config a vocab_size under CLIP's and max_position_embeddings"
            ) from error
        return cls._built(path, as_config(data, path), tokens)

    @classmethod
    def _built(cls, path: str, *given: Any) -> "Blip":
        try:
            return cls(*given)
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError, AssertionError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"{path}: cannot be built: {reason}", "correct the config") from error

    @classmethod
    def from_checkpoint(cls, arch: str, weights: str) -> "Blip":
        """Of a config's path and one file of ours, which has one or both of the parts.

        Raises InputError for weights that are not this model's.
        """
        model, found = cls.from_config(arch), read_tensors(weights)
        for part, begins in (("text_encoder", MATCHER), ("text_decoder", CAPTIONER)):
            if not any(name.startswith(begins) for name in found):
                model.drop(part)
        try:
            model.load_state_dict(found, strict=True)
        except RuntimeError as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"{weights} does not load as {arch}: {reason}", "check `arch`") from error
        return model

    @classmethod
    def from_folder(cls, path: str) -> "Blip":
        """Of a transformers folder: a BlipForConditionalGeneration, a BlipForImageTextRetrieval, or what holds both.

        Raises InputError for weights that lack a layer, which transformers would draw at random.
        """
        config = as_config(read_json(str(Path(path, "config.json"))), path)
        found = read_tensors(str(Path(path, "model.safetensors")))
        # What older files hold beside: a buffer, and BERT's pooler, which no BLIP reads.
        found = {n: v for n, v in found.items() if not n.endswith("position_ids") and ".pooler." not in n}
        parts = tuple(p[:-1] for p in (MATCHER, CAPTIONER) if any(name.startswith(p) for name in found))
        if not parts or ("text_encoder" in parts and "itm_head.weight" not in found):
            raise InputError(
                f"{path}: neither a BLIP that writes captions nor one that matches",
                "name a folder of BlipForConditionalGeneration or BlipForImageTextRetrieval",
            )
        model = cls._built(path, config, FolderTokens(path, config), parts)
        _load_folder(model, found, path)
        return model

    def drop(self, part: str) -> None:
        """Do without the text encoder, and all that only contrast and matching need, or without the decoder."""
        for name in OF_ENCODER if part == "text_encoder" else (part,):
            if getattr(self, name, None) is not None:
                delattr(self, name)
        setattr(self, part, None)

    # -- what it does -------------------------------------------------------------------------------------------

    def image_states(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 1 + patches, d): of the class token and every patch."""
        states: torch.Tensor = self.vision_model(pixel_values=images).last_hidden_state
        return states

    def image_vectors(self, states: torch.Tensor) -> torch.Tensor:
        """Unit vectors of the common space (B, width), of `image_states`."""
        return nn.functional.normalize(self.vision_proj(states[:, 0]), dim=-1)

    def text_vectors(self, ids: torch.Tensor) -> torch.Tensor:
        """Unit vectors of the common space (B, width); the texts alone, their first token the start token."""
        assert self.text_encoder is not None
        states = self.text_encoder(input_ids=ids, attention_mask=self._mask(ids)).last_hidden_state
        return nn.functional.normalize(self.text_proj(states[:, 0]), dim=-1)

    def matching_logits(self, ids: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """(B, 2), "no" and "yes", of texts beside `image_states` (B, ...); their first token the encode token."""
        assert self.text_encoder is not None
        found = self.text_encoder(
            input_ids=ids, attention_mask=self._mask(ids), encoder_hidden_states=states
        ).last_hidden_state
        logits: torch.Tensor = self.itm_head(found[:, 0])
        return logits

    def writing_logits(self, ids: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """(B, T, V): place t answers for token t + 1; the texts' first token is the decode token."""
        assert self.text_decoder is not None
        logits: torch.Tensor = self.text_decoder(
            input_ids=ids, attention_mask=self._mask(ids), encoder_hidden_states=states, use_cache=False
        ).logits
        return logits

    def decoder(self, states: torch.Tensor) -> "CachedDecoder":
        """For `decoding.generate`, of `image_states`."""
        return CachedDecoder(self, states)

    def _mask(self, ids: torch.Tensor) -> torch.Tensor:
        return (ids != self.tokens.pad).long()


class CachedDecoder:
    """Implements `decoding.Decoder`: keys and values of earlier tokens, and of the images, are kept."""

    def __init__(self, model: Blip, states: torch.Tensor) -> None:
        assert model.text_decoder is not None
        self._decoder, self._states, self._seen = model.text_decoder, states, 0
        config = model.config.text_config
        self._kept = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        made = self._decoder(
            input_ids=tokens[:, self._seen :],
            encoder_hidden_states=self._states,
            past_key_values=self._kept,
            use_cache=True,
            logits_to_keep=1,
        )
        self._seen = tokens.shape[1]
        logits: torch.Tensor = made.logits[:, -1]
        return logits

    def reorder(self, rows: torch.Tensor) -> None:
        self._kept.reorder_cache(rows)  # type: ignore[arg-type]


def share(encoder: Any, decoder: Any) -> None:
    """The decoder takes all of the encoder's layers but self-attention (models/blip_pretrain.py:94)."""
    decoder.embeddings = encoder.embeddings
    for ours, theirs in zip(decoder.encoder.layer, encoder.encoder.layer, strict=True):
        ours.crossattention, ours.intermediate, ours.output = theirs.crossattention, theirs.intermediate, theirs.output


def _tie_output(decoder: Any) -> None:
    head = decoder.cls.predictions
    head.decoder.weight, head.decoder.bias = decoder.bert.embeddings.word_embeddings.weight, head.bias


def read_json(path: str) -> dict[str, Any]:
    return read_config(path, "name a BlipConfig (.json)")


def as_config(data: dict[str, Any], path: str) -> Any:
    try:
        return transformers.BlipConfig.from_dict({**data, "dtype": "float32"})
    except (ValueError, TypeError, AttributeError, huggingface_hub.errors.StrictDataclassError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: not a BLIP config ({reason})", "name a BlipConfig (.json)") from error


def _aliases(module: nn.Module) -> Iterator[tuple[str, str]]:
    """(another name, the name that is kept) of every tensor with two names."""
    first: dict[int, str] = {}
    for name, value in module.named_parameters(remove_duplicate=False):
        kept = first.setdefault(id(value), name)
        if kept != name:
            yield name, kept


def _one_name_each(module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    for name, _kept in _aliases(module):
        state.pop(prefix + name, None)


def _every_name(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, kept in _aliases(module):
        if prefix + kept in state:
            state.setdefault(prefix + name, state[prefix + kept])


def _load_folder(model: Blip, found: dict[str, Any], path: str) -> None:
    """Tensors with two names may have either in a file, or both."""
    for name, kept in _aliases(model):
        if name in found:
            value = found.pop(name)
            found.setdefault(kept, value)
    if model.text_encoder is not None:
        found.setdefault("temperature", torch.tensor(TEMPERATURE))
    try:
        model.load_state_dict(found, strict=True)
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        raise InputError(f"{path} does not load as BLIP: {' '.join(lines[:2])}", "check its config.json") from error
