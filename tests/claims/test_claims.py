"""The harness of the claims, by made-up numbers; and that README shows what tests/claims/results holds."""

import json
import math
from dataclasses import replace

import pytest

from curate.errors import CurateError, InputError
from tests.claims import __main__ as harness
from tests.claims.claim import (
    OPPOSITE,
    REPRODUCED,
    UNDECIDED,
    Claim,
    Difference,
    Found,
    Paper,
    difference,
    line,
    number,
    read,
    table,
    write,
)
from tests.claims.papers import claims

PAPER = Paper("A paper", "1234.56789")


def claim(**changes):
    given = {
        "name": "paper/claim",
        "paper": PAPER,
        "says": "good is better than bad",
        "theirs": "+5 points",
        "better": "good",
        "worse": "bad",
        "data": "nothing",
        "seeds": (0, 1, 2),
        "run": lambda seed, cache: {"good": 10.0 + seed, "bad": 5.0},
    }
    return Claim(**{**given, **changes})


@pytest.mark.parametrize(
    ("better", "worse", "margin", "mean", "error", "verdict"),
    [
        ([3, 5, 4], [1, 1, 1], 0, 3, 1 / math.sqrt(3), REPRODUCED),
        ([1, 1, 1], [3, 5, 4], 0, -3, 1 / math.sqrt(3), OPPOSITE),
        ([4, 0, 2], [1, 1, 1], 0, 1, 2 / math.sqrt(3), UNDECIDED),
        ([2, 2], [1, 1], 0, 1, 0, REPRODUCED),  # no spread: any difference is one
        ([1, 1], [2, 2], 0, -1, 0, OPPOSITE),
        ([1, 2], [1, 2], 0, 0, 0, UNDECIDED),
        ([-0.0, -0.0], [0.0, 0.0], 0, 0, 0, UNDECIDED),
        ([9], [1], 0, 8, math.inf, UNDECIDED),  # one seed has no error
        ([9], [1], 2, 8, math.inf, UNDECIDED),
        ([1, 1], [1, 1], 2, 0, 0, REPRODUCED),  # with a margin equal is enough
        ([0, 0], [2, 2], 2, -2, 0, UNDECIDED),  # exactly the margin shows nothing
        ([0, 0], [3, 3], 2, -3, 0, OPPOSITE),
        ([0, 1, 2], [1, 2, 3], 2, -1, 0, REPRODUCED),
        ([0, 0, 0], [0, 1, 2], 2, -1, 1 / math.sqrt(3), UNDECIDED),  # -1 - 1.15 is beyond -2
        ([0, 0, 0], [1, 3, 5], 2, -3, 2 / math.sqrt(3), UNDECIDED),  # beyond the margin, but not surely
        ([0, 0, 0], [4, 5, 6], 2, -5, 1 / math.sqrt(3), OPPOSITE),
    ],
)
def test_the_verdict_by_hand_made_numbers(better, worse, margin, mean, error, verdict):
    found = difference(better, worse, margin)
    assert found.mean == pytest.approx(mean) and found.error == pytest.approx(error)
    assert found.verdict == verdict
    assert math.copysign(1, found.mean) == 1 or found.mean < 0


def test_two_standard_errors_decide_strictly():
    assert Difference(2.0, 1.0).verdict == UNDECIDED and Difference(2.001, 1.0).verdict == REPRODUCED
    assert Difference(-2.0, 1.0).verdict == UNDECIDED and Difference(-2.001, 1.0).verdict == OPPOSITE


@pytest.mark.parametrize("better", [[], [math.nan, 1.0, 1.0], [math.inf, 1.0, 1.0]])
def test_there_is_no_difference_of_nothing_and_of_what_is_not_finite(better):
    with pytest.raises(ValueError, match="no difference"):
        difference(better, [1.0] * len(better))


def test_numbers_have_one_decimal_and_nothing_has_no_sign():
    assert [number(v, signed=True) for v in (1.25, -0.04, 0.04, -0.06, math.inf)] == ["+1.2", "0.0", "0.0", "-0.1", "?"]


def test_a_claim_has_three_seeds_at_least():
    with pytest.raises(ValueError, match="3 seeds"):
        claim(seeds=(0, 0, 1))


def test_a_row_has_every_arm_the_paired_difference_and_the_verdict():
    rows = [{"good": 10.0, "bad": 5.0, "worst": 1.0}, {"good": 11.0, "bad": 5.0, "worst": 1.0}]
    shown = line(claim(), [*rows, {"good": 12.0, "bad": 5.0, "worst": 1.0}])
    assert "good 11.0 ± 1.0; bad 5.0 ± 0.0; worst 1.0 ± 0.0" in shown
    assert "| +6.0 ± 0.6 | 3 | reproduced |" in shown
    assert "margin 2.0" in line(claim(margin=2.0), rows) and "?" in line(claim(), rows[:1])


