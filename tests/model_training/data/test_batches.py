"""Any number of workers sees the same global batches; what cannot be decoded is stood in for and counted."""

import threading
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError
from curate.tars import TarBuilder
from model_training.data import order
from model_training.data.batches import Batches
from model_training.data.captions import Captions
from model_training.data.order import Order, Position
from model_training.data.pairs import read_pairs
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


def take(places, count, size=8, rank=0, workers=1, start=START, seed=0, **given):
    given = {"tokenize": tokenize, **given}
    batches = Batches(
        Order(places, seed), Pixels(Square(16, 0.8, True)), size=size, rank=rank, workers=workers, **given
    )
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


@pytest.mark.parametrize("threads", [2, 5])
def test_any_number_of_threads_makes_the_same_batches(places, threads):
    for rank in (0, 1):
        one = take(places, 9, size=40, rank=rank, workers=2)
        for a, b in zip(take(places, 9, size=40, rank=rank, workers=2, threads=threads), one, strict=True):
            assert np.array_equal(a.views[0], b.views[0]) and np.array_equal(a.tokens, b.tokens)
            assert (a.names, a.keys, a.undecodable, a.after) == (b.names, b.keys, b.undecodable, b.after)


def test_closed_at_any_moment_its_threads_are_gone(places):
    before = threading.active_count()
    for taken in (0, 1, 5):
        take(places, taken, size=64, threads=4)
        assert threading.active_count() == before


def test_closed_while_shards_are_read_ahead_it_does_not_wait_for_them(places, monkeypatch):
    read = []

    def slower(place, **given):
        read.append(place)
        for pair in list(read_pairs(place)) * (1 if len(read) == 1 else 300):
            yield pair
            time.sleep(0 if len(read) == 1 else 0.01)  # the second shard: 30 s

    before = threading.active_count()
    monkeypatch.setattr(order, "read_pairs", slower)
    with closing(Batches(Order(places[:2], 0, buffer=1), Pixels(Square(16)), tokenize, 4)(START)) as stream:
        assert len(next(stream).keys) == 4
        time.sleep(0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 5 and threading.active_count() == before and len(read) == 2


def test_what_ends_a_thread_is_told_to_the_trainer(places, tmp_path):
    (tmp_path / "cut.tar").write_bytes(Path(places[0]).read_bytes()[:5000])
    with pytest.raises(InputError, match=r"cut\.tar"):
        take([str(tmp_path / "cut.tar")], 1, threads=3)


def test_images_alone_need_no_text(tmp_path):
    tar = TarBuilder()
    for i in range(6):
        tar.add(f"{i}.jpg", picture(i, (30, 30)))
    (tmp_path / "x.tar").write_bytes(tar.close())
    (batch,) = take([str(tmp_path / "x.tar")], 1, size=6, tokenize=None)
    assert sorted(batch.keys) == list("012345") and batch.tokens is None and batch.views[0].shape == (6, 16, 16, 3)
    with pytest.raises(InputError, match="no pair"):
        take([str(tmp_path / "x.tar")], 1, size=6)


def test_the_captions_are_those_that_are_asked_for(places):
    first = take(places[:2], 5, captions=Captions("first"))
    assert all(text.endswith("said 0") for batch in first for text in said(batch))


def test_a_batch_is_shared_out_evenly_or_not_at_all(places):
    with pytest.raises(InputError, match="3 workers"):
        take(places, 1, workers=3)


BY = (Captions("score", score="clip"), Captions("origin", (("web", 0.5), ("synthetic", 0.5))))


@pytest.mark.parametrize("captions", BY)
def test_captions_drawn_by_what_no_text_has_are_refused_at_the_first_chunk(places, tmp_path, captions):
    """Of tars without scores and of tables, which have texts alone; not where images have one text each."""
    images, said = [picture(i) for i in range(8)], [[f"{i}", f"{i} again"] for i in range(8)]
    pq.write_table(pa.table({"jpg": images, "caption": said}), tmp_path / "several.parquet")
    for several in (places, [str(tmp_path / "several.parquet")]):
        with pytest.raises(InputError, match=r"no text has an? (origin|score)"):
            take(several, 1, captions=captions)
    one = shards(tmp_path, 1, 8)
    assert len(take(one, 3, captions=captions)) == 3
    assert len(take(places, 3, captions=captions, tokenize=None)) == 3
    assert len(take(places, 3, captions=captions, start=Position(1, 0))) == 3, "asked once, at the beginning"
