"""Rounds and arms: the sentences claim what was measured and no more, on the page and on the terminal."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from curate.report.evidence import Evidence
from curate.report.page import render_page
from curate.report.round_charts import Axis, arms_charts, rounds_charts
from curate.report.round_guards import captioners, guard_rows, guarded, moved
from curate.report.rounds import accepted, changes, circumstances, history, table, words
from curate.report.terminal import rounds_table
from curate.report.verdicts import verdicts


def with_difference(record: dict, **ends: float | None) -> dict:
    """The record with this difference to raw, and no other."""
    return {**record, "differences": [{**record["differences"][0], **ends}], "gap_closed": []}


def printed(records: list[dict], width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(rounds_table(records))
    return out.getvalue()


def test_a_gain_is_told_with_its_interval_and_what_it_cost(records: list[dict]) -> None:
    assert words(records[1:2]) == [
        "The curated set gives 75.0% top1 on objects, raw 5.5%: +69.5 points (95% interval 64.5 to 74.0), "
        "3 seeds, 38,400 samples seen each.",
        "The curated set gives 75.0% top1 on objects, a random set of equal size 5.0%: +70.0 points "
        "(95% interval 65.0 to 74.0).",
        "The curated set closes 93% of the gap between raw and the oracle on objects (95% interval 86% to 102%).",
        "Round 1: promoted (it is higher). Judged by pairs: 35.0%, 31.0% before.",
        "Round 1: all 2 guards hold.",
        "Held equal for raw, random, curated, oracle: model tiny, 38,400 samples seen, seeds 0, 1, 2. "
        "Only the data differs.",
        "Scorer clip: cross-fitted over 2 folds, so that no pair is scored by a model trained on it; "
        "trained on 2,300 pairs (trusted: 1,125); 38,400 samples seen by each of 2.",
        *captioners(records[1]),
    ]


@pytest.mark.parametrize(
    ("low", "high", "kind", "start"),
    [
        (0.001, 0.02, "better", "The curated set gives"),
        (0.0, 0.02, "unclear", "No gain is shown: the curated set gives"),
        (-0.01, 0.02, "unclear", "No gain is shown: the curated set gives"),
        (-0.02, 0.0, "unclear", "No gain is shown: the curated set gives"),
        (-0.02, -0.001, "worse", "Curating made it worse: the curated set gives"),
        (None, None, "unclear", "No gain is shown: the curated set gives"),
        (0.01, None, "better", "The curated set gives"),
        (None, 0.01, "unclear", "No gain is shown: the curated set gives"),
        (float("nan"), float("inf"), "unclear", "No gain is shown: the curated set gives"),
    ],
)
def test_only_an_interval_on_one_side_of_zero_is_a_verdict(
    records: list[dict], low: float | None, high: float | None, kind: str, start: str
) -> None:
    (verdict,) = verdicts([with_difference(records[0], value=0.01, low=low, high=high)])
    assert (verdict.kind, verdict.text[: len(start)]) == (kind, start)


def test_signs_and_unbounded_ends_are_written_out(records: list[dict]) -> None:
    (worse,) = verdicts([with_difference(records[0], value=-0.012, low=-0.02, high=None)])
    assert "\u22121.2 points (95% interval above \u22122.0, unbounded on the other side)" in worse.text
    (none,) = verdicts([with_difference(records[0], value=-0.0001, low=None, high=None)])
    assert ": 0.0 points (95% interval unbounded)" in none.text
    (void,) = verdicts([with_difference(records[0], value=0.01, low=float("nan"), high=float("inf"))])
    assert ": +1.0 points (95% interval unbounded)" in void.text
    (vast,) = verdicts([with_difference(records[0], value=0.01, low=-(10**400), high=0.02)])
    assert "(95% interval below 2.0, unbounded on the other side)" in vast.text
    (hyphen,) = verdicts([json.loads(json.dumps(with_difference(records[0])).replace("objects", "a-b"))])
    assert "on a-b," in hyphen.text  # a name keeps its hyphen


@pytest.mark.parametrize(
    ("gap", "sentence", "kind"),
    [
        ((None, None, None), "The oracle is no better than raw on objects, so there is no gap to close.", "unclear"),
        (
            (0.5, None, None),
            "are too near to each other on objects to tell what share of the gap is closed.",
            "unclear",
        ),
        ((0.5, 0.1, None), "(95% interval above 10%, unbounded on the other side).", "better"),
        ((-0.2, -0.5, 0.1), "is behind raw on objects, by 20% of the gap between raw and the oracle", "unclear"),
    ],
)
def test_the_gap_to_the_oracle(records: list[dict], gap: tuple[float | None, ...], sentence: str, kind: str) -> None:
    row = {"eval": "objects", "metric": "top1", **dict(zip(("value", "low", "high"), gap, strict=True))}
    found = verdicts([{**records[0], "gap_closed": [row]}])[-1]
    assert sentence in found.text
    assert found.kind == kind


def test_a_random_set_of_another_size_is_not_called_equal(records: list[dict]) -> None:
    records[0]["arms"]["random"]["samples"] = 2000
    assert "a random set of 2,000 samples (not 1,140) 5.0%" in words(records[:1])[1]
    records[0]["arms"]["random"] |= {"samples": 1100, "images": 1100}
    assert "a random set of as many images (1,100 samples, not 1,140) 5.0%" in words(records[:1])[1]
    del records[0]["arms"]
    assert "objects, a random set 5.0%" in words(records[:1])[1]


def test_a_scorer_of_trusted_pairs_alone_is_not_said_to_score_what_it_has_seen(records: list[dict]) -> None:
    records[0]["scorers"]["clip"] |= {"pairs": 0, "folds": 1, "models": 1}
    (sentence,) = (one for one in words(records[:1]) if one.startswith("Scorer"))
    assert sentence == "Scorer clip: trained on 1,125 trusted pairs alone; 38,400 samples seen by each of 1."


def test_one_seed_is_said_to_be_one(records: list[dict]) -> None:
    assert "1 seed, so the interval leaves out the noise of training" in words([{**records[0], "seeds": [4]}])[0]


def test_the_round_that_stands_is_judged_and_each_is_told_of(records: list[dict]) -> None:
    told = words(records)
    assert told[0].startswith("Round 1: The curated set gives 75.0% top1")
    assert "Round 2: no gain, not promoted (it is not higher). Judged by pairs: 35.0%, 31.0% before." in told
    assert next(sentence for sentence in told if "Scorer" in sentence).startswith("Rounds 0, 1, 2: Scorer clip")
    records[0]["samples_seen"] = 100
    assert any("compare arms within a round" in sentence for sentence in words(records))


def test_what_chose_the_round_never_judges_it(records: list[dict]) -> None:
    record = json.loads(json.dumps(records[0]).replace('"use": "report"', '"use": "select"'))
    (only,) = verdicts([record])
    assert (only.kind, "No evaluation is marked `use: report`" in only.text) == ("unclear", True)


@pytest.mark.parametrize(
    "lost", ["results", "differences", "gap_closed", "arms", "decision", "scorers", "seeds", "model"]
)
@pytest.mark.parametrize("how", ["missing", "null"])
def test_nothing_raises_where_a_part_is_lost(ten: Evidence, records: list[dict], lost: str, how: str) -> None:
    for record in records:
        if how == "null":
            record[lost] = None
        else:
            del record[lost]
    assert words(records)
    page = render_page(replace(ten, records=records))
    assert "nan" not in page.split('id="rounds"')[1].split("</section>")[0].lower()
    assert printed(records)


def test_an_empty_record_and_one_arm(ten: Evidence, records: list[dict]) -> None:
    assert words([{}]) == ["Nothing was evaluated, so nothing here says whether curating helped."]
    assert 'id="rounds"' in render_page(replace(ten, records=[{}]))
    assert words([]) == table([]) == arms_charts([]) == circumstances([]) == []
    assert 'id="rounds"' not in render_page(ten)
    alone = {**records[0], "differences": [], "gap_closed": []}
    alone["arms"] = {"curated": alone["arms"]["curated"]}
    alone["results"] = [row for row in alone["results"] if row["arm"] == "curated" and row["metric"] == "top1"]
    (verdict,) = verdicts([alone])
    assert verdict.text == "No gain is shown: top1 on objects was not compared between arms (curated 60.0%)."
    assert not any("Held equal" in sentence for sentence in words([alone]))
    (chart,) = arms_charts([alone])
    assert [arm.name for arm in chart.arms] == ["curated"]
    alone["results"][0] |= {"mean": None, "sd": None, "low": None, "high": None, "values": {"0": None}}
    assert arms_charts([alone]) == []
    assert "has no value of top1" in words([alone])[0]
    assert "–" in printed([alone])


def test_rows_are_in_reading_order_with_the_main_metric_first(records: list[dict]) -> None:
    rows = table(records[:2])
    assert [(row["round"], row["eval"], row["metric"]) for row in rows[::4]] == [
        (number, name, metric)
        for number in (0, 1)
        for name, metric in (("objects", "top1"), ("objects", "top5"), ("pairs", "mean_r1"))
    ]
    assert [row["arm"] for row in rows[:4]] == ["raw", "random", "curated", "oracle"]
    assert (rows[2]["samples"], rows[2]["images"], rows[2]["main"], rows[2]["share"]) == (1140, 1100, True, True)
    assert not rows[4]["main"]
    assert [row["both"] for row in history(records)] == [None, 900, 900]
    first = changes(records)[0]
    assert (first["what"], first["value"], first["low"], first["unit"]) == ("curated − raw", "+54.5", "+49.5", "points")


def test_a_metric_that_is_no_share_is_a_plain_number(records: list[dict]) -> None:
    for row in records[0]["results"]:
        row["values"] = {seed: 100 * value for seed, value in row["values"].items()}
        row |= {key: 100 * row[key] for key in ("mean", "sd", "low", "high")}
    record = with_difference(records[0], value=54.5, low=49.5, high=59.0)
    assert words([record])[0].startswith(
        "The curated set gives 60 top1 on objects, raw 5.5: +54.5 (95% interval 49.5 to 59)"
    )


@pytest.mark.parametrize(
    ("values", "first", "last"),
    [
        ([0.05, 0.79], 0.0, 0.8),
        ([0.7, 0.75], 0.7, 0.76),
        ([0.5], 0.0, 1.0),
        ([-3.0, 8.0], -5.0, 10.0),
        ([0.0], 0.0, 1.0),
    ],
)
def test_the_axis_is_round_and_holds_every_value(values: list[float], first: float, last: float) -> None:
    axis = Axis(values)
    assert (axis.low, axis.high) == pytest.approx((first, last))
    assert all(axis.low <= value <= axis.high for value in values)
    assert 2 <= len(axis.ticks) <= 7


@pytest.mark.parametrize("values", [[1e12, 1e12 - 1e-3], [-1e12, 1e12], [1e-300, 2e-300], [0.1 + 0.2, 0.3]])
def test_the_axis_survives_extremes(values: list[float]) -> None:
    assert all(0 <= Axis(values).place(value) <= 100 for value in values)


def test_the_arms_are_drawn_where_their_numbers_are(records: list[dict]) -> None:
    chart = arms_charts(records)[0]
    assert (chart.eval, chart.metric, [arm.kind for arm in chart.arms]) == (
        "objects",
        "top1",
        ["raw", "random", "curated", "oracle"],
    )
    curated = chart.arms[2]  # of round 1, on an axis from 0 to 1
    assert [tick.label for tick in chart.ticks] == ["0%", "20%", "40%", "60%", "80%", "100%"]
    assert curated.mean == pytest.approx(75, abs=0.01)
    assert curated.span == pytest.approx((73, 4), abs=0.01)
    assert curated.seeds == pytest.approx([74, 75, 76], abs=0.01)
    assert "curated: 75.0%, 95% interval 73.0% to 77.0%; seed 0 74.0%, seed 1 75.0%, seed 2 76.0%" in chart.label


def test_the_rounds_are_drawn_from_two_on(records: list[dict]) -> None:
    assert rounds_charts(records[:1]) == []
    chart = rounds_charts(records)[0]
    assert [line.kind for line in chart.lines] == ["raw", "random", "oracle", "curated"]
    curated = chart.lines[-1]
    heights = [y for _, y, _ in curated.points]  # 0.60, 0.75, 0.70 of 170 px below the top, from 10
    assert heights == pytest.approx([10 + 170 * 0.4, 10 + 170 * 0.25, 10 + 170 * 0.3], abs=0.01)
    assert (len(curated.strokes), curated.band.count("M")) == (2, 2)
    assert [bar.segments[0][0] for bar in chart.kept] == ["kept"] * 3
    assert [sum(height for _, _, height in bar.segments) for bar in chart.kept] == pytest.approx([46] * 3)
    assert chart.kept[1].segments[1] == ("new", pytest.approx(0), pytest.approx(46 * 240 / 1140, abs=0.01))
    assert [bar.state for bar in chart.kept] == ["promoted", "promoted", "no gain"]
    records[1]["results"] = []  # no line across a round that was not measured
    assert rounds_charts(records)[0].lines[-1].strokes == []
    many = rounds_charts([{**records[0], "round": number} for number in range(30)])[0]
    assert sum(bool(bar.round) for bar in many.kept) <= 8


def test_the_section_has_words_charts_and_every_number(ten: Evidence, run: Evidence, records: list[dict]) -> None:
    page = render_page(replace(ten, records=records))
    section = page[page.index('<section id="rounds">') : page.index('<section id="funnel">')]
    assert section.index("closes 93% of the gap") < section.index('<svg class="plot arms"') < section.index("<table>")
    assert (
        len(re.findall(r'<svg class="plot arms"', section)) == len(re.findall(r'<svg class="plot over"', section)) == 2
    )
    assert all('role="img" aria-label="' in tag for tag in re.findall(r'<svg class="plot[^>]*>', section))
    shapes = {
        re.search(f'class="shape arm-{arm}".*? d="([^"]*)"', section)[1]
        for arm in ("raw", "random", "curated", "oracle")
    }  # type: ignore[index]
    assert len(shapes) == 4  # told apart without colour
    assert len(re.findall(r'<td class="n strong">75.0%</td>', section)) == 1
    assert page == render_page(replace(ten, records=records))
    assert 'id="evaluation"' in render_page(run)
    assert 'id="evaluation"' not in render_page(replace(run, records=records))  # the same numbers, not twice


def test_the_terminal_shows_main_metrics_and_the_words(records: list[dict]) -> None:
    text = printed(records)
    assert re.search(r"1  objects top1 +raw +3,752 +5\.5% ± 1\.0 +\[3\.5% to 7\.5%\]", text)
    assert "curated    1,140  75.0% ± 1.0  [73.0% to 77.0%]" in text
    assert "top5" not in text
    assert "Held equal for raw, random" in text
    assert all(len(line) <= 80 for line in printed(records, 80).splitlines())
    assert printed([]).strip() == ""


def test_hostile_records_cannot_steer_the_terminal(
    empty: Evidence, records: list[dict], with_everywhere: Callable[[Evidence, str], Evidence]
) -> None:
    hostile = "\x1b[31m\x1b]0;pwned\x07[bold red]x[/] \u202egpj \x9b2J \r\n\u2028" + "y" * 500
    text = printed(with_everywhere(replace(empty, records=records), hostile).records)
    assert all(character == "\n" or character.isprintable() for character in text)
    assert "[bold red]" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_the_share_that_only_a_model_accepted_is_told() -> None:
    told = {"pairs": 8, "by": {"person": 2, "model": 6}, "modes": {"assisted": 2, "automatic": 6}}
    (sentence,) = accepted({"accepted": told})
    assert "8 accepted pairs (assisted 2, automatic 6); 75% by a model alone" in sentence
    assert accepted({}) == accepted({"accepted": None}) == accepted({"accepted": {"pairs": 0}}) == []


def test_guards_are_told_in_a_sentence_a_table_and_the_page(records: list[dict]) -> None:
    assert guarded(records[0]) == ["Round 0: all 2 guards hold."]
    assert guarded(records[2]) == ["Round 2: a guard does not hold: max_top_text is 0.95, not at most 0.9."]
    assert guarded({"round": 1}) == guarded({"round": 1, "guards": [{"guard": "x", "value": None, "bound": 1}]}) == []
    assert [(row["round"], row["guard"], row["holds"]) for row in guard_rows(records)][-1] == (2, "max_top_text", False)
    assert "a guard does not hold: max_top_text is 0.95" in printed(records)


def test_what_entered_and_left_is_told_biggest_first_and_nothing_for_the_first_round(records: list[dict]) -> None:
    rows = moved(records)
    assert [row["round"] for row in rows] == [1, 2]
    assert (rows[0]["entered"], rows[0]["entered_origins"]) == (240, "synthetic 200, web 40")
    assert (rows[0]["left"], rows[0]["left_reasons"]) == (100, "clip.min 60, phash.max_distance 40")
    assert moved([{"round": 3, "changes": {"entered": None, "left": {"origins": 5}}}])[0]["left_origins"] == ""


def test_the_captioner_and_its_pretraining_are_told(records: list[dict]) -> None:
    assert captioners(records[0]) == [
        "Captioning's start, pretrained: trained on 2,300 pairs (trusted: 1,125); 28,000 samples seen.",
        "Captioner writer: a copy of the pre-trained weights, fine-tuned on 1,125 trusted pairs; 5,000 samples seen.",
    ]
    assert captioners({"captioning": {"x": {}}}) == ["Captioning's start, x: nothing more is on record."]
