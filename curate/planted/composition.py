"""How many rows of each kind the planted list holds. Every row has one kind; the shares are of `pairs`.

| kind        | share  | what it is                                                                  |
|-------------|--------|-----------------------------------------------------------------------------|
| failing     | 14 %   | no image comes of it: `answers.FAILING` has the share of each answer        |
| boilerplate | 4 %    | alt-text such as "image", "1920x1080", "IMG_2041.JPG"                       |
| shared      | 4 %    | a meaningless alt-text of 3 to 20 words, at more than 10 distinct images    |
| ten         | *      | a meaningful alt-text at exactly 10 distinct images                         |
| too_short   | 3 %    | an alt-text of one or two words                                             |
| too_long    | 2.5 %  | an alt-text of 21 words or more                                             |
| foreign     | 6 %    | an alt-text in another language                                             |
| hostile     | 1.5 %  | an alt-text with tags, escapes, formulas, bidi marks, line breaks           |
| tiny        | 4 %    | shorter side at most 200 px (with 200x300 and 600x200)                      |
| banner      | 2.5 %  | aspect ratio 3 or more (with 201x603, exactly 3)                            |
| copy        | 12 %   | a copy of another row's image at another URL, in six ways                   |
| leaked      | 1 %    | an image of the evaluation set, the same bytes or encoded again             |
| repeated    | 0.7 %  | the same (url, caption) a second time                                       |
| recaptioned | 0.7 %  | the same url with another caption                                           |
| clean       | rest   | nothing wrong with image or URL (with 201x400); originals of copies are here|

* 10 rows, from 2,000 pairs on 20. The clean rest is about 43 %.

Of the rows that are downloadable and whose alt-text means something (every kind but failing, boilerplate,
shared, too_short and too_long), half carry the alt-text of another scene: `mismatched`.
"""

from enum import StrEnum

from curate.errors import CurateError

LEAST_PAIRS = 100
IMAGES_PER_CAPTION = 10  # ALIGN's bound: more than this is shared


class Kind(StrEnum):
    FAILING = "failing"
    BOILERPLATE = "boilerplate"
    SHARED = "shared"
    TEN = "ten"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    FOREIGN = "foreign"
    HOSTILE = "hostile"
    TINY = "tiny"
    BANNER = "banner"
    COPY = "copy"
    LEAKED = "leaked"
    REPEATED = "repeated"
    RECAPTIONED = "recaptioned"
    CLEAN = "clean"


class Duplicate(StrEnum):
    NONE = "none"
    EXACT = "exact"
    REENCODED = "reencoded"
    RESIZED = "resized"
    CROPPED = "cropped"
    BRIGHTENED = "brightened"
    WATERMARKED = "watermarked"


SHARES: dict[Kind, float] = {
    Kind.FAILING: 0.14,
    Kind.BOILERPLATE: 0.04,
    Kind.SHARED: 0.04,
    Kind.TOO_SHORT: 0.03,
    Kind.TOO_LONG: 0.025,
    Kind.FOREIGN: 0.06,
    Kind.HOSTILE: 0.015,
    Kind.TINY: 0.04,
    Kind.BANNER: 0.025,
    Kind.COPY: 0.12,
    Kind.LEAKED: 0.01,
    Kind.REPEATED: 0.007,
    Kind.RECAPTIONED: 0.007,
}
MEANINGLESS = frozenset({Kind.BOILERPLATE, Kind.SHARED, Kind.TOO_SHORT, Kind.TOO_LONG})
COPIES_PER_ORIGINAL = (1, 1, 2, 1, 1, 4, 1, 2, 1, 3)  # taken in turn


def kind_counts(pairs: int) -> dict[Kind, int]:
    """Rows of each kind; they add up to `pairs`."""
    if pairs < LEAST_PAIRS:
        raise CurateError(f"{pairs} pairs are too few to plant every kind", f"ask for {LEAST_PAIRS} pairs or more")
    counts = {kind: max(1, round(share * pairs)) for kind, share in SHARES.items()}
    counts[Kind.SHARED] = max(IMAGES_PER_CAPTION + 2, counts[Kind.SHARED])
    counts[Kind.TEN] = IMAGES_PER_CAPTION * (1 if pairs < 2000 else 2)
    counts[Kind.TINY] = max(2, counts[Kind.TINY])
    counts[Kind.BANNER] = max(2, counts[Kind.BANNER])
    counts[Kind.CLEAN] = pairs - sum(counts.values())
    return {kind: counts[kind] for kind in Kind}


def apportion(total: int, weights: list[float]) -> list[int]:
    """`total` split by weight in whole numbers: largest remainders first, ties to the earlier one."""
    exact = [total * weight / sum(weights) for weight in weights]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def shared_sizes(rows: int) -> list[int]:
    """Rows cut into groups of more than `IMAGES_PER_CAPTION`: long-tailed, the smallest has one more."""
    sizes: list[int] = []
    least = IMAGES_PER_CAPTION + 1
    while rows >= 2 * least:
        sizes.append(max(least, rows // 4) if sizes else least)
        if rows - sizes[-1] < least:
            sizes.pop()
            break
        rows -= sizes[-1]
    return [*sizes, rows]


def copies_of_originals(copies: int) -> list[int]:
    """How many copies each original gets."""
    sizes: list[int] = []
    while copies > 0:
        sizes.append(min(copies, COPIES_PER_ORIGINAL[len(sizes) % len(COPIES_PER_ORIGINAL)]))
        copies -= sizes[-1]
    return sizes
