"""A model's name as a part of a pass's name, which is a folder's: [a-z0-9_]+."""

import re

from curate.uid import fingerprint


def model_name(name: str) -> str:
    """The name itself where it is such a word already, else that made of it and a mark that keeps two apart."""
    word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return word if word == name else f"{word}_{fingerprint(name)[:6]}"
