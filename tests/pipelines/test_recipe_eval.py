"""The section `eval`: every mistake has its place, and what is meant goes to the evaluation as it is."""

import pytest
import yaml

from curate.errors import InputError, RecipeError
from model_training.evaluation import kinds
from pipelines.check import check_training
from pipelines.recipe import load
from pipelines.recipe_eval import OPTIONS, PATHS, Evaluation

HEAD = "name: x\nrun_dir: run\ninput: {urls: a.csv}\neval:\n"


def write(tmp_path, *entries):
    (tmp_path / "recipe.yaml").write_text(HEAD + "".join(f"  - {entry}\n" for entry in entries))
    return tmp_path / "recipe.yaml"


def test_every_kind_has_its_options_and_every_path_is_one():
    assert set(OPTIONS) == set(kinds.NEEDS)
    known = {"name", "kind", "data", "use"}.union(*OPTIONS.values())
    assert known == set(Evaluation.model_fields) and set(PATHS) <= known


def test_mistakes_are_told_with_their_place_and_a_remedy(tmp_path):
    path = write(
        tmp_path,
        "{name: a, kind: knnn, data: x.tar}",
        "{name: b, kind: linear_probe, data: x, train: y, recipe: cli}",
        "{name: c, kind: retrieval, data: x, classes: y}",
        "{name: d, kind: zero_shot, data: x}",
        "{name: e, kind: knn, data: x, train: a, kk: 3}",
        "{name: f, kind: linear_probe, data: x, train: a, recipe: datacomp}",
        "{name: g, kind: zero_shot, data: x, classes: y, baselines: z.csv}",
        "{name: h, kind: [knn], data: x}",
    )
    with pytest.raises(RecipeError) as error:
        load(path)
    assert [line.removeprefix(f"{path}:") for line in error.value.message.splitlines()] == [
        "5:15: eval.0.kind: Input should be 'zero_shot', 'retrieval', 'knn', 'linear_probe', 'captioning',"
        " 'winoground', 'caption_choice' or 'winogavil' (it says 'knnn')",
        "6:54: eval.1.recipe: Input should be 'clip', 'clip_benchmark', 'dinov2_logistic', 'dinov2_linear' or"
        " 'datacomp' (it says 'cli')",
        "7:5: eval.2: retrieval has no `classes`",
        "8:5: eval.3: zero_shot needs `classes`",
        "9:45: unknown key 'kk', did you mean 'k'?",
        "10:5: eval.5: datacomp's linear probe begins at the class names' vectors: it needs `classes`",
        "11:5: eval.6: `baselines` are of a shift: say `shift_of`",
        "12:15: eval.7.kind: Input should be 'zero_shot', 'retrieval', 'knn', 'linear_probe', 'captioning',"
        " 'winoground', 'caption_choice' or 'winogavil'",
    ]


def test_names_and_shifts_are_checked_among_the_entries(tmp_path):
    path = write(
        tmp_path,
        "{name: plain, kind: zero_shot, data: x, classes: y}",
        "{name: plain, kind: zero_shot, data: x, classes: y}",
        "{name: s, kind: zero_shot, data: x, classes: y, shift_of: plian}",
        "{name: t, kind: zero_shot, data: x, classes: y, shift_of: t}",
    )
    with pytest.raises(RecipeError) as error:
        load(path)
    lines = [line.removeprefix(f"{path}:") for line in error.value.message.splitlines()]
    assert lines[0] == "6:6: 'plain' is there twice"
    assert lines[1].startswith("7:53: no other zero_shot evaluation is called 'plian', did you mean 'plain'")
    assert lines[2].startswith("8:53: no other zero_shot evaluation is called 't'")


@pytest.mark.parametrize(
    ("loop", "seeds", "others"),
    [
        ("", "[0, 1]", 0),
        ("loop: {arms: []}", "[0, 1]", 0),
        ("loop: {arms: [raw]}", "[0]", 1),
        ("loop: {arms: [raw]}", "[0, 1]", None),
        ("loop: {arms: [raw, random]}", "[0]", None),
        ("loop: {arms: [], oracle: {table: o.parquet}}", "[3]", 1),
        ("loop: {arms: [raw], oracle: {table: o.parquet}}", "[3]", None),
    ],
)
def test_a_shift_needs_two_models_of_other_arms_or_a_table(tmp_path, loop, seeds, others):
    plain = "{name: plain, kind: zero_shot, data: x, classes: y}"
    shifted = "{name: s, kind: zero_shot, data: x, classes: y, shift_of: plain}"
    path = write(tmp_path, plain, shifted)
    path.write_text(f"{path.read_text()}train: {{samples_seen: 64, seeds: {seeds}}}\n{loop}\n")
    if others is None:
        load(path)
    else:
        with pytest.raises(RecipeError, match=f"6:53: a line goes through 2 .* the other arms have {others}: name a"):
            load(path)
    path.write_text(path.read_text().replace("shift_of: plain", "shift_of: plain, baselines: b.csv"))
    load(path)


def test_defaults_are_written_out_paths_are_absolute_and_a_resolved_recipe_is_the_same(tmp_path):
    path = write(
        tmp_path,
        "{name: near, kind: knn, data: [x.tar, y], train: z, per_class: 4}",
        "{name: line, kind: linear_probe, data: x, train: y}",
        "{name: plain, kind: zero_shot, data: x, classes: y}",
        "{name: s, kind: zero_shot, data: x, classes: y, shift_of: plain, baselines: b.csv}",
    )
    recipe = load(path)
    near, line, plain, shifted = (entry.asked for entry in recipe.eval)
    where = str(tmp_path)
    assert near == kinds.Evaluation(
        "near", "knn", (f"{where}/x.tar", f"{where}/y"), None, (f"{where}/z",), None, (10, 20, 100, 200), 4
    )
    assert (line.recipe, line.needs, plain.needs) == ("clip", "images", "images+texts")
    assert recipe.eval[3].baselines == f"{where}/b.csv" and shifted.classes == f"{where}/y"
    written = yaml.safe_load(recipe.resolved())["eval"]
    assert written[1] == {
        "name": "line", "kind": "linear_probe", "data": f"{where}/x", "train": f"{where}/y", "recipe": "clip",
        "use": "report",
    }  # fmt: skip
    path.write_text(recipe.resolved())
    assert load(path) == recipe


def test_what_is_not_there_is_told_at_the_door(tmp_path):
    for name in ("x.tar", "y.tar"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "c.yaml").write_text("{classes: [a], templates: ['{}']}")
    for entries, message in (
        (["{name: n, kind: knn, data: x.tar, train: none.tar}"], "none.tar: there is no such file"),
        (["{name: n, kind: captioning, data: none.tar}"], "none.tar: there is no such file"),
        (
            [
                "{name: p, kind: zero_shot, data: x.tar, classes: c.yaml}",
                "{name: s, kind: zero_shot, data: y.tar, classes: c.yaml, shift_of: p, baselines: none.csv}",
            ],
            "none.csv: not readable as a table",
        ),
    ):
        with pytest.raises(InputError, match=message):
            check_training(load(write(tmp_path, *entries)))
