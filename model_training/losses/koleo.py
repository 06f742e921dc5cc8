"""KoLeo: spread a batch's features by the distance to each one's nearest neighbour (arXiv 1806.03198; DINOv2)."""

from model_training.libraries import torch
from model_training.losses.dino import widened

EPSILON = 1e-8  # below float16's smallest number, so never computed in it


def koleo_loss(features: torch.Tensor) -> torch.Tensor:
    """-mean ln(|x_i - x_nn| + 1e-8) over unit vectors x; (rows, D) features of any length and float type. A scalar.

    x_nn has the largest dot product with x_i among the *other* rows: self is masked with minus infinity. Masked
    with -1, as published, self ties with an antipodal neighbour, wins, and gives 8.42 for -ln 2. The choice
    of the neighbour has no gradient, the distance has. One row has no neighbour and costs 0. Rows are this worker's;
    views of one image must not be in one call, for they are meant to be near.
    """
    if len(features) < 2:
        return features.sum() * 0
    with torch.autocast(features.device.type, enabled=False):
        unit = torch.nn.functional.normalize(widened(features), dim=-1, eps=EPSILON)
        with torch.no_grad():
            nearest = (unit @ unit.T).fill_diagonal_(-torch.inf).argmax(1)
        distance = torch.nn.functional.pairwise_distance(unit, unit[nearest], eps=EPSILON)
        return -(distance + EPSILON).log().mean()
