"""The ledger: a file that is no record, or one of another version, says what to do and is never a traceback."""

import pytest

from curate.errors import InputError
from pipelines.ledger import VERSION, read_all
from pipelines.workspace import Workspace


@pytest.mark.parametrize("text", ["{}", f'{{"version": {VERSION + 1}}}', '{"version": null, "round": 0}'])
def test_what_is_of_another_version_does_not_count(tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    assert read_all(Workspace.at(str(tmp_path))) == []


@pytest.mark.parametrize("text", ["{", "[]", "", "7"])
def test_what_is_no_record_is_named_with_the_next_command(tmp_path, text):
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(InputError, match=r"record\.json.*\n.*remove that file: curate loop RECIPE"):
        read_all(Workspace.at(str(tmp_path)))
