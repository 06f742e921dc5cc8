import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.errors import InputError
from curate.filters.listed import Listed
from curate.subset import decide
from curate.uid import UID_DTYPE, pack_uids
from tests.conftest import samples


def test_a_parquet_table_and_its_column(tmp_path):
    frame = samples(4)
    path = str(tmp_path / "l.parquet")
    pl.DataFrame({c.UID: frame[c.UID][:3], "good": [True, False, None]}).write_parquet(path)
    assert decide(frame, [Listed(table=path)], {}).keep.tolist() == [True, True, True, False]
    assert decide(frame, [Listed(table=path, column="good")], {}).keep.tolist() == [True, False, False, False]


def test_datacomps_file_and_its_multiplicity(tmp_path):
    frame = samples(3)
    path = str(tmp_path / "l.npy")
    uids = pack_uids(frame[c.UID].gather([0, 2, 2]))
    np.save(path, uids)
    assert decide(frame, [Listed(table=path)], {}).copies.tolist() == [1, 0, 1]
    twice = decide(frame, [Listed(table=path, copies=True)], {})
    assert twice.copies.tolist() == [1, 0, 2] and (twice.uids() == uids).all()
    assert twice.table.column(c.REASON).to_pylist() == [None, "listed.table", None]
    np.save(path, uids.astype(UID_DTYPE)["f0"])
    with pytest.raises(InputError, match="u8,u8"):
        decide(frame, [Listed(table=path)], {})