def test_what_is_there_is_not_run_again_and_an_interruption_keeps_the_seeds_before_it(tmp_path, monkeypatch):
    ran = []

    def run(seed, cache):
        if seed == 2 and len(ran) < 3:
            ran.append("interrupted")
            raise KeyboardInterrupt
        ran.append(seed)
        return {"good": 10.0 + seed, "bad": 5.0}

    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{harness.BEGIN}\nold\n{harness.END}\nafter\n")
    results, tried = tmp_path / "results", claim(run=run)
    monkeypatch.setattr(harness, "claims", lambda: [tried])
    monkeypatch.setattr(harness, "RESULTS", results)
    publish = harness.publish
    monkeypatch.setattr(harness, "publish", lambda known: publish(known, readme, results))
    folder = ["--folder", str(tmp_path / "cache")]
    assert harness.main(folder) == 130
    assert set(read(tried, results)) == {0, 1} and "old" in readme.read_text()
    assert harness.main(folder) == 0 and ran == [0, 1, "interrupted", 2]
    assert harness.main(["--only", "paper", "--table"]) == 0 and len(ran) == 4
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "reproduced" in text and "old" not in text
    kept = json.loads((results / "paper-claim.json").read_text())
    assert kept["version"] == 1 and kept["seeds"]["2"]["values"] == {"good": 12.0, "bad": 5.0}


def test_a_claim_whose_data_are_absent_is_skipped_with_a_word_and_the_others_run(tmp_path, monkeypatch, capsys):
    def absent(seed, cache):
        raise InputError("there is no sample", "write one")

    there = claim(name="paper/there")
    monkeypatch.setattr(harness, "claims", lambda: [claim(run=absent), there])
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    monkeypatch.setattr(harness, "publish", lambda known: None)
    assert harness.main(["--folder", str(tmp_path / "cache")]) == 4
    assert "paper/claim: skipped: there is no sample" in capsys.readouterr().err
    assert set(read(there, tmp_path)) == {0, 1, 2}


def test_an_older_version_does_not_count_and_is_not_shown(tmp_path):
    write(claim(), tmp_path, {seed: Found({"good": 1.0, "bad": 0.0}, 1.0, "2026-01-01", "abc", 1) for seed in range(3)})
    assert set(read(claim(), tmp_path)) == {0, 1, 2} and "A paper" in table([claim()], tmp_path)
    newer = replace(claim(), version=2)
    assert read(newer, tmp_path) == {} and "A paper" not in table([newer], tmp_path)
    assert "A paper" not in table([claim(seeds=(0, 1, 2, 3))], tmp_path)  # a seed is missing
    assert set(read(claim(seeds=(1, 2, 3)), tmp_path)) == {1, 2}


def test_a_run_without_both_arms_or_with_a_nan_is_no_result(tmp_path):
    for values in ({"good": 1.0}, {"good": 1.0, "bad": math.nan}):
        with pytest.raises(ValueError, match="not both"):
            harness.attempt(claim(run=lambda seed, cache, values=values: values), tmp_path, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_readme_without_markers_and_a_claim_that_is_not_there_are_told(tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(CurateError, match="claims"):
        harness.publish([claim()], tmp_path / "README.md", tmp_path)
    with pytest.raises(SystemExit) as stopped:
        harness.main(["--only", "no-such-paper"])
    assert stopped.value.code == 2


def test_the_readme_shows_what_the_results_say_and_they_are_of_the_claims_as_they_are():
    known = {claim.file: claim for claim in claims()}
    for path in sorted(harness.RESULTS.glob("*.json")):
        told = json.loads(path.read_text())
        assert path.name in known, f"{path.name} is of no claim"
        assert (told["claim"], told["version"]) == (known[path.name].name, known[path.name].version), path.name
    text = harness.README.read_text(encoding="utf-8")
    shown = text.partition(harness.BEGIN)[2].partition(harness.END)[0].strip()
    assert shown == table(known.values(), harness.RESULTS), "python -m tests.claims --table writes it"


def test_each_claim_says_all_that_a_row_needs():
    for one in claims():
        assert all((one.says, one.theirs, one.data, one.paper.title)), one.name
        assert one.better != one.worse and one.margin >= 0, one.name
        assert "|" not in one.says + one.theirs + one.data + one.better + one.worse, one.name
