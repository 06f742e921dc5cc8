"""LiT (Zhai et al. 2021): a pre-trained image tower is locked, and texts learn to read it."""

from pathlib import Path

from tests.claims import arena
from tests.claims.claim import Claim, Paper

PAPER = Paper("LiT", "2111.07991")
SEEDS = (0, 1, 2)
PRETRAINED = 10_000  # right pairs, for the image tower
SEEN = 9600


def locked(seed: int, cache: Path) -> dict[str, float]:
    """The tower is taught with right captions of 10,000 pictures, all else by 2,000 pairs of which 40 % are wrong."""
    whole = arena.cifar_train(seed)
    tower = arena.train(whole.head(PRETRAINED), seed, cache)
    noisy = arena.mislabelled(whole.tail(-PRETRAINED), 0.4, seed)
    arms = {
        "locked": arena.train(noisy, seed, cache, objective="lit", init=tower, init_part="image", samples_seen=SEEN),
        "unlocked": arena.train(noisy, seed, cache, init=tower, init_part="image", samples_seen=SEEN),
        "from scratch": arena.train(noisy, seed, cache, samples_seen=SEEN),
    }
    test, classes = arena.cifar_test(), arena.cifar_classes()
    return {name: arena.zero_shot(model, test, classes, arena.FORMS, cache).accuracy for name, model in arms.items()}


CLAIMS = tuple(
    Claim(
        f"lit/{name}",
        PAPER,
        says,
        "locked is the best of all combinations (section 5.3, figure 3)",
        "locked",
        other,
        "CIFAR-10, a tower from 10,000 right pairs, 2,000 others with 40 % wrong captions; zero-shot",
        SEEDS,
        locked,
    )
    for name, other, says in (
        ("locked-beats-unlocked", "unlocked", "a locked image tower beats one that is tuned on"),
        ("locked-beats-scratch", "from scratch", "a locked image tower beats training from scratch"),
    )
)
