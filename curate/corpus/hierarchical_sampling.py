"""Hierarchical sampling (Vo et al. 2024, arXiv 2405.15613, section 3.3): a target shared out evenly down a tree.

Among children of sizes s and a target T: the largest integer c with sum(min(c, s)) <= T, min(c, s) each, and what
remains one by one to children with s > c, those with the smallest draws. With T >= sum(s) everything is taken.
"""

from collections.abc import Sequence

import numpy as np


def share_out(sizes: np.ndarray, target: int, order: np.ndarray) -> np.ndarray:
    """How many of each child, (m,) int64: their sum is min(target, sum(sizes)), and none exceeds its size.

    `order` (m,) numbers: where the remainder goes, the smallest first. Any two children that are not exhausted
    differ by at most 1.
    """
    sizes = np.asarray(sizes, np.int64)
    if sizes.sum() <= target:
        return sizes.copy()
    ascending = np.sort(sizes)
    before = np.concatenate([[0], np.cumsum(ascending)[:-1]])
    whole = before + ascending * np.arange(len(sizes), 0, -1)  # the sum with c = each size
    fits = int(np.searchsorted(whole, target, side="right"))  # so many children are exhausted
    cut = int((target - before[fits]) // (len(sizes) - fits))
    given = np.minimum(sizes, cut)
    more = np.flatnonzero(sizes > cut)
    chosen = more[np.lexsort((more, np.asarray(order)[more]))][: target - int(given.sum())]
    given[chosen] += 1
    return given


def allocate(sizes: np.ndarray, parents: Sequence[np.ndarray], target: int, orders: Sequence[np.ndarray]) -> np.ndarray:
    """How many points of each level-1 cluster, (k1,) int64.

    sizes    points of each level-1 cluster, (k1,); times a multiplier where points may be taken more than once
    parents  of each level but the top, the cluster one level up of each of its clusters
    orders   of each level, a number per cluster: who gets the remainder first
    """
    totals = [np.asarray(sizes, np.int64)]
    for above, order in zip(parents, orders[1:], strict=True):
        totals.append(np.bincount(above, weights=totals[-1], minlength=len(order)).astype(np.int64))
    given = share_out(totals[-1], target, orders[-1])
    for above, under, order in zip(reversed(parents), reversed(totals[:-1]), reversed(orders[:-1]), strict=True):
        by_parent = np.argsort(above, kind="stable")
        ends = np.cumsum(np.bincount(above, minlength=len(given)))
        shares = np.zeros(len(under), np.int64)
        for parent, end in enumerate(ends.tolist()):
            children = by_parent[ends[parent - 1] if parent else 0 : end]
            if len(children):
                shares[children] = share_out(under[children], int(given[parent]), order[children])
        given = shares
    return given
