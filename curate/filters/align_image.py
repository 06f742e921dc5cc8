"""ALIGN's image rules (Jia et al. 2021, section 3): sizes are of the image as downloaded, not as stored.

Strict as published: the shorter side > 200 px, longer / shorter < 3; an image with 1000 alt-texts is kept,
one with 1001 is dropped. With `inclusive: true` 200 px and a ratio of 3 are kept (DataComp's basic, FILIP).
The ratio is compared in whole numbers and as the decimal that is written: 600 x 200 is exactly 3, and 230 x 200 1.15.

Presets, beside ALIGN's, which are the defaults:

    filip: {min_short_side: 200, max_aspect_ratio: 3, inclusive: true, max_captions_per_image: null}

FILIP (Yao et al. 2021, section 3.4) drops sides below 200 px and ratios above 3, and counts no alt-texts per image.
"""

from typing import ClassVar

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.filters.rule import Filter, Rule, Threshold, bounded, ratio_at_most


class AlignImage(Filter):
    type: ClassVar[str] = "align_image"
    paper: ClassVar[str] = "ALIGN, arXiv 2102.05918"
    min_short_side: int = Field(200, ge=0, description="px")
    max_aspect_ratio: float = Field(3.0, ge=1, description="longer / shorter")
    max_captions_per_image: int | None = Field(1000, ge=1, description="distinct alt-texts of one image; null: no rule")
    inclusive: bool = Field(False, description="keep sizes that equal a bound")

    def rules(self) -> list[Rule]:
        sizes = size_rules(self.min_short_side, self.max_aspect_ratio, self.inclusive, self.inclusive)
        most = self.max_captions_per_image
        if most is None:
            return sizes
        return [
            *sizes,
            Rule(
                "max_captions_per_image",
                bounded(c.IMAGE_CAPTIONS, None, most, inclusive=True),
                thresholds=(Threshold(c.IMAGE_CAPTIONS, "max", most, True),),
            ),
        ]

    def reads(self) -> set[str]:
        counted = set() if self.max_captions_per_image is None else {c.IMAGE_CAPTIONS}
        return {c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT} | counted


def size_rules(least: int, ratio: float, least_kept: bool, ratio_kept: bool) -> list[Rule]:
    """`min_short_side` and `max_aspect_ratio` of the image as downloaded; whether what equals a bound is kept."""
    width, height = (pl.col(side).fill_nan(None) for side in (c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT))
    short, long = pl.min_horizontal(width, height), pl.max_horizontal(width, height)
    known = width.is_not_null() & height.is_not_null()
    enough = short >= least if least_kept else short > least
    shape = ratio_at_most(long, short, ratio, inclusive=ratio_kept)
    return [
        Rule(
            "min_short_side",
            pl.when(known).then(enough),
            thresholds=(Threshold("short_side", "min", least, least_kept),),
        ),
        Rule(
            "max_aspect_ratio",
            pl.when(known).then(shape),
            thresholds=(Threshold("aspect_ratio", "max", ratio, ratio_kept),),
        ),
    ]
