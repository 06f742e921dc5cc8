"""Embeddings for the tests: unit rows, float64, drawn by a seed."""

import numpy as np

from model_training.libraries import torch


def unit(*shape, seed):
    drawn = np.random.default_rng(seed).normal(size=shape)
    return torch.from_numpy(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)).requires_grad_()


def number(value):
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def gradients(loss, *inputs):
    return torch.autograd.grad(loss, inputs)


EYE = torch.eye(2, dtype=torch.float64)
# Images (1,0),(0,1) and texts (1,0),(.6,.8): similarities [[1, .6], [0, .8]], rows images.
TEXTS = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=torch.float64)
