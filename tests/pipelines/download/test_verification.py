"""Bytes that are not what the list promised: three policies, and where there is no promise."""

import io
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import schema as c
from curate.schema import Outcome
from pipelines.download.verification import QUARANTINE, quarantine_part, verify_hash
from pipelines.inputs import urls
from pipelines.recipe import Input

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize("policy", ["keep", "drop", "quarantine"])
@pytest.mark.parametrize(("expected", "changed"), [(A, False), (B, True), (None, False)])
def test_each_policy_on_equal_changed_and_unpromised_bytes(policy, expected, changed):
    verdict = verify_hash(expected, A, policy)
    assert (verdict.failed is not None) == (changed and policy != "keep")
    assert verdict.put_aside == (changed and policy == "quarantine")
    if verdict.failed:
        assert verdict.failed.outcome is Outcome.HASH_MISMATCH
        assert B[:16] in verdict.failed.message and A[:16] in verdict.failed.message


def test_what_is_put_aside_lies_in_a_tar_of_its_own_as_it_came():
    part = quarantine_part("00003", {"000030002": b"<script>", "000030001": b"\xff\xd8x"})
    assert (part.under, part.rows, dict(part.states)) == (QUARANTINE, 2, {"hash_mismatch": 2})
    with tarfile.open(fileobj=io.BytesIO(part.files["00003.tar"])) as tar:
        held = {m.name: tar.extractfile(m).read() for m in tar}
    assert held == {"000030001.bin": b"\xff\xd8x", "000030002.bin": b"<script>"}
    assert quarantine_part("00003", {}).files == {}


def test_an_old_pool_is_a_list_that_promises_what_was_first_seen(tmp_path):
    rows = [
        {c.URL: "http://a/1", c.CAPTION: "x", c.SHA256: A, c.UID: "0" * 32, c.OUTCOME: "ok"},
        {c.URL: "http://a/2", c.CAPTION: "y", c.SHA256: None, c.UID: "1" * 32, c.OUTCOME: "404"},
    ]
    pq.write_table(pa.Table.from_pylist(rows, c.POOL), tmp_path / "00000.parquet")
    found = list(urls.read(Input(urls=str(tmp_path / "*.parquet"))))
    assert [(r[c.URL], r[c.SHA256], r[c.UID], r[c.OUTCOME]) for r in found] == [
        ("http://a/1", A, "0" * 32, None),
        ("http://a/2", None, "1" * 32, None),
    ]
