"""Sampling, penalty and lengths, beside transformers' own processors and by hand."""

import pytest

from curate.uid import draw_int
from model_training.libraries import torch
from model_training.models.decoding import adjusted, generate, nucleus, uniform
from model_training.models.generation import Generation, fitted

from transformers.generation import logits_process as theirs  # isort: skip

SHARES = torch.tensor([0.15, 0.5, 0.05, 0.3])
END, PAD = 5, 0


KEYS = [draw_int(0, str(i), "test") for i in range(40_000)]


def test_the_nucleus_is_the_smallest_set_that_has_the_share_and_is_renormalised():
    """RECIPES A11: of .5, .3, .15, .05 and p = .9 the first three, .5263, .3158, .1579."""
    drawn = nucleus(SHARES.log().expand(len(KEYS), -1), KEYS, 0.9)
    shares = torch.bincount(drawn, minlength=4).double() / len(KEYS)
    torch.testing.assert_close(shares, torch.tensor([0.1579, 0.5263, 0, 0.3158]).double(), atol=0.01, rtol=0)


@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.6, 0.95, 1.0])
def test_the_set_is_transformers_own(top_p):
    torch.manual_seed(0)
    for logits in torch.randn(3, 50):
        kept = theirs.TopPLogitsWarper(top_p)(None, logits[None])[0]
        drawn = nucleus(logits.expand(len(KEYS), -1), KEYS, top_p)
        shares = torch.bincount(drawn, minlength=50) / len(KEYS)
        assert not bool(shares[~kept.isfinite()].any())
        assert float((shares - kept.softmax(0)).abs().max()) < 0.01


def test_of_equals_the_lower_number_comes_first():
    assert nucleus(torch.zeros(1, 4), [0], 0.2).tolist() == [0]
    assert set(nucleus(torch.zeros(100, 4), KEYS[:100], 0.3).tolist()) == {0, 1}


def test_the_noise_is_splitmix64_and_uniform():
    def step(x):  # by hand, without a machine's words
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
        return x ^ (x >> 31)

    tokens = torch.arange(300)[None].expand(200, -1)
    found = uniform(KEYS[:200], tokens)
    for row, token in ((0, 0), (7, 299), (199, 3)):
        number = step((KEYS[row] + (token + 1) * 0x9E3779B97F4A7C15) % 2**64)
        assert float(found[row, token]) == ((number >> 12) + 0.5) / 2**52
    counts = torch.histc(found, 20, 0, 1)
    assert float((counts / found.numel() - 0.05).abs().max()) < 0.004
    assert abs(float(torch.corrcoef(torch.stack([found[:, :-1].flatten(), found[:, 1:].flatten()]))[0, 1])) < 0.02


def test_a_sum_in_another_order_hardly_ever_changes_a_draw():
    torch.manual_seed(0)
    logits = 0.1 * torch.randn(400, 4000)  # almost flat, as of a model that has learned nothing
    noisy = logits + 1e-7 * torch.randn_like(logits)
    assert int((nucleus(logits, KEYS[:400], 0.9) != nucleus(noisy, KEYS[:400], 0.9)).sum()) <= 1


def test_penalty_and_shortest_length_are_transformers_own():
    torch.manual_seed(1)
    scores, tokens = torch.randn(3, 8), torch.randint(0, 8, (3, 4))
    expected = theirs.RepetitionPenaltyLogitsProcessor(1.1)(tokens, scores.clone())
    torch.testing.assert_close(adjusted(scores, tokens, Generation(min_length=4), END), expected)
    early = adjusted(scores, tokens, Generation(min_length=5), END)
    assert bool((early[:, END] == -torch.inf).all())


class Table:
    """A decoder whose next token depends on the last one alone."""

    def __init__(self, logits):
        self.logits = logits

    def __call__(self, tokens):
        return self.logits[tokens[:, -1]]

    def reorder(self, rows): ...


def test_a_draw_depends_on_its_uid_alone():
    torch.manual_seed(2)
    table, how = Table(torch.randn(6, 6)), Generation(min_length=3, max_length=12)
    uids = [f"u{i}" for i in range(40)]
    start = torch.ones((40, 1), dtype=torch.long)
    together = generate(table, start, uids, how, end=END, pad=PAD)
    alone = [generate(table, start[:1], [uid], how, end=END, pad=PAD)[0] for uid in reversed(uids)]
    assert torch.equal(together, torch.stack(alone[::-1])) and together.shape == (40, 12)
    assert len({tuple(row) for row in together.tolist()}) > 20
    other = generate(table, start, uids, Generation(min_length=3, max_length=12, seed=1), end=END, pad=PAD)
    assert not torch.equal(together, other)
    for row in together.tolist():
        if END in row:
            assert set(row[row.index(END) + 1 :]) <= {PAD} and row.index(END) >= 3


def test_a_beam_finds_the_best_text_where_the_greedy_choice_misses_it():
    # From 1: 2 (.6) leads to even odds, 3 (.4) surely to the end.
    chances = torch.full((6, 6), 1e-9)
    chances[1, 2], chances[1, 3], chances[3, END] = 0.6, 0.4, 1.0
    chances[2, :5] = 0.2
    table, start = Table(chances.log()), torch.ones((2, 1), dtype=torch.long)
    greedy = generate(table, start[:1], [""], Generation("greedy", min_length=0, max_length=3), end=END, pad=PAD)
    beam = Generation("beam", min_length=0, max_length=3, beams=2)
    assert greedy.tolist()[0][:2] == [1, 2]
    assert generate(table, start, [""], beam, end=END, pad=PAD).tolist() == [[1, 3, END]]


def test_the_identity_of_a_way_to_write_is_what_bears_on_it():
    assert Generation().penalty == 1.1 and Generation("beam").penalty == Generation("greedy").penalty == 1
    assert Generation("greedy", seed=1).identity() == Generation("greedy", seed=2, top_p=0.5).identity()
    changes = [{}, {"seed": 1}, {"top_p": 0.8}, {"prompt": ""}, {"max_length": 20}, {"method": "beam"}]
    assert len({Generation(**change).identity() for change in changes}) == len(changes)


@pytest.mark.parametrize(("prompt", "places", "asked"), [(30, 40, None), (4, 29, 30), (30, 40, 30)])
def test_a_length_without_room_is_refused(prompt, places, asked):
    from curate.errors import InputError

    with pytest.raises(InputError, match="max_length 30, with a prompt of"):
        fitted(Generation(max_length=asked), prompt, places, "m")


def test_a_length_that_nobody_said_is_what_the_model_has_places_for():
    assert [fitted(Generation(), 2, places, "m").length for places in (16, 30, 77)] == [16, 30, 30]
    assert fitted(Generation(max_length=50), 2, 77, "m").length == 50


def test_a_text_can_end_in_the_places_of_its_model():
    how = fitted(Generation(min_length=20), 3, 16, "m")
    assert (how.max_length, how.min_length) == (16, 15)
    assert fitted(Generation(min_length=10), 3, 16, "m").min_length == 10
