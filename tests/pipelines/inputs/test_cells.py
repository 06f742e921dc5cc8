"""A column at a time gives what `clean` gives cell by cell; hashes and columns are taken by stated rules."""

import gzip
import io

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.errors import InputError
from pipelines.inputs import cells, urls
from pipelines.inputs.rows import clean
from pipelines.recipe import Input

TEXT = st.text(st.characters(exclude_categories=())) | st.just("é" * 10_001) | st.just("a\0b")
ODD = st.none() | TEXT | st.binary() | st.integers() | st.floats() | st.booleans() | st.lists(st.integers(), max_size=2)


@settings(max_examples=300, deadline=None)
@given(st.lists(ODD, max_size=4) | st.lists(st.none() | TEXT, max_size=4))
def test_a_list_of_anything_becomes_what_cells_become(values):
    found = cells.text(values)
    assert found.type == pa.string() and found.to_pylist() == [clean(value) for value in values]


KINDS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.dictionary(pa.int8(), pa.string()),
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])) | st.just("é" * 10_001), max_size=4))
def test_columns_of_every_kind_of_text_are_alike(values):
    for kind in KINDS:
        plain = pa.array(values, pa.string())
        column = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)
        assert cells.text(column).to_pylist() == [clean(value) for value in values], kind


@pytest.mark.parametrize(
    "values", [[1, None, 2**63 - 1], [0.5, float("nan"), None], [True], [[1, 2], None], [{"a": 1}]]
)
def test_columns_of_no_text_are_written_as_python_writes_them(values):
    assert cells.text(pa.array(values)).to_pylist() == [clean(value) for value in values]


def test_a_text_column_whose_bytes_are_no_text_is_read_with_replacements():
    offsets, data = pa.py_buffer(bytes([0, 0, 0, 0, 2, 0, 0, 0])), pa.py_buffer(b"a\xff")
    assert cells.text(pa.Array.from_buffers(pa.string(), 1, [None, offsets, data])).to_pylist() == ["a\ufffd"]


GOOD = "AB" * 32


def listed(tmp_path, text, **given):
    (tmp_path / "l.csv").write_text(text)
    return list(urls.read(Input(urls=str(tmp_path / "l.csv"), **given)))


def test_a_column_of_hashes_is_a_promise_in_any_case_and_an_empty_cell_is_none(tmp_path):
    text = f"url,sha256\nhttp://a/1,{GOOD}\nhttp://a/2,\nhttp://a/3,7\n,{GOOD}\n"
    assert [r[c.SHA256] for r in listed(tmp_path, text)] == [GOOD.lower(), None, None, None]
    named = text.replace("sha256", "digest")
    with pytest.raises(InputError, match=r"l\.csv, row 2: the column digest holds '7', not 64 hex digits"):
        listed(tmp_path, named, hash_column="digest")
    assert [r[c.SHA256] for r in listed(tmp_path, named)] == [None] * 4
    assert listed(tmp_path, named.replace(",7", ", "), hash_column="digest")[0][c.SHA256] == GOOD.lower()


def test_a_column_that_the_recipe_names_has_to_be_there(tmp_path):
    bare = "url\nhttp://a/1\n"
    assert listed(tmp_path, bare)[0][c.CAPTION] is None
    for key in ("caption_column", "label_column", "hash_column"):
        with pytest.raises(InputError, match=r"l\.csv: no column 'TEXT'; there are 'url'") as error:
            listed(tmp_path, bare, **{key: "TEXT"})
        assert f"input.{key}" in error.value.hint
    (tmp_path / "l.jsonl").write_text('{"url": "http://a/1"}\n{"url": "http://a/2", "TEXT": "b"}\n')
    rows = list(urls.read(Input(urls=str(tmp_path / "l.jsonl"), caption_column="TEXT")))
    assert [r[c.CAPTION] for r in rows] == [None, "b"]
    with pytest.raises(InputError, match=r"l\.jsonl: no object has the key 'ALT'"):
        list(urls.read(Input(urls=str(tmp_path / "l.jsonl"), caption_column="ALT")))


@pytest.mark.parametrize("name", [" caption", "Caption", "CAPTION "])
def test_a_caption_column_written_a_little_otherwise_is_not_passed_over(tmp_path, name):
    with pytest.raises(InputError, match="no column 'caption', but") as error:
        listed(tmp_path, f"url,{name}\nhttp://a/1,x\n")
    assert repr(name) in error.value.hint
    assert listed(tmp_path, f"url,{name}\nhttp://a/1,x\n", caption_column=name)[0][c.CAPTION] == "x"


@pytest.mark.parametrize("zipped", [False, True])
def test_a_parquet_that_lies_elsewhere_or_is_packed_is_read(zipped):
    sink = io.BytesIO()
    pq.write_table(pa.table({"url": ["http://a/1"] * 12_000, "caption": list(map(str, range(12_000)))}), sink)
    name = "memory://lists/l.parquet" + (".gz" if zipped else "")
    with fsspec.open(name, "wb") as stream:
        stream.write(gzip.compress(sink.getvalue()) if zipped else sink.getvalue())
    tables = list(urls.read_tables(Input(urls=name)))
    assert {t.schema for t in tables} == {c.INPUT} and max(t.num_rows for t in tables) <= urls.BATCH
    rows = pa.concat_tables(tables)
    assert rows.column(c.ROW).to_pylist() == list(range(12_000))
    assert rows.column(c.CAPTION).to_pylist() == list(map(str, range(12_000)))


def test_tables_end_before_they_hold_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(urls, "BATCH_BYTES", 3_000_000)
    long = "".join(f"http://a/{i},{'x' * 1_000_000}\n" for i in range(9))
    (tmp_path / "l.csv").write_text("url,caption\n" + long)
    found = [t.num_rows for t in urls.read_tables(Input(urls=str(tmp_path / "l.csv")))]
    assert sum(found) == 9 and max(found) <= 4
