import polars as pl
import pytest

from curate import schema as c
from curate.ask import ask, completed
from curate.corpus import Outside
from curate.errors import InputError
from curate.filters.align_text import AlignText
from curate.filters.phash_dedup import PHashDedup
from curate.filters.rule import Filter, Rule
from curate.filters.score import Score
from curate.uid import content_uid


def test_three_lines():
    signals = pl.DataFrame({"clip_score_b32": [0.1, 0.4, 0.3, None]})
    answer = ask(signals, [Score(column="clip_score_b32", top=0.5)])
    assert signals.filter(pl.Series(answer.keep))["clip_score_b32"].to_list() == [0.4, 0.3]
    assert answer.table.num_rows == 4 and answer.kept == 2


def test_who_a_sample_is_when_the_table_does_not_say():
    frame = completed(pl.DataFrame({c.URL: ["u", "v", "u"], c.CAPTION: ["a", "b", "c"], c.SHA256: ["1", "1", None]}))
    assert frame[c.UID].to_list() == [content_uid("u", "a"), content_uid("v", "b"), content_uid("u", "c")]
    assert frame[c.IMAGE_UID].to_list() == [frame[c.UID][:2].min()] * 2 + [frame[c.UID][2]]
    bare = completed(pl.DataFrame({"x": [1, 2]}))
    assert bare[c.UID].to_list() == ["0" * 32, "0" * 31 + "1"] and bare[c.SHA256].equals(bare[c.UID])
    own = completed(pl.DataFrame({c.UID: ["me", "you"], c.OUTCOME: ["404", "ok"]}))
    assert own[c.UID].to_list() == ["me", "you"] and own[c.OUTCOME].to_list() == ["404", "ok"]
    assert ask(own, []).keep.tolist() == [False, True]


def test_the_same_pair_twice_is_one():
    frame = pl.DataFrame({c.URL: ["u", "u"], c.CAPTION: ["a", "a"]})
    assert ask(frame, []).table.column(c.REASON).to_pylist() == [None, "input.repeated"]


def test_corpus_passes_are_run_on_the_table():
    captions = ["a red dog"] * 11 + ["a blue dog"]
    frame = pl.DataFrame({c.CAPTION: captions, c.WORDS: [3] * 12, c.SHA256: [str(i) for i in range(12)]})
    assert ask(frame, [AlignText()]).table.column(c.REASON).to_pylist() == [
        *["align_text.max_images_per_caption"] * 11, None]  # fmt: skip
    size = {c.ORIGINAL_WIDTH: [10, 20], c.ORIGINAL_HEIGHT: [10, 20]}
    near = pl.DataFrame({c.PHASH: pl.Series([0b111111, 0b111110], dtype=pl.UInt64), **size})
    assert ask(near, [PHashDedup()]).keep.tolist() == [False, True]


def test_what_is_missing_is_named():
    with pytest.raises(InputError, match="no column 'brightness'"):
        ask(pl.DataFrame({"x": [1]}), [Score(column="brightness", min=0)])
    with pytest.raises(InputError, match="hash_pairs reads phash"):
        ask(pl.DataFrame({"x": [1]}), [PHashDedup()])


class Far:
    """A pass that counts the images it is shown from outside."""

    name = "far"
    reads = {"pool": [c.UID]}  # noqa: RUF012
    schema = None

    def identity(self):
        return ()

    def outside(self):
        return [Outside("exam", ("exam/*.jpg",), c.PHASH)]

    def partial(self, frame):
        return {"rows": frame}

    def merge(self, partials, outside=None):
        return {"exam": outside["exam"]}

    def per_sample(self, tables, frame):
        return None


class AsMany(Filter):
    type = "as_many"

    def passes(self):
        return [Far()]

    def reads(self):
        return {c.UID}

    def rules(self):
        return [
            Rule("copies", compare=lambda frame, asked, tables: pl.Series([tables["far"]["exam"].height] * len(frame)))
        ]


def test_images_from_outside_are_handed_on():
    frame, images = pl.DataFrame({"x": [1]}), pl.DataFrame({"item": ["a", "b"], c.PHASH: [1, 2]})
    assert ask(frame, [AsMany()], outside={"exam": images}).copies.tolist() == [2]
    with pytest.raises(InputError, match="compares with 'exam'"):
        ask(frame, [AsMany()])
