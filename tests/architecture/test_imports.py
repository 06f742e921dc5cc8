"""The arrow of imports: pipelines -> model_training -> curate; no torch in curate; Ray in two files."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RANK = {"curate": 0, "model_training": 1, "pipelines": 2}
RAY = {"pipelines/engine/ray.py", "pipelines/engine/ray_train.py"}


def imports():
    for room in RANK:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"{path}: relative import"
                    names = [node.module or ""]
                for name in names:
                    yield room, str(path.relative_to(ROOT)), name


def test_imports_run_one_way():
    wrong = [(path, name) for room, path, name in imports() if RANK.get(name.split(".")[0], -1) > RANK[room]]
    assert not wrong


def test_curate_knows_no_torch_and_no_ray_and_ray_is_in_two_files():
    heavy = {"torch", "torchvision", "open_clip", "timm", "transformers"}
    wrong = [
        (path, name)
        for room, path, name in imports()
        if (name.split(".")[0] in heavy and room != "model_training")
        or (name.split(".")[0] == "ray" and path not in RAY)
    ]
    assert not wrong


def test_files_and_functions_stay_small_and_nothing_is_called_utils():
    for room in RANK:
        for path in sorted((ROOT / room).rglob("*.py")):
            text = path.read_text()
            assert len(text.splitlines()) <= 330, path
            assert path.stem not in {"utils", "helpers", "common"}, path
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"


def test_there_is_one_broad_except():
    found = []
    for room in RANK:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ExceptHandler):
                    names = ast.unparse(node.type) if node.type else ""
                    ends = isinstance(node.body[-1], ast.Raise)
                    if names in ("", "Exception", "BaseException") and not ends:
                        found.append(str(path.relative_to(ROOT)))
    assert sorted(found) == ["pipelines/cli/__init__.py", "pipelines/engine/attempt.py"]
