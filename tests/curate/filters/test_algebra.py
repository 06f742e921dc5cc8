import itertools

import polars as pl
import pytest
from pydantic import ValidationError

from curate import schema as c
from curate.errors import RecipeError
from curate.filters import FILTERS
from curate.filters.algebra import AllOf, AnyOf, NoneOf
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.laion import Laion
from curate.filters.phash_dedup import PHashDedup
from curate.filters.where import Where
from curate.subset import decide
from pipelines.recipe import build
from pipelines.recipe_source import Source
from tests.conftest import samples

A, B = {"where": {"name": "a", "sql": "a > 0"}}, {"where": {"name": "b", "sql": "b > 0"}}
VALUES = [1, -1, None]


def reasons(filter_, **columns):
    rows = len(next(iter(columns.values())))
    return decide(samples(rows, **columns), [filter_], {}).table.column(c.REASON).to_pylist()


@pytest.mark.parametrize("kind", [AnyOf, AllOf, NoneOf])
def test_three_values_are_those_of_polars(kind):
    cells = list(itertools.product(VALUES, VALUES))
    a, b = (pl.Series([cell[i] for cell in cells], dtype=pl.Int64) for i in range(2))
    frame = pl.DataFrame({"a": a, "b": b}).select(x=pl.col("a") > 0, y=pl.col("b") > 0)
    expected = {AnyOf: frame["x"] | frame["y"], AllOf: frame["x"] & frame["y"], NoneOf: ~(frame["x"] | frame["y"])}[
        kind
    ]
    found = reasons(kind.model_validate([A, B]), a=a, b=b)
    assert [why is None for why in found] == expected.fill_null(False).to_list()
    assert [str(why).endswith(":null") for why in found] == expected.is_null().to_list()


def test_the_reason_lists_the_branches():
    found = reasons(
        AnyOf.model_validate({"name": "either", "items": [A, B]}), a=[1, -1, -1, None], b=[-1, -1, None, None]
    )
    assert found == [None, "either.any_of(a, b)", "either.any_of(b):null", "either.any_of(a, b):null"]
    found = reasons(AllOf.model_validate([A, B]), a=[1, -1, -1, 1], b=[1, -1, 1, None])
    assert found == [None, "all_of.all_of(a, b)", "all_of.all_of(a)", "all_of.all_of(b):null"]
    assert reasons(NoneOf.model_validate([A, B]), a=[1, -1], b=[-1, -1]) == ["none_of.none_of(a)", None]


def test_nested_and_of_survivors():
    inner = {"all_of": [A, {"clip_score": {"model": "m", "top": 0.5, "of": "survivors"}}]}
    item = AnyOf.model_validate([inner, B])
    frame = samples(4, a=[1, 1, 1, 1], b=[1, -1, -1, -1], clip_score_m=[0.1, 0.9, 0.5, 0.4])
    first = Where(sql="clip_score_m < 0.8")
    subset = decide(frame, [first, item], {})
    assert subset.keep.tolist() == [True, False, True, True]  # of the three survivors the best two; of the pool one
    assert item.rules()[0].of == "survivors"
    assert subset.table.column(c.FAILED).to_pylist()[1] == ["where.sql"]


def test_an_item_reads_what_its_parts_read():
    item = NoneOf.model_validate([A, {"clip_score": {"model": "m", "min": 0.2}}, {"phash_dedup": {}}])
    assert item.reads() == {"a", "clip_score_m"} | PHashDedup().reads()
    assert item.models() == {"m"} and [work.name for work in item.passes()] == ["hash_pairs"]
    assert item.parts()[1] == ClipScoreFilter(model="m", min=0.2)
    again = NoneOf.model_validate(item.model_dump(mode="json", by_alias=True, exclude_none=True))
    assert again == item


def test_every_mistake_inside_is_at_its_own_place(tmp_path):
    text = """name: t
run_dir: run
input: {urls: l.csv}
filters:
  - any_of:
      - where: {sq: "a > 1"}
      - wher: {}
      - none_of:
          name: deep
          items:
            - clip_score: {model: m}
  - all_of: 3
"""
    with pytest.raises(RecipeError) as caught:
        build(Source.parse(text.encode(), "r.yaml", tmp_path))
    lines = caught.value.message.splitlines()
    assert any(line.startswith("r.yaml:6:17: ") and "unknown key 'sq', did you mean 'sql'?" in line for line in lines)
    assert any(line.startswith("r.yaml:7:9: ") and "no filter is called 'wher'" in line for line in lines)
    assert any(line.startswith("r.yaml:11:15: ") and "either min" in line for line in lines)
    assert any(line.startswith("r.yaml:12:5: ") and "all_of is a list of filters" in line for line in lines)


def test_what_cannot_be_a_branch():
    with pytest.raises(ValidationError, match="is there twice"):
        AnyOf.model_validate([A, A])
    with pytest.raises(ValidationError, match="at most 16"):
        AnyOf.model_validate([{"where": {"name": f"w{i}", "sql": "a > 0"}} for i in range(17)])
    with pytest.raises(ValidationError, match="at least 1"):
        AnyOf.model_validate([])
    with pytest.raises(ValidationError) as caught:  # and nothing is said of the item beside it
        AnyOf.model_validate([{"capfilt": {"captioner": "writer"}}, A])
    assert [error["msg"] for error in caught.value.errors()] == [
        "capfilt appends samples: write it as an item of its own"
    ]
    assert AnyOf.model_validate([{"capfilt": {"matcher": "judge"}}, A]).reads() == {"match_judge", "a"}
    assert {kind.type for kind in FILTERS} >= {"any_of", "all_of", "none_of"}


def test_a_branch_with_several_rules_answers_as_it_would_by_itself():
    """LAION's `repeated` picks among what its own other rules left, not among what they drop."""
    frame = samples(2, uid=["0" * 32, "1" * 32], url=["http://a/1"] * 2, chars=[3, 13], language=["en"] * 2)
    frame = frame.with_columns(clip_score_m=pl.lit(0.5))
    item = {"laion": {"edition": "5b", "model": "m", "min_bytes": None}}
    alone = decide(frame, [Laion.model_validate(item["laion"])], {})
    assert alone.keep.tolist() == [False, True]
    assert decide(frame, [AllOf.model_validate([item])], {}).keep.tolist() == [False, True]
    assert decide(frame, [AnyOf.model_validate([item])], {}).keep.tolist() == [False, True]
