"""MetaCLIP (Xu et al. 2023): balance over a list of queries."""

from pathlib import Path

from tests.claims import long_tail
from tests.claims.claim import Claim, Paper

PAPER = Paper("MetaCLIP", "2309.16671")


def balance(seed: int, cache: Path) -> dict[str, float]:
    """As in the paper, beside as many pairs of the same pool without balance."""
    pool = long_tail.pool(seed)
    kept = long_tail.balanced(pool, "balance", seed, cache)
    return long_tail.judged({"balanced": kept, "random": long_tail.as_many(pool, len(kept), seed)}, seed, cache)


CLAIMS = (
    Claim(
        "metaclip/balance",
        PAPER,
        "balanced pairs teach rare classes better than as many pairs as they come",
        "65.5 against 60.8 % on ImageNet (ViT-B/32, 400M pairs)",
        "balanced",
        "random",
        long_tail.DATA,
        (0, 1, 2),
        balance,
    ),
)
