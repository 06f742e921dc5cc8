"""BLIP's texts as token ids: by a folder's own tokenizer, or by a small vocabulary; and how BLIP cleans a caption."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.small_vocabulary import small_vocabulary

LENGTH = 35  # tokens of a text, as salesforce/BLIP's matching and retrieval (models/blip_itm.py:47)
SPACES = re.compile(r"\s+")
REPLACED = re.compile(r"""[.!"()*#:;~]""")


def clean_caption(text: str) -> str:
    """As BLIP's training sees captions (data/utils.py:10): lower case, and `. ! " ( ) * # : ; ~` are spaces."""
    return SPACES.sub(" ", REPLACED.sub(" ", text.lower())).strip()


class Tokens(Protocol):
    """The texts of one model; `pad`, `end`, and what the first token is: `start` for the contrast, `encode` for
    matching, `decode` for writing. `encode` is None in a vocabulary that has none."""

    pad: int
    start: int
    end: int
    decode: int
    encode: int | None

    def ids(self, texts: Sequence[str]) -> torch.Tensor:
        """int64 (n, length): start, text, end, padding; what is too long is cut, the end token stays."""
        ...

    def prompt(self, text: str) -> list[int]:
        """The text's tokens after the decode token, and no end."""
        ...

    def text(self, ids: Sequence[int]) -> str:
        """The text of these tokens without special ones."""
        ...


class SmallTokens:
    """By the first merges of CLIP's byte-pair encoding."""

    def __init__(self, size: int, length: int) -> None:
        self._small = small_vocabulary(size, min(LENGTH, length))
        self.pad, self.start = self._small.pad_token_id, self._small.sot_token_id
        self.end, self.decode = self._small.eot_token_id, self._small.decode_token_id
        self.encode: int | None = self._small.encode_token_id

    def ids(self, texts: Sequence[str]) -> torch.Tensor:
        return self._small(list(texts))

    def prompt(self, text: str) -> list[int]:
        return [self.decode, *self._small.encode(text)]

    def text(self, ids: Sequence[int]) -> str:
        return self._small.decode(ids)


class FolderTokens:
    """By the tokenizer of a transformers folder. [DEC] is what its text config calls the bos token, [ENC] the next.

    The published folders' tokenizer files are plain BERT's and lack both; salesforce/BLIP adds them in this order
    (models/blip.py:187). A tokenizer that knows [ENC] is believed.
    """

    def __init__(self, folder: str, config: Any) -> None:
        import transformers

        try:
            self._own = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"{folder}: no readable tokenizer ({reason})", "put its tokenizer files there") from error
        text = config.text_config
        self.pad, self.end, self.decode = text.pad_token_id, text.sep_token_id, text.bos_token_id
        self.start = self._own.cls_token_id
        for said, token in (("pad", self.pad), ("sep", self.end), ("bos", self.decode)):
            if not isinstance(token, int):
                raise InputError(f"{folder}: text_config has no {said}_token_id", f"see {Path(folder, 'config.json')}")
        known = self._own.get_vocab().get("[ENC]")
        follows = self.decode + 1 if self.decode + 1 < text.vocab_size else None
        self.encode: int | None = known if known is not None else follows
        self._length = min(LENGTH, text.max_position_embeddings)
        if len(self._own) > text.vocab_size or self.start is None:
            raise InputError(f"{folder}: the tokenizer is not this model's", f"see {Path(folder, 'config.json')}")

    def ids(self, texts: Sequence[str]) -> torch.Tensor:
        found = self._own(
            list(texts), padding="max_length", truncation=True, max_length=self._length, return_tensors="pt"
        )
        ids: torch.Tensor = found.input_ids
        return ids

    def prompt(self, text: str) -> list[int]:
        return [self.decode, *self._own(text, add_special_tokens=False).input_ids]

    def text(self, ids: Sequence[int]) -> str:
        special = {self.decode, self.encode}
        return str(self._own.decode([i for i in ids if i not in special], skip_special_tokens=True)).strip()
