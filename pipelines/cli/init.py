"""`curate init`."""

import shlex
from importlib.resources import files
from pathlib import Path

from curate.errors import InputError
from pipelines.cli.console import hint, say


def write_recipe(folder: str, template: str) -> None:
    there = {f.name.removesuffix(".yaml"): f for f in files("pipelines.recipes").iterdir() if f.name.endswith(".yaml")}
    if template not in there:
        raise InputError(f"no template is called {template!r}", f"there are: {', '.join(sorted(there))}")
    path = Path(folder) / "recipe.yaml"
    if path.exists():
        raise InputError(f"{path}: it is there already", "name another folder, or move it away")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(there[template].read_text())
    say(str(path))
    hint(f"Next: edit input, then: curate check {shlex.quote(str(path))}")
