"""A module for each paper; its CLAIMS are what is tried of it."""

import importlib
import pkgutil

from tests.claims.claim import Claim


def claims() -> list[Claim]:
    """Of every module here. Raises ValueError for two of one name."""
    found: list[Claim] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        found += importlib.import_module(f"{__name__}.{module}").CLAIMS
    names = [claim.name for claim in found]
    if len(names) != len(set(names)):
        raise ValueError(f"two claims have one name: {sorted(names)}")
    return found
