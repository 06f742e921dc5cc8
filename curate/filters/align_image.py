"""ALIGN's image rules (Jia et al. 2021, section 3): sizes are of the image as downloaded, not as stored.

Strict as published: the shorter side > 200 px, longer / shorter < 3; an image with 1000 alt-texts is kept,
one with 1001 is dropped. With `inclusive: true` 200 px and a ratio of 3 are kept (DataComp's basic, FILIP).
The ratio is compared as longer < max * shorter, so that 600 x 200 is exactly 3 whatever floats do.
"""

from typing import ClassVar

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.filters.rule import Filter, Rule, Threshold, bounded


class AlignImage(Filter):
    type: ClassVar[str] = "align_image"
    paper: ClassVar[str] = "ALIGN, arXiv 2102.05918"
    min_short_side: int = Field(200, ge=0, description="px")
    max_aspect_ratio: float = Field(3.0, ge=1, description="longer / shorter")
    max_captions_per_image: int = Field(1000, ge=1, description="distinct alt-texts of one image")
    inclusive: bool = Field(False, description="keep sizes that equal a bound")

    def rules(self) -> list[Rule]:
        short = pl.min_horizontal(c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT)
        long = pl.max_horizontal(c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT)
        limit = self.max_aspect_ratio * short
        known = pl.col(c.ORIGINAL_WIDTH).is_not_null() & pl.col(c.ORIGINAL_HEIGHT).is_not_null()
        enough = short >= self.min_short_side if self.inclusive else short > self.min_short_side
        shape = long <= limit if self.inclusive else long < limit
        return [
            Rule(
                "min_short_side",
                pl.when(known).then(enough),
                thresholds=(Threshold("short_side", "min", self.min_short_side, self.inclusive),),
            ),
            Rule(
                "max_aspect_ratio",
                pl.when(known).then(shape),
                thresholds=(Threshold("aspect_ratio", "max", self.max_aspect_ratio, self.inclusive),),
            ),
            Rule(
                "max_captions_per_image",
                bounded(c.IMAGE_CAPTIONS, None, self.max_captions_per_image, inclusive=True),
                thresholds=(Threshold(c.IMAGE_CAPTIONS, "max", self.max_captions_per_image, True),),
            ),
        ]

    def reads(self) -> set[str]:
        return {c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, c.IMAGE_CAPTIONS}
