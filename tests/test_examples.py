"""Examples run, and the README says what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.cli import app
from pipelines.recipe import build
from pipelines.recipe_source import Source

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs(path, tmp_path):
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_readmes_python_runs():
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        space: dict = {}
        exec(block, space)
        assert space["kept"]["uid"].to_list() == ["a", "c"]


def test_the_readmes_loops_are_recipes(tmp_path):
    first, captioned = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
    both = {**first, **captioned, "models": first["models"] | captioned["models"], "loop": captioned["loop"]}
    given = {"name": "x", "run_dir": "run", "input": {"table": "x.parquet"}}
    for data, trained in ((first, ["clip"]), (both, ["clip", "captioner", "matcher"])):
        recipe = build(Source.parse(yaml.safe_dump(given | data).encode(), "README.md", tmp_path))
        assert set(recipe.trained()) == set(trained) and recipe.loop.trusted.endswith("trusted.parquet")
        assert len(recipe.eval) == 2


def test_every_command_in_the_readme_exists_and_every_command_is_in_it():
    real = {command.name or command.callback.__name__ for command in app.registered_commands}
    named = set(re.findall(r"curate ([a-z]+)\b", README))
    assert named <= real and real <= named | {"demo"}


def first_cells(heading: str) -> set[str]:
    """The names in the first cells of the tables between two headings."""
    (part,) = re.findall(rf"^## {heading}\n(.*?)(?=^## )", README, re.DOTALL | re.MULTILINE)
    cells = re.findall(r"^\| ([^|]*`[^|]*) \|", part, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_readmes_recipe_keys_are_the_recipes():
    from curate.filters import FILTERS
    from model_training.evaluation.kinds import NEEDS
    from model_training.trainers.objectives import OBJECTIVES
    from pipelines.recipe import KINDS

    assert first_cells("How it works") == {item.type for item in FILTERS}
    assert first_cells("Training and judging") == {*OBJECTIVES, *NEEDS}
    assert all(f"`{kind}:" in README for kind in KINDS)


def test_the_readmes_first_steps_work_in_an_empty_folder(tmp_path):
    script = "import sys; from pipelines.cli import main; main(sys.argv[1:])"

    def curate(*arguments):
        return subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
        )

    assert curate("init", "mydata").returncode == 0
    missing = curate("check", "mydata/recipe.yaml")
    assert missing.returncode == 4 and "urls.csv" in missing.stderr
    (tmp_path / "mydata/urls.csv").write_text("url,caption\nhttp://a.example/1.jpg,three words here\n")
    assert curate("check", "mydata/recipe.yaml").returncode == 0
