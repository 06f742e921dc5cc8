import polars as pl
import pytest
from pydantic import ValidationError

from curate.ask import ask
from curate.filters.where import Where


def test_reads_the_columns_of_its_condition():
    assert Where(sql="words > 3 and language = 'en' or brightness between 0.1 and 0.9").reads() == {
        "words", "language", "brightness"}  # fmt: skip


@pytest.mark.parametrize("sql", ["words >", "", "1 = 1", "select 1", "drop table x"])
def test_what_is_no_condition_is_refused(sql):
    with pytest.raises(ValidationError):
        Where(sql=sql)


def test_nan_is_a_number_and_null_is_none():
    frame = pl.DataFrame({"score": [0.9, float("nan"), None, 0.1]})
    assert ask(frame, [Where(sql="score > 0.3")]).table["reason"].to_pylist() == [
        None,
        None,
        "where.sql:null",
        "where.sql",
    ]
