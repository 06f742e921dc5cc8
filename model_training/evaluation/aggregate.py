"""The average over evaluation sets, as DataComp reports it (arXiv 2304.14108; mlfoundations/datacomp,
aggregate_scores.py): the unweighted mean of each set's main metric. A set without a number is an error: a mean over
fewer sets is another number under the same name.
"""

import math
from collections.abc import Collection, Mapping

from curate.errors import InputError

IMAGENET = ("ImageNet 1k",)
SHIFTS = ("ImageNet Sketch", "ImageNet v2", "ImageNet-A", "ImageNet-O", "ImageNet-R", "ObjectNet")
VTAB = (
    "Caltech-101", "CIFAR-100", "CLEVR Counts", "CLEVR Distance", "Describable Textures", "EuroSAT",
    "KITTI Vehicle Distance", "Oxford Flowers-102", "Oxford-IIIT Pet", "PatchCamelyon", "RESISC45", "SUN397", "SVHN",
)  # fmt: skip
RETRIEVAL = ("Flickr", "MSCOCO", "WinoGAViL")
OTHERS = (
    "CIFAR-10", "Country211", "FGVC Aircraft", "Food-101", "GTSRB", "MNIST", "Pascal VOC 2007", "Rendered SST2",
    "Stanford Cars", "STL-10", "iWildCam", "Camelyon17", "FMoW", "Dollar Street", "GeoDE",
)  # fmt: skip
DATACOMP = (*IMAGENET, *SHIFTS, *VTAB, *RETRIEVAL, *OTHERS)
DATACOMP_GROUPS = {
    "ImageNet": IMAGENET, "ImageNet dist. shifts": SHIFTS, "VTAB": VTAB, "Retrieval": RETRIEVAL, "Average": DATACOMP,
}  # fmt: skip


def average(results: Mapping[str, float], sets: Collection[str]) -> float:
    """The mean of the main metrics of `sets`. Raises InputError for a set that is missing or has no finite number."""
    missing = sorted(name for name in sets if not math.isfinite(results.get(name, math.nan)))
    if missing or not sets:
        raise InputError(
            f"{len(missing)} of {len(sets)} evaluation sets have no number: {', '.join(missing[:5]) or 'none named'}",
            "evaluate the missing sets, or report another average under another name",
        )
    return math.fsum(results[name] for name in sets) / len(sets)


def aggregate(
    results: Mapping[str, float], groups: Mapping[str, Collection[str]] = DATACOMP_GROUPS
) -> dict[str, float]:
    """The average of every group; by default DataComp's five, of its 38 sets."""
    return {group: average(results, sets) for group, sets in groups.items()}
