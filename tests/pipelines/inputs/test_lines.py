"""Lines and JSON items come out of any stream as a whole reading gives them, however it is cut into blocks."""

import io
import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.errors import InputError
from pipelines.inputs import json_items, lines
from pipelines.inputs.lines import Counted, byte_lines, text_lines

SMALL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def text_of(data):
    return list(text_lines(Counted(io.BytesIO(data)), "l.csv"))


def items_of(data):
    return list(json_items.items(Counted(io.BytesIO(data)), "l.json"))


@SMALL
@given(
    st.lists(st.text("aé\udc80 \t\x0b\x85\u2028", max_size=5)), st.sampled_from(["\n", "\r\n", "\r"]), st.integers(2, 9)
)
def test_lines_are_those_of_a_whole_reading(monkeypatch, parts, end, block):
    monkeypatch.setattr(lines, "BLOCK", block)
    data = end.join(parts).encode("utf-8", "surrogateescape")
    whole = io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogateescape", newline="")
    assert text_of(data) == list(whole)
    assert "".join(text_of(b"\xef\xbb\xbf" + data)).encode("utf-8", "surrogateescape") == data


@SMALL
@given(st.lists(st.sampled_from(["", "a", "éé", "x" * 20, "é" * 20, "y" * 21])), st.integers(3, 30))
def test_a_line_that_is_too_long_is_told_and_takes_no_other_with_it(monkeypatch, parts, block):
    monkeypatch.setattr(lines, "BLOCK", block)
    monkeypatch.setattr(lines, "MOST", 20)
    data = "".join(part + "\n" for part in parts).encode()
    found, raw = text_of(data), list(byte_lines(Counted(io.BytesIO(data)), "l"))
    assert len(found) == len(parts)
    for part, line, same in zip(parts, found, raw[: len(parts)], strict=True):
        if len(part.encode()) > 20:
            assert len(line) > 20 and len(same) > 20
        else:
            assert line == part + "\n" and same == part.encode()


def test_an_endless_line_needs_no_memory():
    class Endless(io.RawIOBase):
        left = 300

        def read(self, size=-1):
            self.left -= 1
            return b"x" * size if self.left > 0 else b""

    tracemalloc.start()
    (line,) = text_lines(Counted(Endless()), "l.txt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(line) > lines.MOST and peak < 8 * lines.MOST  # of 300 MB


JSON = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(), lambda of: st.lists(of, max_size=3)
)
OBJECTS = st.lists(JSON | st.dictionaries(st.text(max_size=4), JSON, max_size=3), max_size=6)


@SMALL
@given(OBJECTS, st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_items_are_those_of_a_whole_reading(monkeypatch, objects, block, indent, escaped):
    monkeypatch.setattr(json_items, "BLOCK", block)
    text = json.dumps(objects, indent=indent, ensure_ascii=escaped)
    try:
        data = text.encode()
    except UnicodeEncodeError:  # half a character, as \ud800
        data = json.dumps(objects, indent=indent).encode()
    assert items_of(b" " + data + b"\n") == objects


def test_json_that_ends_or_goes_wrong_is_an_error_with_its_place():
    data = b'[{"a": 1}, {"b": [2, "x"]}, 345]'
    assert items_of(data) == json.loads(data)
    for end in range(len(data)):
        with pytest.raises(InputError, match=r"l\.json: "):
            items_of(data[:end])
    for wrong in (b"[1,]", b"[1 2]", b"[1] x", b"{}", b"", b"[" * 50_000, b'["\xff"]', b"[nope]"):
        with pytest.raises(InputError, match=r"l\.json: "):
            items_of(wrong)
    with pytest.raises(InputError, match=r"at character 9: not JSON \(Expecting value\)"):
        items_of(b'[{"a":1},?, 3]')


def test_a_number_too_long_for_python_is_its_digits():
    assert items_of(b"[" + b"9" * 5_000 + b", 7]") == ["9" * 5_000, 7]


def test_an_item_without_an_end_is_not_read_whole(monkeypatch):
    monkeypatch.setattr(json_items, "BLOCK", 100)
    monkeypatch.setattr(json_items, "MOST", 1_000)
    stream = Counted(io.BytesIO(b'[1, "' + b"x" * 100_000))
    with pytest.raises(InputError, match="no item of at most 1,000 characters"):
        list(json_items.items(stream, "l.json"))
    assert stream.count < 5_000
