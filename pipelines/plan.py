"""Pure planning: of the units that there should be, which are missing."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from curate.manifest import Manifest
from pipelines.engine.unit import Unit


def missing(units: Iterable[Unit], manifests: Mapping[str, Manifest]) -> list[Unit]:
    """Units of which any part is not there, has another fingerprint, or does not verify.

    Every file is hashed: a size or a date proves nothing. Hashing leaves the interpreter's lock, so threads help.
    """
    every = list(units)

    def lacks(unit: Unit) -> bool:
        for under, mark in unit.fingerprints.items():
            entry = manifests[under].entries.get(unit.shard)
            if entry is None or entry.fingerprint != mark or manifests[under].damage(unit.shard) is not None:
                return True
        return False

    with ThreadPoolExecutor(4) as threads:
        return [unit for unit, yes in zip(every, threads.map(lacks, every), strict=True) if yes]
