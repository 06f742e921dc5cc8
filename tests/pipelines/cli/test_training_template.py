"""`curate init --template training`: every objective with its published options, every kind of evaluation."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import pytest
import yaml

import pipelines.recipes
from model_training.evaluation.kinds import Kind
from model_training.trainers.objectives import OBJECTIVES
from pipelines.recipe import build
from pipelines.recipe_source import Source

TEXT = (Path(pipelines.recipes.__path__[0]) / "training.yaml").read_text()
NAME = re.compile(r"^  # objective: (\w+)$")


def recipe(text, folder):
    return build(Source.parse(text.encode(), "recipe.yaml", folder))


def with_objective(name: str) -> str:
    """The `# ` taken away from the lines between one objective and the next."""
    lines, inside = [], False
    for line in TEXT.splitlines():
        if line.startswith(("  # -- ", "eval:")):
            inside = False
        if found := NAME.match(line):
            inside = found[1] == name
        lines.append(line.replace("# ", "", 1) if inside else line)
    return "\n".join(lines)


def asked(text: str, kind: str) -> str:
    """Only the evaluations of one kind."""
    head, tail = text.split("\neval:\n")
    items = re.findall(r"^  # - (.*?\})$", re.sub(r"^  - ", "  # - ", tail, flags=re.M), re.M | re.S)
    chosen = [" ".join(item.replace("  #", "").split()) for item in items if f"kind: {kind}," in item]
    return f"{head}\neval:\n" + "".join(f"  - {item}\n" for item in chosen)


def test_it_holds_every_objective_and_every_kind():
    assert [match[1] for line in TEXT.splitlines() if (match := NAME.match(line))] == list(OBJECTIVES)
    assert set(re.findall(r"kind: (\w+),", TEXT)) == set(get_args(Kind))
    assert max(map(len, TEXT.splitlines())) <= 120


def test_as_it_is_it_trains_clip(tmp_path):
    train = recipe(TEXT, tmp_path).train
    assert (train.objective, train.options, train.samples_seen) == ("clip", {}, 200_000)


KIND = {"timm": "knn", "blip": "captioning", "coca": "captioning", "open_clip": "zero_shot"}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_uncommented_is_trained_with_the_published_options(name, tmp_path):
    known = OBJECTIVES[name]
    kind = KIND[known.family] if "captions" in known.does or known.family != "blip" else "retrieval"
    train = recipe(asked(with_objective(name), kind), tmp_path).train
    assert train.objective == name and train.options == asdict(known.options())


@pytest.mark.parametrize("kind", get_args(Kind))
def test_an_evaluation_uncommented_is_asked(kind, tmp_path):
    objective = {"captioning": "coca"}.get(kind, "clip")
    text = asked(with_objective(objective), kind)
    if kind == "zero_shot":
        text = text.replace("shift_of: objects, ", "").replace("baselines: eval/baselines.csv", "use: report")
    found = recipe(text, tmp_path).eval
    assert found and {entry.kind for entry in found} == {kind}
    assert yaml.safe_load(text)["eval"][0]["name"] == found[0].name
