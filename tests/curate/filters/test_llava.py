import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from curate import schema as c
from curate.filters.llava import PhraseBalance
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples


def framed(phrases, item, **columns):
    """A frame whose rows hold these phrases, as a column of the user's."""
    (work,) = item.passes()
    chunks = pl.Series(phrases, dtype=pl.List(pl.String))
    frame = samples(len(phrases), **{c.CAPTION: [""] * len(phrases), "chunks": chunks, **columns})
    tables = work.merge([work.partial(frame)])
    places = pl.from_arrow(work.per_sample(tables, frame))
    return frame.with_columns(places[work.column]), {work.name: tables}


def kept(phrases, before=(), options=None, **columns):
    item = PhraseBalance(column="nouns.chunks", **(options or {}))
    frame, tables = framed(phrases, item, **columns)
    return np.array(decide(frame, [*before, item], tables).table.column(c.KEEP).to_pylist())


GOLDEN = [["dog", "park"], ["dog"], ["dog", "ball"], ["zebra"], ["ball"], ["ball", "park"], ["park"]]


def test_golden_a15_a_rare_phrase_counts_for_nothing():
    assert np.flatnonzero(kept(GOLDEN)).tolist() == [0, 1, 2, 4, 5, 6]
    assert kept([*GOLDEN, ["zebra"]], options={"min_captions": 2}).all()
    assert not kept(GOLDEN, options={"min_captions": 4}).any()


def test_golden_a15_a_common_phrase_gives_a_hundred():
    found = kept([["dog"]] * 250)
    assert found.sum() == 100
    assert kept([["dog"]] * 100).all()
    more = kept([["dog"]] * 200 + [["dog", "park"]] * 50)
    assert more[200:].all() and 100 <= more.sum() <= 150  # park gives its 50; dog no more than 100
    assert kept([["dog"]] * 250, options={"max_captions_per_phrase": 7}).sum() == 7


def visits(phrases, seed_answer, cap, least):
    """The paper's loop, given which of a common phrase's captions were drawn."""
    holds = {}
    for row, held in enumerate(phrases):
        for phrase in held:
            holds.setdefault(phrase, []).append(row)
    pool = set()
    for phrase, rows in sorted(holds.items(), key=lambda item: (len(item[1]), item[0])):
        if len(rows) >= least:
            pool |= set(rows) if len(rows) <= cap else set(seed_answer[phrase])
    return pool


def test_golden_a15_the_union_is_that_of_the_papers_visits():
    rng = np.random.default_rng(0)
    names = np.array(["a", "b", "c", "d", "e", "f"])
    phrases = [sorted(set(rng.choice(names, 2, p=[0.5, 0.3, 0.1, 0.05, 0.03, 0.02]).tolist())) for _ in range(300)]
    # What a phrase draws by itself: the answer when every row holds that phrase alone.
    alone = {p: np.flatnonzero(kept([[p] if p in held else [] for held in phrases])).tolist() for p in names}
    assert set(np.flatnonzero(kept(phrases))) == visits(phrases, alone, 100, 3)


def test_law_order_does_not_matter_and_a_seed_does():
    rng = np.random.default_rng(2)
    phrases = [rng.choice(["a", "b", "c"], 2, replace=False).tolist() for _ in range(400)]
    item = PhraseBalance(column="nouns.chunks")
    frame, tables = framed(phrases, item)
    first = decide(frame, [item], tables).table.column(c.KEEP).to_pylist()
    order = rng.permutation(400)
    again = decide(frame[order], [item], tables).table.column(c.KEEP).to_pylist()
    assert again == [first[i] for i in order] and 0 < sum(first) < 400
    assert kept(phrases, options={"seed": 1}).tolist() != first


def test_counted_are_the_survivors_or_the_pool():
    phrases, words = [["dog"]] * 5, [1, 1, 9, 9, 9]
    short = Where(sql="words < 5")
    assert kept(phrases, [short], words=words).tolist() == [False] * 5  # two survivors: below three
    assert kept(phrases, [short], {"of": "pool"}, words=words).tolist() == [True, True, False, False, False]


def test_reasons_and_captions_by_themselves():
    item = PhraseBalance(min_captions=2, max_captions_per_phrase=2)
    (work,) = item.passes()
    captions = ["a dog", "the dog", "dog!", "one zebra", None]
    frame = samples(5, **{c.CAPTION: pl.Series(captions, dtype=pl.String)})
    tables = work.merge([work.partial(frame)])
    frame = frame.with_columns(pl.from_arrow(work.per_sample(tables, frame))[work.column])
    reasons = decide(frame, [item], {work.name: tables}).table.column(c.REASON).to_pylist()
    assert sorted(reasons[:3], key=str) == [None, None, "phrase_balance.cap"]
    assert reasons[3:] == ["phrase_balance.phrases", "phrase_balance.phrases:null"]


@pytest.mark.parametrize(
    "options", [{"column": "chunks"}, {"column": "x."}, {"max_captions_per_phrase": 0}, {"min_captions": 1}]
)
def test_what_cannot_be_is_refused(options):
    with pytest.raises(ValidationError):
        PhraseBalance(**options)
