"""The sizes that come with the project, by family: `tiny` for CPUs and minutes, `small` for one GPU and an hour."""

from pathlib import Path

_HERE = Path(__file__).parent
SUFFIX = {"open_clip": "", "coca": "_coca", "timm": "_vit", "blip": "_blip"}
SIZES = {
    family: {size: str(_HERE / f"{size}{suffix}.json") for size in ("tiny", "small")}
    for family, suffix in SUFFIX.items()
}  # family -> size -> path of the architecture's config


def architecture_of(family: str, named: str) -> str:
    """What a recipe names: one of the sizes here, else what the family's library or a path calls it."""
    return SIZES[family].get(named, named)
