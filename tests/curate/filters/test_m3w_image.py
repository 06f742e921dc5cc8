import polars as pl
from PIL import Image

from curate import schema as c
from curate.filters.m3w_image import M3WImage
from curate.signals import Batch
from curate.signals.image_stats import ImageStats
from curate.subset import decide
from tests.conftest import samples


def test_golden_a13_sizes_at_the_boundaries():
    sizes = [(64, 64), (63, 64), (64, 63), (192, 64), (193, 64), (64, 193)]
    frame = samples(len(sizes), contrast=[0.2] * len(sizes)).with_columns(
        pl.Series(c.ORIGINAL_WIDTH, [w for w, _ in sizes]), pl.Series(c.ORIGINAL_HEIGHT, [h for _, h in sizes])
    )
    small, long = "m3w_image.min_short_side", "m3w_image.max_aspect_ratio"
    reasons = decide(frame, [M3WImage()], {}).table.column(c.REASON).to_pylist()
    assert reasons == [None, small, small, None, long, long]


def test_a_single_colour_is_told_by_the_luma():
    flat, line = Image.new("RGB", (100, 100), (40, 90, 200)), Image.new("RGB", (100, 100), "white")
    line.paste((0, 0, 0), (0, 50, 100, 51))
    grain = flat.copy()
    grain.putdata([(40, 90 + (i % 2), 200) for i in range(100 * 100)])
    images = [flat, grain, line, None]
    stats = pl.from_arrow(ImageStats().measure(Batch([""] * 4, [""] * 4, images)))
    frame = samples(4, contrast=stats[c.CONTRAST])
    reasons = decide(frame, [M3WImage()], {}).table.column(c.REASON).to_pylist()
    single = "m3w_image.single_colour"
    assert reasons == [single, single, None, f"{single}:null"]


def test_a_contrast_of_nan_is_unmeasured():
    frame = samples(2, contrast=[float("nan"), 0.5])
    reasons = decide(frame, [M3WImage()], {}).table.column(c.REASON).to_pylist()
    assert reasons == ["m3w_image.single_colour:null", None]
