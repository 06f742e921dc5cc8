"""A tokenizer of a few thousand tokens for models that train in minutes: the first merges of CLIP's byte-pair encoding.

CLIP's file lists its merges in the order in which they were learned, most frequent pair first (Sennrich et al., arXiv
1508.07909), so its first lines are a smaller vocabulary of the same kind. No word is unknown: the 256 bytes are tokens.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from curate.errors import InputError
from model_training.libraries import torch

import open_clip  # isort: skip
import regex  # type: ignore[import-untyped]  # isort: skip
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer, bytes_to_unicode  # isort: skip

CLIP_SIZE = 49_408  # tokens of CLIP's own vocabulary
BYTES = 512  # each byte, and each byte at the end of a word
SPECIAL = ("<start_of_text>", "<decode>", "<encode>", "<end_of_text>")


class SmallVocabulary(SimpleTokenizer):
    """`size` tokens: padding (0), bytes, merges, then start, decode, encode and end.

    The end has the highest number, which is where a CLIP's text tower looks for it. What a text spells is never read
    as a special token. Called as open_clip's tokenizers are: texts to int64 (n, context_length), padded with 0, cut
    with the end token last.
    """

    pad_token_id = 0
    bpe_ranks: dict[tuple[str, str], int]
    pat: Any

    def __init__(self, size: int, context_length: int) -> None:
        if not BYTES + 1 + len(SPECIAL) <= size < CLIP_SIZE:
            raise ValueError(f"{size} tokens: a small vocabulary has {BYTES + 1 + len(SPECIAL)} to {CLIP_SIZE - 1}")
        super().__init__(context_length=context_length)
        merges = sorted(self.bpe_ranks, key=self.bpe_ranks.__getitem__)[: size - BYTES - 1 - len(SPECIAL)]
        letters = list(bytes_to_unicode().values())
        pieces = ["<pad>", *letters, *(f"{x}</w>" for x in letters), *map("".join, merges), *SPECIAL]
        self.bpe_ranks = {merge: rank for rank, merge in enumerate(merges)}
        self.encoder = {piece: number for number, piece in enumerate(pieces)}
        self.decoder = dict(enumerate(pieces))
        self.cache: dict[str, str] = {}
        self.pat = regex.compile(self.pat.pattern.split("|", 2)[2], regex.IGNORECASE)
        self.vocab_size = size
        self.all_special_ids = [0, *(self.encoder[token] for token in SPECIAL)]
        self.sot_token_id, self.decode_token_id, self.encode_token_id, self.eot_token_id = self.all_special_ids[1:]

    def decode(self, tokens: Sequence[int] | torch.Tensor) -> str:
        """The text of these tokens; special ones say nothing."""
        skip = set(self.all_special_ids)
        return str(super().decode([int(t) for t in tokens if int(t) not in skip])).strip()


def tokenizer_of(arch: str, allow_download: bool = False, folder: str | None = None) -> Any:
    """An open_clip architecture's tokenizer: a small vocabulary where its config names none and has fewer than CLIP.

    `folder` holds the files of the one that the config names. Raises InputError for one that a hub would be asked for
    and that may not be downloaded, and for one that cannot be read.
    """
    text = (open_clip.get_model_config(arch) or {}).get("text_cfg", {})
    named = folder or text.get("hf_tokenizer_name")
    try:
        if named:
            _refuse_hub(arch, named, allow_download)
            length = text.get("context_length", DEFAULT_CONTEXT_LENGTH)
            mode, options = text.get("tokenizer_mode"), text.get("tokenizer_kwargs", {})
            return HFTokenizer(named, context_length=length, tokenizer_mode=mode, **options)
        if text.get("vocab_size", CLIP_SIZE) >= CLIP_SIZE:
            return _whole(arch, repr(text))
        return small_vocabulary(text["vocab_size"], text["context_length"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{arch}: no tokenizer: {reason}", "correct text_cfg, or the tokenizer's folder") from error


@lru_cache(8)  # a third of a second each, and a run loads dozens of models
def _whole(arch: str, config: str) -> Any:
    return open_clip.get_tokenizer(arch)


@lru_cache(8)
def small_vocabulary(size: int, context_length: int) -> SmallVocabulary:
    """One for all models of a process: nothing about it changes."""
    return SmallVocabulary(size, context_length)


def _refuse_hub(arch: str, named: str, allow_download: bool) -> None:
    if not allow_download and not Path(named).is_dir():
        raise InputError(
            f"{arch}: there is no folder {named}, and its tokenizer would be asked of a hub",
            "fetch the tokenizer's files and name their folder, as the model's `tokenizer` or as hf_tokenizer_name in "
            "a model config (.json); or say `allow_download: true`",
        )
