import pytest
from pydantic import ValidationError

from curate.filters.where import Where


def test_reads_the_columns_of_its_condition():
    assert Where(sql="words > 3 and language = 'en' or brightness between 0.1 and 0.9").reads() == {
        "words", "language", "brightness"}  # fmt: skip


@pytest.mark.parametrize("sql", ["words >", "", "1 = 1", "select 1", "drop table x"])
def test_what_is_no_condition_is_refused(sql):
    with pytest.raises(ValidationError):
        Where(sql=sql)
