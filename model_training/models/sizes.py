"""The sizes that come with the project: `tiny` for CPUs and minutes, `small` for one GPU and an hour."""

from pathlib import Path

_HERE = Path(__file__).parent
_FILES = {
    "open_clip": ("tiny", "small"),
    "filip": ("tiny_filip", "small"),  # of ViTs: tiny's image tower has no tokens
    "coca": ("tiny_coca", "small_coca"),
    "timm": ("tiny_vit", "small_vit"),
    "blip": ("tiny_blip", "small_blip"),
}
SIZES = {
    family: {size: str(_HERE / f"{name}.json") for size, name in zip(("tiny", "small"), names, strict=True)}
    for family, names in _FILES.items()
}  # family -> size -> path of the architecture's config


def architecture_of(family: str, named: str) -> str:
    """What a recipe names: one of the sizes here, else what the family's library or a path calls it."""
    return SIZES[family].get(named, named)
