"""Tables of proposed pairs: what is written is read back, whatever a text says, and what is wrong is named."""

import csv
import io
import json
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import InputError
from curate.proposals import Verdict, guarded, is_proposed, read_verdicts, table_of, unguarded

HOSTILE = ["=cmd|' /C calc'!A1", "+1", "-1", "@SUM(A1)", "\tx", "'quoted", 'a "b", c\nd', "\u202e<b>", "ü 漢"]
HOSTILE += ["one\rtwo", "\rthree", "four\r\nfive", "six\r", 'seven "\r" eight']  # a line end of old


def rows(accept=None):
    texts = pl.Series(HOSTILE)
    return pl.DataFrame(
        {
            "uid": [f"u{i}" for i in range(len(HOSTILE))], "image_uid": texts, "origin": "web", "caption": texts,
            "proposed": texts, "clip_score_b32": -0.25, "accept": accept, "edited": "", "by": None,
        },
        schema_overrides={"accept": pl.Boolean, "by": pl.String},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_is_read_back_as_it_was_written(name):
    found = read_verdicts(table_of(rows([True] * len(HOSTILE)), name), name)
    assert [verdict.proposed for verdict in found] == HOSTILE and [v.image_uid for v in found] == HOSTILE
    assert all(verdict.accept and verdict.by == "person" for verdict in found)
    assert read_verdicts(table_of(rows(), name), name) == []  # nobody has decided


def test_no_cell_of_a_csv_is_a_formula():
    text = table_of(rows(), "t.csv").decode("utf-8-sig")
    header, *lines = csv.reader(io.StringIO(text))
    for line in lines:
        for name, cell in zip(header, line, strict=True):
            assert not cell.startswith(("=", "+", "@", "\t", "-")) or name == "clip_score_b32", cell


@given(st.text())
def test_a_guarded_text_is_no_formula_and_comes_back(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_booleans_may_be_written_as_people_do_and_a_spreadsheet_may_use_semicolons():
    words = {"TRUE": True, "yes": True, "x": True, "1": True, "False": False, "no": False, "0": False}
    text = "\ufeffuid;accept;edited\r\n" + "".join(f"u{i};{word};\r\n" for i, word in enumerate(words)) + "u;;\r\n"
    assert [verdict.accept for verdict in read_verdicts(text.encode(), "t.csv")] == list(words.values())


def test_what_a_model_accepted_is_a_persons_once_it_was_touched():
    lines = ["uid,accept,edited,by", "a,true,,model", "b,true,better,model", "c,false,,model", "d,true,,"]
    found = read_verdicts("\n".join(lines).encode(), "t.csv")
    assert [verdict.by for verdict in found] == ["model", "person", "person", "person"]
    assert found[1] == Verdict("t.csv:3", "b", True, "better", "person")


def test_json_is_the_pages():
    data = json.dumps([{"uid": "a", "accept": True, "edited": " x "}, {"uid": "b", "accept": None}]).encode()
    (only,) = read_verdicts(data, "v.json")
    assert (only.uid, only.edited, only.place) == ("a", "x", "v.json:1")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("t.csv", b"uid,accept\na,maybe", "t.csv:2: accept is 'maybe'; write true or false"),
        ("t.csv", b"uid,accept\n,true", "t.csv:2: no uid"),
        ("t.csv", b"uid,accept\na,true\na,true", "t.csv:3: the uid a is at t.csv:2 too"),
        ("t.csv", b"uid,accept,edited\na,,text", "t.csv:2: edited has a text, and accept is empty"),
        ("t.csv", b"uid,accept,by\na,true,me", "by is 'me'; write person or model"),
        ("t.csv", b"uid,verdict\na,true", "no column 'accept'"),
        ("t.csv", b"\xff\xfe", "not readable as csv"),
        ("t.csv", b'uid,accept\n"a', "not readable as csv"),
        ("t.csv", b"", "no column 'uid'"),
        ("t.json", b"{}", "not a list of objects"),
        ("t.json", b"[" * 100_000, "not readable as json"),
        ("t.json", b'[{"uid": 3, "accept": true}]', "uid is 3; write a text"),
        ("t.json", b'[{"uid": "a", "accept": ' + b"1" * 5000 + b"}]", "t.json: not readable as json"),
        ("t.json", b'[{"uid": "a", "accept": true, "edited": "\\ud800"}]', "t.json:1: edited has half a character"),
        ("t.json", b'[{"uid": "\\udfffb", "accept": true}]', "t.json:1: uid has half a character"),
        ("t.csv", b"uid,accept,origin\na,true,heard", "t.csv:2: origin is 'heard'"),
        ("t.parquet", b"PAR1", "not readable as parquet"),
        ("t.txt", b"", "not a .parquet, .csv, .json"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(name, data, says):
    with pytest.raises(InputError, match="(?s).*" + says.replace("(", r"\(")):
        read_verdicts(data, name)


def test_a_damaged_parquet_is_refused_or_read_and_never_a_traceback():
    whole, draw = table_of(rows([True] * len(HOSTILE)), "t.parquet"), random.Random(0)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(3):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        try:
            read_verdicts(bytes(data), "t.parquet")
        except InputError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_of_proposals_is_known_by_its_columns(name):
    assert is_proposed(table_of(rows(), name), name) and is_proposed(table_of(rows()[:0], name), name)
    assert not is_proposed(table_of(rows().drop("proposed"), name), name)
    assert not is_proposed(b"\xff\x00", name) and not is_proposed(b"", name)


def test_of_many_mistakes_the_first_are_told_and_the_rest_counted():
    with pytest.raises(InputError) as found:
        read_verdicts(b"uid,accept\n" + b"".join(b"u%d,?\n" % i for i in range(9)), "t.csv")
    assert found.value.message.count("t.csv:") == 5 and "and 4 more" in found.value.message
