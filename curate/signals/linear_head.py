"""A linear head on a model's unit image vector: w . x + b, or its logistic for a probability.

So LAION's aesthetic score (V1: a linear regression on CLIP's ViT-L/14 vectors), and NSFW or watermark heads. The
weights are a .safetensors file with `weight` (d numbers, of shape (d,) or (1, d)) and `bias` (one, or absent).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from safetensors import SafetensorError
from safetensors.numpy import load_file

from curate.errors import InputError
from curate.protocols import ImageEncoder
from curate.signals import Batch

Activation = Literal["none", "sigmoid"]


@dataclass(frozen=True)
class LinearHead:
    """`name` is the recipe's, and the column's; `digest` is the sha256 of the weights."""

    name: str
    encoder: ImageEncoder
    weight: np.ndarray  # (d,), float32
    bias: float
    activation: Activation
    digest: str
    version: int = 1
    reads_images: bool = True

    @property
    def family(self) -> str:
        return self.name

    @property
    def schema(self) -> pa.Schema:
        return head_schema(self.name)

    def identity(self) -> tuple[object, ...]:
        return (self.encoder.identity, self.digest, self.activation)

    def measure(self, batch: Batch) -> pa.Table:
        vectors = batch.vectors(self.encoder)
        if vectors.shape[1] != len(self.weight):
            raise InputError(
                f"model {self.name!r}: weights for vectors of {len(self.weight)}, the encoder gives {vectors.shape[1]}",
                "name the encoder with `of` that the head was trained on",
            )
        # Multiplied and summed row by row: a matrix product rounds a row by what else is in the batch.
        scores = np.einsum("nd,d->n", vectors, self.weight) + np.float32(self.bias)
        if self.activation == "sigmoid":
            scores = 1 / (1 + np.exp(-scores))
        return pa.table([pa.array(scores, pa.float32(), from_pandas=True)], schema=self.schema)


def head_schema(name: str) -> pa.Schema:
    return pa.schema([(name, pa.float32())])


def read_head(name: str, path: str) -> tuple[np.ndarray, float]:
    """Weight and bias of a head's file. Raises InputError for a file that holds none."""
    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"model {name!r}: {path} is not readable as safetensors ({error})", "write it anew") from error
    weight, bias = found.get("weight"), found.get("bias", np.zeros(1))
    if weight is None or weight.size != weight.shape[-1] or bias.size != 1:
        shapes = {key: value.shape for key, value in found.items()}
        raise InputError(
            f"model {name!r}: {path} holds {shapes}, not `weight` of shape (d,) or (1, d) and `bias` of shape (1,)",
            "save the head's state_dict with safetensors.torch.save_file",
        )
    return weight.reshape(-1).astype(np.float32), float(bias.reshape(-1)[0])
