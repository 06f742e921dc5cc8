"""Predicting a caption's words as a bag (Joulin et al., Learning Visual Features from Large Weakly Supervised Data,
arXiv 1511.02251): the tiny model's image tower, a linear layer onto the words, a softmax over all of them.

CLIP's baseline (arXiv 2103.00020, figure 2); with captions of one word, an ordinary classifier. It is trained on the
same pictures in the same order as the other arms, by the same optimizer, rates and views, for as many samples.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import safetensors.torch

from curate.uid import draw_int
from model_training.data.batches import Batches
from model_training.data.order import Order, Position
from model_training.data.pixels import Pixels, shared
from model_training.data.views.square import Square
from model_training.libraries import torch
from model_training.models.open_clip import register
from model_training.models.sizes import SIZES
from model_training.trainers import optimizers
from model_training.trainers.objective import normalised
from model_training.trainers.plan import Plan
from model_training.trainers.schedule import learning_rate
from tests.claims import arena

import open_clip  # isort: skip  (after libraries, which mends torchvision)

SIDE = 32


class WordEncoder:
    """Implements `curate.protocols.ImageTextEncoder`: an image is the words' log-probabilities, a text its words.

    The cosine of the two ranks texts of equally many known words by the mean log-probability of theirs.
    """

    def __init__(self, words: Sequence[str], plan: Plan, seed: int) -> None:
        self.places = {word: place for place, word in enumerate(words)}
        arch = register(open_clip, plan.arch)
        torch.manual_seed(draw_int(seed, "", "init"))
        self.tower = open_clip.create_model(arch, load_weights=False).visual
        self.head = torch.nn.Linear(open_clip.get_model_config(arch)["embed_dim"], len(words))
        self.both = torch.nn.ModuleList([self.tower, self.head])
        about = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
        self.mean, self.std = (torch.tensor(about[name]).view(3, 1, 1) for name in ("mean", "std"))

    def logits(self, view: Any) -> Any:
        return self.head(self.tower(normalised(view, self.mean, self.std)))

    def bags(self, texts: Sequence[str]) -> Any:
        """(texts, words) int64: 1 for each word that a text has."""
        found = torch.zeros(len(texts), len(self.places), dtype=torch.int64)
        for row, text in enumerate(texts):
            for word in set(words_of(text)) & self.places.keys():
                found[row, self.places[word]] = 1
        return found

    def encode_images(self, images: Sequence[Any]) -> np.ndarray:
        square = Square(SIDE)
        views = np.stack([square(np.asarray(square.kept(image)), 0, "")[0] for image in images])
        self.both.eval()
        with torch.inference_mode():
            found: np.ndarray = self.logits(torch.from_numpy(views)).log_softmax(1).numpy()
        return found

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        found: np.ndarray = self.bags(texts).float().numpy()
        return found


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def train(frame: pl.DataFrame, seed: int, cache: Path, *, samples_seen: int = arena.SEEN) -> arena.Model:
    """On `jpg` and `caption`. Kept in the cache, whole; a training that is killed begins anew."""
    plan = Plan(SIZES["open_clip"]["tiny"], samples_seen, **arena.SETTINGS)
    words = sorted({word for text in frame["caption"] for word in words_of(text)})
    shard = arena.kept(frame.select("jpg", "caption"), cache)
    mark = hashlib.sha256(repr((Path(shard).name, seed, plan)).encode()).hexdigest()[:24]
    path = cache / "models" / f"words-{mark}.safetensors"
    torch.set_num_threads(1)
    encoder = WordEncoder(words, plan, seed)
    if path.exists():
        encoder.both.load_state_dict(safetensors.torch.load_file(path))
        return arena.Model(encoder, str(path), plan)
    _fit(encoder, plan, shard, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    safetensors.torch.save_file(encoder.both.state_dict(), partial)
    partial.replace(path)
    return arena.Model(encoder, str(path), plan)


def _fit(encoder: WordEncoder, plan: Plan, shard: str, seed: int) -> None:
    optimizer = optimizers.make(plan, optimizers.decayed_by_shape(encoder.both.parameters()))
    views = Square(SIDE, plan.crop_area, plan.flip)
    batches = Batches(Order((shard,), seed), Pixels(views, shared(views)), encoder.bags, plan.batch)
    encoder.both.train()
    with closing(batches(Position())) as stream:
        for step in range(plan.steps):
            batch = next(stream)
            rate = learning_rate(step, base=plan.lr, warmup=plan.warmup, steps=plan.steps)
            optimizers.set_rates(optimizer, rate, plan.weight_decay)
            bags = torch.from_numpy(batch.tokens).float()
            logits = encoder.logits(torch.from_numpy(batch.views[0]))
            # Each of a caption's words is as right as the others.
            loss = torch.nn.functional.cross_entropy(logits, bags / bags.sum(1, keepdim=True).clamp(min=1))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(encoder.both.parameters(), plan.clip_norm)
            optimizer.step()
