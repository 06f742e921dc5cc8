"""Groups are connected components; the kept member comes first."""

import polars as pl

from curate.report.columns import prepared
from curate.report.duplicates import duplicate_statistics
from curate.report.evidence import Evidence


def uid(number: int) -> str:
    return f"{number:032x}"


def test_components_sizes_and_distances(ten: Evidence) -> None:
    # 3 - 2 - 4 is a chain whose kept member is 2; 0 - 1 are both kept.
    pairs = [(3, 2, 1), (2, 4, 3), (0, 1, 0)]
    table = pl.DataFrame([(uid(a), uid(b), d) for a, b, d in pairs], ["uid_a", "uid_b", "distance"], orient="row")
    found = duplicate_statistics(prepared(ten.samples), table)
    assert (found["pairs"], found["groups"], found["grouped"]) == (3, 2, 5)
    assert found["sizes"] == [{"size": 2, "groups": 1}, {"size": 3, "groups": 1}]
    assert found["distances"] == [{"distance": d, "pairs": 1} for d in (0, 1, 3)]
    chain, twins = found["largest"]
    assert [(m["uid"], m["keep"], m["distance"]) for m in chain["members"]] == [
        (uid(2), True, None),
        (uid(3), False, 1),
        (uid(4), False, 3),
    ]
    assert (chain["kept"], twins["kept"]) == (1, 2)
    assert sum(row["size"] * row["groups"] for row in found["sizes"]) == found["grouped"]
    assert sum(row["pairs"] for row in found["distances"]) == found["pairs"]


def test_members_of_a_chain_may_have_no_stored_distance(ten: Evidence) -> None:
    table = pl.DataFrame({"uid_a": [uid(0), uid(3)], "uid_b": [uid(3), uid(4)], "distance": [1, 2]})
    members = duplicate_statistics(prepared(ten.samples), table)["largest"][0]["members"]
    assert [(m["uid"], m["distance"]) for m in members] == [(uid(0), None), (uid(3), 1), (uid(4), None)]


def test_a_pair_with_itself_is_none(ten: Evidence) -> None:
    table = pl.DataFrame({"uid_a": [uid(0)], "uid_b": [uid(0)], "distance": [0]})
    assert duplicate_statistics(prepared(ten.samples), table)["groups"] == 0
