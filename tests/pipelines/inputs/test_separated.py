"""CSV and TSV: well-written records come out as they went in, and a broken line costs itself alone."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.inputs.separated import MOST_LINES, records


def read(text, separator=","):
    lines = io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8", "surrogatepass", newline="")
    return [(line, fields) for line, fields in records(lines, separator)]


BROKEN = "a quote is opened and not closed as it should be"


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_quote_that_is_never_closed_costs_its_own_line_only(separator):
    text = 'url,caption\n1,"never closed\n2,b\n3,"two\nlines"\n4,"five "" quotes"\n5,d\n'.replace(",", separator)
    assert read(text, separator) == [
        (1, ["url", "caption"]),
        (2, BROKEN),
        (3, ["2", "b"]),
        (4, ["3", "two\nlines"]),
        (6, ["4", 'five " quotes']),
        (7, ["5", "d"]),
    ]


def test_a_quote_that_a_later_line_seems_to_close_takes_no_lines_with_it():
    text = 'url\tcaption\n1\t"Hello" he said\n2\t"Unbalanced start\n3\tthird\n4\tends" here\n5\t6" nails\n6\tsixth\n'
    assert read(text, "\t") == [
        (1, ["url", "caption"]),
        (2, ["1", "Hello he said"]),
        (3, BROKEN),
        (4, ["3", "third"]),
        (5, ["4", 'ends" here']),
        (6, ["5", '6" nails']),
        (7, ["6", "sixth"]),
    ]


def test_several_lines_with_too_many_fields_are_no_record():
    assert read('a,b\n1,"x\n2,y",z\n3,w\n') == [(1, ["a", "b"]), (2, BROKEN), (3, ["2", 'y"', "z"]), (4, ["3", "w"])]


def test_the_last_line_may_lack_its_end_but_not_its_quote():
    assert read('a,b\n1,"x"')[-1] == (2, ["1", "x"])
    assert read('a,b\n1,"x')[-1] == (2, BROKEN)
    assert read("a,b\r\n\r\n1,x\r\n") == [(1, ["a", "b"]), (3, ["1", "x"])]
    assert read("") == []


def test_no_record_is_longer_than_is_stated():
    plain = "".join(f"{i},b\n" for i in range(3 * MOST_LINES))
    found = read('a,b\n1,"x\n' + plain + 'z,"y\n')
    assert [fields for _, fields in found if fields == BROKEN] == [BROKEN] * 2 and len(found) == 3 + 3 * MOST_LINES
    inside = "\n" * (MOST_LINES - 1)
    assert read(f'a,b\n1,"{inside}"\n') == [(1, ["a", "b"]), (2, ["1", inside])]
    assert read(f'a,b\n1,"{inside}\n"\n')[1] == (2, BROKEN)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), min_size=1, max_size=6), st.sampled_from(",\t"))
def test_whatever_is_well_written_comes_out_as_it_went_in(rows, separator):
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    assert [fields for _, fields in read(text.getvalue(), separator)] == rows
