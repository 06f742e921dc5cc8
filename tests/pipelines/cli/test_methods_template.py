"""`curate init --template methods`: every filter is in it, with its defaults, and each runs when it is uncommented."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.numpy import save_file

import pipelines.recipes
from curate.filters import FILTERS
from curate.uid import UID_DTYPE
from pipelines.check import check
from pipelines.recipe import build
from pipelines.recipe_source import Source
from tests.conftest import picture

TEXT = (Path(pipelines.recipes.__path__[0]) / "methods.yaml").read_text()
BEGIN = re.compile(r"^  (# )?- (\w+):")
ITEMS = [match[2] for line in TEXT.splitlines() if (match := BEGIN.match(line))]


def uncommented(*names: str) -> str:
    """The template with the models and those items; the `# ` is taken away as an editor does it."""
    lines, inside = [], False
    for line in TEXT.splitlines():
        found = BEGIN.match(line)
        if found:
            inside = found[2] in names
        elif not line.startswith("  #  "):
            inside = line.startswith(("# models:", "#   "))
        lines.append(re.sub(r"^( *)# ", r"\1", line, count=1) if inside and "# " in line[:4] else line)
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    for name in ("models", "seeds", "eval"):
        (folder / name).mkdir()
    for name in ("clip", "dino", "aesthetic", "aesthetic_low", "watermark", "captioner", "matcher"):
        save_file({"weight": np.zeros((1, 2), np.float32)}, folder / f"models/{name}.safetensors")
    pq.write_table(pa.table({"url": ["http://a.example/1.jpg"], "caption": ["a b c"]}), folder / "urls.parquet")
    (folder / "seeds/0.jpg").write_bytes(picture(0))
    pq.write_table(pa.table({"jpg": [picture(1)], "label": ["a"]}), folder / "eval/objects.parquet")
    for name, text in {
        "words.txt": "cat",
        "unsafe-words.txt": "cat",
        "metadata.txt": "cat\ndog",
        "blocked-hosts.txt": "b.example",
        "blocked-sha256.txt": "0" * 64,
        "blocked-phash.txt": "0" * 16,
    }.items():
        (folder / name).write_text(f"{text}\n")
    np.save(folder / "subset.npy", np.zeros(1, UID_DTYPE))
    return folder


def built(text, folder):
    source = Source.parse(text.encode(), "recipe.yaml", folder)
    recipe = build(source)
    return recipe, check(recipe, source)


def test_every_registered_filter_is_in_the_template_once():
    assert sorted(ITEMS) == sorted(item.type for item in FILTERS)


def test_as_it_is_it_reads_no_model_and_no_file_but_the_list(tmp_path, room):
    (tmp_path / "urls.parquet").write_bytes((room / "urls.parquet").read_bytes())
    recipe, _ = built(TEXT, tmp_path)
    assert [item.type for item in recipe.filters] == ["align_image", "align_text", "phash_dedup"]


@pytest.mark.parametrize("name", ITEMS)
def test_each_item_loads_when_it_is_uncommented(name, room):
    recipe, found = built(uncommented(name), room)
    assert name in [item.type for item in recipe.filters] and found["input"]["usable"] == 1


def test_all_of_them_load_together_in_their_order(room):
    recipe, _ = built(uncommented(*ITEMS), room)
    assert [item.type for item in recipe.filters] == ITEMS


@pytest.mark.parametrize("kind", [kind for kind in FILTERS if "items" not in kind.model_fields], ids=lambda k: k.type)
def test_the_published_defaults_are_written_out(kind):
    (given,) = [item[kind.type] for item in yaml.safe_load(uncommented(*ITEMS))["filters"] if kind.type in item]
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    assert not set(given) - set(fields)
    alone = {"column", "score", "lower"}  # of stability: one form or the other
    for name, field in fields.items():
        if field.is_required() or field.default is None or name in alone:
            continue
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        assert given[name] == default, name


def test_a_line_is_told_for_each_item_and_none_is_too_long():
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        assert len(line) <= 120
        if BEGIN.match(line):
            assert re.match(r"^  # [A-Z][^-]", lines[number - 1]), line
