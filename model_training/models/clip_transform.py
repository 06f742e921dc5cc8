"""How a CLIP's weights want their images: open_clip keeps that in the pretrained tag, not in the architecture.

Where all tags of an architecture agree, any weights of it are taken to want the same (MobileCLIP, SigLIP, CLIPA); where
they differ, CLIP's own transform stands, unless the recipe names the tag or says the numbers. QuickGELU, the activation
of OpenAI's and some others' weights, is a tag's too.
"""

from collections.abc import Mapping
from typing import Any

from curate.errors import InputError

Settings = tuple[tuple[str, Any], ...]
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
CLIP: Settings = (("mean", CLIP_MEAN), ("std", CLIP_STD), ("interpolation", "bicubic"), ("resize_mode", "shortest"))


def wanted(arch: str, tag: str | None, said: Settings) -> tuple[Settings, bool]:
    """What differs from CLIP's own transform, by `PreprocessCfg`'s names, and whether the activation is QuickGELU.

    `said`, a recipe's, wins over the tag's. Reads open_clip's table, and only where that bears on the answer. Raises
    InputError for a tag that open_clip does not know.
    """
    found, quick_gelu = dict(CLIP), False
    if tag is not None or (len(said) < len(CLIP) and not arch.endswith(".json")):
        tags = _tags(arch)
        if tag is not None:
            own = _named(tags, arch, tag)
            found, quick_gelu = _transform(own), bool(own.get("quick_gelu"))
        elif tags and len({tuple(_transform(own).items()) for own in tags.values()}) == 1:
            found = _transform(next(iter(tags.values())))
    found |= dict(said)
    return tuple((name, value) for name, value in found.items() if value != dict(CLIP)[name]), quick_gelu


def _tags(arch: str) -> dict[str, Mapping[str, Any]]:
    from model_training import libraries  # noqa: F401  (before open_clip, which imports torchvision)

    import open_clip  # isort: skip

    return {tag: open_clip.get_pretrained_cfg(arch, tag) for tag in open_clip.list_pretrained_tags_by_model(arch)}


def _named(tags: Mapping[str, Mapping[str, Any]], arch: str, tag: str) -> Mapping[str, Any]:
    clean = tag.lower().replace("-", "_")  # as open_clip reads it
    if clean not in tags:
        there = f"there are {', '.join(tags)}" if tags else "it has none: say `preprocess`"
        raise InputError(f"open_clip has no weights {tag!r} of {arch}", there)
    return tags[clean]


def _transform(tag: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: tag.get(name) or default for name, default in CLIP}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
