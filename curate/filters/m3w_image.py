"""Flamingo's image rules for interleaved pages, M3W (Alayrac et al. 2022, appendix A.3).

Dropped: either side < 64 px, so 64 is kept; longer / shorter > 3 in either direction, so 3 is kept; a single colour.
A single colour is a luma (0 to 255) that does not vary: contrast, its standard deviation in parts of 255, at most
`max_flat_contrast`. Lossy coding leaves a flat image within a grey level, so the default is one level; the paper
gives no number. Two colours of one luma count as a single one.
"""

from typing import ClassVar

from pydantic import Field

from curate import schema as c
from curate.filters.align_image import size_rules
from curate.filters.rule import Filter, Rule, Threshold, bounded


class M3WImage(Filter):
    type: ClassVar[str] = "m3w_image"
    paper: ClassVar[str] = "Flamingo, arXiv 2204.14198"
    min_side: int = Field(64, ge=0, description="px; what equals it is kept")
    max_aspect_ratio: float = Field(3.0, ge=1, description="longer / shorter; what equals it is kept")
    max_flat_contrast: float = Field(1 / 255, ge=0, description="up to which contrast an image is of a single colour")

    def rules(self) -> list[Rule]:
        flat = self.max_flat_contrast
        return [
            *size_rules(self.min_side, self.max_aspect_ratio, True, True),
            Rule(
                "single_colour",
                bounded(c.CONTRAST, flat, None, inclusive=False),
                thresholds=(Threshold(c.CONTRAST, "min", flat, False),),
            ),
        ]

    def reads(self) -> set[str]:
        return {c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, c.CONTRAST}
