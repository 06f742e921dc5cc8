"""Near-duplicates: pairs, the groups that they join (connected components), and the largest groups in full."""

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from curate import schema as c

UID_A, UID_B = "uid_a", "uid_b"
GROUPS = 12  # largest groups that are listed
MEMBERS = 12  # of each group


def duplicate_statistics(frame: pl.LazyFrame, pairs: pl.DataFrame) -> dict:
    """Counts, the distances, and the largest groups, each with its kept members first."""
    pairs = pairs.filter(pl.col(UID_A) != pl.col(UID_B)) if len(pairs) else pairs
    if not len(pairs):
        return {"pairs": 0, "groups": 0, "grouped": 0, "sizes": [], "distances": [], "largest": []}
    nodes, labels = _components(pairs)
    sizes = np.bincount(labels)
    groups = pl.DataFrame({c.UID: nodes, "group": labels})
    # Largest first; of equal size the one with the smallest uid, which has the smallest label.
    largest = np.lexsort((np.arange(len(sizes)), -sizes))[:GROUPS]
    distances = pairs.group_by(c.DISTANCE).agg(pl.len().alias("pairs")).sort(c.DISTANCE)
    values, counts = np.unique(sizes, return_counts=True)
    return {
        "pairs": len(pairs),
        "groups": len(sizes),
        "grouped": len(nodes),
        "sizes": [{"size": int(v), "groups": int(n)} for v, n in zip(values, counts, strict=True)],
        "distances": [{"distance": int(d), "pairs": int(n)} for d, n in distances.iter_rows()],
        "largest": _largest(frame, pairs, groups, [int(label) for label in largest]),
    }


def _components(pairs: pl.DataFrame) -> tuple[pl.Series, np.ndarray]:
    """Sorted uids, and a group number for each."""
    nodes = pl.concat([pairs[UID_A], pairs[UID_B].rename(UID_A)]).unique().sort()
    place = pl.DataFrame({c.UID: nodes}).with_row_index("place")
    a, b = (
        pairs.select(side).join(place, left_on=side, right_on=c.UID, how="left", maintain_order="left")["place"]
        for side in (UID_A, UID_B)
    )
    ones = np.ones(len(pairs), np.int8)
    graph = coo_array((ones, (a.to_numpy(), b.to_numpy())), shape=(len(nodes), len(nodes)))
    _, labels = connected_components(graph, directed=False)
    return nodes, labels


def _largest(frame: pl.LazyFrame, pairs: pl.DataFrame, groups: pl.DataFrame, chosen: list[int]) -> list[dict]:
    members = groups.filter(pl.col("group").is_in(chosen))
    # A uid that was asked for twice has two rows; it is kept when either is.
    verdicts = (
        frame.filter(pl.col(c.UID).is_in(members[c.UID].implode()))
        .group_by(c.UID)
        .agg(pl.col(c.KEEP).any(), pl.col(c.REASON).sort(nulls_last=True).first())
        .collect()
    )
    listed = members.join(verdicts, on=c.UID, how="left").with_columns(pl.col(c.KEEP).fill_null(False))
    listed = listed.sort(c.KEEP, c.UID, descending=[True, False])
    found = []
    for label in chosen:
        group = listed.filter(pl.col("group") == label)
        shown = group.head(MEMBERS)
        near = _distances_to(pairs, shown[c.UID][0])
        found.append(
            {
                "size": len(group),
                "kept": int(group[c.KEEP].sum()),
                "members": [
                    {"uid": uid, "keep": keep, "reason": reason, "distance": near.get(uid)}
                    for uid, keep, reason in shown.select(c.UID, c.KEEP, c.REASON).iter_rows()
                ],
            }
        )
    return found


def _distances_to(pairs: pl.DataFrame, uid: str) -> dict[str, int]:
    """Other uid -> distance, where the pair is stored. Members of a chain may be further apart than that."""
    touching = pairs.filter((pl.col(UID_A) == uid) | (pl.col(UID_B) == uid))
    other = pl.when(pl.col(UID_A) == uid).then(pl.col(UID_B)).otherwise(pl.col(UID_A))
    return dict(touching.select(other, pl.col(c.DISTANCE).cast(pl.Int64)).sort(c.DISTANCE, descending=True).iter_rows())
