"""RECIPES A16, in a run's results."""

import json

import polars as pl
import pytest
import yaml

from curate.errors import InputError
from pipelines.comparison import Outcomes
from pipelines.recipe_eval import Evaluation
from pipelines.robustness import read_baselines, robustness

REFERENCE = Evaluation(name="plain", kind="zero_shot", data="a", classes="c")
SHIFTED = Evaluation(name="sketch", kind="zero_shot", data="b", classes="c", shift_of="plain")
GOLDEN = [(0.60, 0.46628), (0.70, 0.56527), (0.80, 0.67867)]  # on the line of slope .9 and intercept -.5


def arm(*pairs):
    values = {("plain", "top1"): [x for x, _ in pairs], ("sketch", "top1"): [y for _, y in pairs]}
    return Outcomes(list(range(len(pairs))), values, dict.fromkeys(values, 100))


def with_table(path):
    return SHIFTED.model_copy(update={"baselines": str(path)})


def test_golden_a16_the_other_arms_models_are_the_baselines():
    arms = {"raw": arm(*GOLDEN[:2]), "random": arm(GOLDEN[2]), "curated": arm((0.75, 0.70))}
    row = {row["arm"]: row for row in robustness(arms, [REFERENCE, SHIFTED])}["curated"]
    assert (row["eval"], row["metric"], row["reference"], row["baselines"], row["n"]) == (
        "sketch", "effective_robustness", "plain", 3, 100,
    )  # fmt: skip
    assert (row["slope"], row["intercept"]) == pytest.approx((0.9, -0.5), abs=1e-4)
    assert row["mean"] == pytest.approx(0.08019, abs=1e-5) and row["values"] == {"0": row["mean"]} and row["sd"] is None
    json.dumps(row)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "yaml"])
def test_golden_a16_a_table_names_the_baselines(tmp_path, suffix):
    path = tmp_path / f"baselines.{suffix}"
    table = pl.DataFrame(GOLDEN, ("plain", "sketch"), orient="row").with_columns(model=pl.lit("m"))
    if suffix == "parquet":
        table.write_parquet(path)
    elif suffix == "csv":
        table.write_csv(path)
    else:
        path.write_text(yaml.safe_dump(table.to_dicts()))
    assert read_baselines(with_table(path)) == ([0.6, 0.7, 0.8], [0.46628, 0.56527, 0.67867])
    (row,) = robustness({"curated": arm((0.75, 0.70), (0.75, 0.61981), (1.0, 0.9))}, [REFERENCE, with_table(path)])
    assert list(row["values"].values())[:2] == pytest.approx([0.08019, 0], abs=1e-5)
    assert row["values"]["2"] is None and row["mean"] == pytest.approx(0.040095, abs=1e-5) and row["sd"] > 0


def test_fewer_than_two_baselines_cost_their_own_numbers_and_no_others():
    """The models were trained and judged: their accuracies are to be told."""
    lone = {"curated": arm((0.75, 0.7))}
    for arms, count in ((lone, 0), ({**lone, "raw": arm(GOLDEN[0])}, 1)):
        for row in robustness(arms, [REFERENCE, SHIFTED]):
            assert (row["mean"], row["slope"], row["values"], row["baselines"]) == (None, None, {"0": None}, count)


def test_where_accuracies_leave_no_line_all_is_null():
    for others, left in (([GOLDEN[0], (1.0, 0.9), (0.5, 0.0)], 1), ([GOLDEN[0], GOLDEN[0]], 2)):
        arms = {"curated": arm((0.75, 0.7), (0.7, 0.6)), "raw": arm(*others)}
        row = robustness(arms, [REFERENCE, SHIFTED])[0]
        assert (row["mean"], row["slope"], row["values"]) == (None, None, {"0": None, "1": None})
        assert row["baselines"] == left


def test_without_a_shift_there_is_nothing_to_tell():
    assert robustness({"curated": arm((0.75, 0.7))}, [REFERENCE]) == []


def test_models_that_were_not_judged_by_both_are_refused():
    outcomes = arm((0.75, 0.7))
    del outcomes.values["plain", "top1"]
    with pytest.raises(InputError, match="not all judged by 'plain' and 'sketch'"):
        robustness({"curated": outcomes}, [REFERENCE, SHIFTED])


def test_a_table_that_is_none_is_refused(tmp_path):
    path = tmp_path / "b.csv"
    for text, message in (
        ("plain,other\n.5,.5\n", "no column 'sketch'; there are 'plain', 'other'"),
        ("plain,sketch\n.5,50\n", "'sketch' holds what is no accuracy"),
        ("plain,sketch\nx,.5\n", "'plain' holds what is no accuracy"),
        ("plain,sketch\n.5,\n", "'sketch' holds what is no accuracy"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_baselines(with_table(path))
    for name, text in (("c.yaml", "[1, {"), ("d.parquet", "no"), ("e.yaml", "a"), ("f.yaml", "")):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=name):
            read_baselines(with_table(tmp_path / name))
    with pytest.raises(InputError, match="none"):
        read_baselines(with_table(tmp_path / "none.csv"))
