"""Encoders as one: its cosine is the mean of theirs."""

import numpy as np
import pytest

from curate.signals import Batch
from curate.signals.clip_score import ClipScore
from curate.signals.ensemble import Ensemble


class Random:
    """Unit vectors drawn by what is encoded."""

    def __init__(self, seed, width):
        self.identity, self.width, self._seed = f"model {seed}", width, seed

    def encode_images(self, images):
        return self._drawn([sum(map(ord, str(image))) for image in images])

    def encode_texts(self, texts):
        return self._drawn([sum(map(ord, text)) for text in texts])

    def _drawn(self, keys):
        vectors = np.stack([np.random.default_rng([self._seed, key]).normal(size=self.width) for key in keys])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_its_cosine_is_the_mean_of_its_members_whatever_their_widths():
    members = [Random(0, 4), Random(1, 7), Random(2, 3)]
    images, texts = list("abcde"), ["one", "two", "three", "four", "five"]
    together = Ensemble(members)
    vectors = together.encode_images(images), together.encode_texts(texts)
    each = [(m.encode_images(images) * m.encode_texts(texts)).sum(1) for m in members]
    np.testing.assert_allclose((vectors[0] * vectors[1]).sum(1), np.mean(each, axis=0), atol=1e-6)
    assert vectors[0].dtype == np.float32 and vectors[0].shape == (5, together.width) == (5, 14)
    np.testing.assert_allclose(np.linalg.norm(vectors[0], axis=1), 1, atol=1e-6)


def test_it_scores_a_batch_as_one_encoder_and_its_identity_is_of_all_of_them_in_order():
    members = [Random(0, 4), Random(1, 4)]
    batch = Batch(["u", "v"], ["one", None], ["a", "b"], ["0" * 64, "1" * 64])
    scores = ClipScore("m", [Ensemble(members)]).measure(batch)["clip_score_m"].to_pylist()
    one = [float((m.encode_images(["a"]) * m.encode_texts(["one"])).sum()) for m in members]
    assert scores == [pytest.approx(np.mean(one), abs=1e-6), None]
    assert len({Ensemble(some).identity for some in (members, members[::-1], members[:1] * 2)}) == 3
    assert Ensemble(members[:1]).identity == members[0].identity
