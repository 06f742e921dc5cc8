"""Features with known answers for the probes."""

import numpy as np


def separable(n=90, classes=3, seed=0):
    """(n, 2) and (n,): every class around its own point of a circle, and far from the others."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(n) % classes
    angles = 2 * np.pi * labels / classes
    return 4 * np.stack([np.cos(angles), np.sin(angles)], 1) + rng.uniform(-1, 1, (n, 2)), labels


def shuffled(n=400, classes=4, seed=3):
    """(n, 2) and (n,): labels that have nothing to do with the features."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), rng.integers(0, classes, n)
