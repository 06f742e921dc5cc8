"""Any number of workers sees the same global batches; what cannot be decoded is stood in for and counted."""

from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from curate.errors import InputError
from curate.tars import TarBuilder
from model_training.data.batches import Batches
from model_training.data.order import Order, Position
from model_training.data.pixels import Pixels
from model_training.data.views.square import Square
from model_training.libraries import torch
from tests.conftest import picture
from tests.model_training.trainers.small import shards

START = Position()


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("batches")
    good = shards(folder, 2, 10, texts=3)
    tar = TarBuilder()
    for i in range(6):
        tar.add(f"bad{i}.jpg", picture(i)[:400])
        tar.add(f"bad{i}.txt", b"cut")
    (folder / "bad.tar").write_bytes(tar.close())
    return (*good, str(folder / "bad.tar"))


def tokenize(texts):
    """Letters, so that a token tells its text."""
    return torch.tensor([[*text.encode()[:24].ljust(24)] for text in texts])


def said(batch):
    return [bytes(row.astype(np.uint8)).decode().strip() for row in batch.tokens]


def take(places, count, size=8, rank=0, workers=1, start=START, seed=0):
    batches = Batches(Order(places, seed), Pixels(Square(16, 0.8, True)), tokenize, size, rank, workers)
    with closing(batches(start)) as stream:
        return list(islice(stream, count))


@pytest.mark.parametrize("workers", [2, 4])
def test_the_workers_slices_joined_are_one_workers_batches(places, workers):
    one = take(places, 7)
    parts = [take(places, 7, rank=rank, workers=workers) for rank in range(workers)]
    for whole, *slices in zip(one, *parts, strict=True):
        assert np.array_equal(np.concatenate([part.views[0] for part in slices]), whole.views[0])
        assert np.array_equal(np.concatenate([part.tokens for part in slices]), whole.tokens)
        assert sum((part.keys for part in slices), ()) == whole.keys
        assert sum(part.undecodable for part in slices) == whole.undecodable
        assert {part.after for part in slices} == {whole.after}


def test_an_image_that_cannot_be_decoded_is_stood_in_for_by_a_pair_of_the_batch(places):
    batches = take(places, 13)  # 4 passes over 26 pairs
    assert sum(batch.undecodable for batch in batches) == 4 * 6
    for batch in batches:
        assert not any(key.startswith("bad") for key in batch.keys)
        assert len(set(batch.keys)) == 8 - batch.undecodable
        for key, text in zip(batch.keys, said(batch), strict=True):
            assert text.startswith(f"thing number {int(key)},"), "image and text are of one pair"


def test_a_batch_that_cannot_be_decoded_at_all_is_an_error(places):
    with pytest.raises(InputError, match="no image of a whole batch"):
        take(places[2:], 1)


def test_texts_are_drawn_by_visit_and_each_gets_its_turn(places):
    batches = take(places[:2], 150, size=4)
    texts = [text for batch in batches for text in said(batch)]
    said_first = sum(text.endswith("0") for text in texts) / len(texts)
    assert 0.27 < said_first < 0.40 and len(set(texts)) == 60
    assert [said(b) for b in take(places[:2], 9, size=4, seed=1)] != [said(b) for b in batches[:9]]


def test_resumed_after_any_batch_it_is_the_unbroken_stream(places):
    whole = take(places, 9)
    for cut in (1, 4, 8):
        rest = take(places, 9 - cut, start=whole[cut - 1].after)
        for a, b in zip(rest, whole[cut:], strict=True):
            assert np.array_equal(a.views[0], b.views[0]) and np.array_equal(a.tokens, b.tokens) and a.keys == b.keys


def test_a_batch_is_shared_out_evenly_or_not_at_all(places):
    with pytest.raises(InputError, match="3 workers"):
        take(places, 1, workers=3)
