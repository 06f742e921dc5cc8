import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from curate import schema as c
from curate.ask import ask
from curate.corpus.hierarchical_sampling import allocate
from curate.filters.cluster_balance import ClusterBalance
from curate.filters.where import Where
from tests.curate.corpus.blobs import blobs, frame, run

SMALL = {"model": "m", "levels": (20, 4), "iterations": 8, "rounds": 2}


def whole(rows=300):
    """Eight centres, the first with nearly half of the images."""
    vectors, which = blobs(rows, spread=0.4)
    heavy = which != np.minimum(which, 5)
    vectors[heavy] = blobs(int(heavy.sum()), 1, spread=0.4)[0]
    return frame(vectors, which, extra=40).with_columns(row=pl.int_range(pl.len()))


def images(table, answer):
    return table.filter(pl.Series(answer.keep))[c.IMAGE_UID].unique()


@pytest.mark.parametrize("within", ["random", "closest"])
@pytest.mark.parametrize("keep", [1, 37, 120, 299])
def test_it_keeps_so_many_images_with_all_their_texts(within, keep):
    table = whole()
    answer = ask(table, [ClusterBalance(**SMALL, keep=keep, within=within)])
    kept = images(table, answer)
    assert len(kept) == keep
    assert np.array_equal(answer.keep, table[c.IMAGE_UID].is_in(kept.implode()).to_numpy())


def test_all_are_kept_where_there_are_no_more_and_the_unmeasured_is_null():
    answer = ask(whole(), [ClusterBalance(**SMALL, keep=10_000)])
    assert answer.kept == 340 and set(answer.table[c.REASON].to_pylist()) == {None, "cluster_balance.keep:null"}


@pytest.mark.parametrize("earlier", [None, "row % 3 = 0", "row > 150"])
def test_each_cluster_has_its_share_of_the_survivors(earlier):
    table, item = whole(), ClusterBalance(**SMALL, keep=60)
    tables, samples = run(item.clustering, table)
    answer = ask(table, [*([Where(sql=earlier)] if earlier else []), item])
    alive = table.filter(pl.sql_expr(earlier)) if earlier else table
    label = dict(zip(samples[c.UID], samples[c.cluster(item.clustering.name)], strict=True))
    counts = np.zeros((2, 20), int)
    for i, rows in enumerate((alive, table.filter(pl.Series(answer.keep)))):
        for uid in rows.unique(c.IMAGE_UID)[c.UID]:
            if label[uid] is not None:
                counts[i, label[uid]] += 1
    low = tables["level1"]
    shares = allocate(counts[0], [low[c.PARENT].to_numpy()], 60, [np.arange(20), np.arange(4)])
    assert counts[1].sum() == 60 and (counts[1] <= counts[0]).all()
    assert (np.abs(counts[1] - shares) <= 2).all(), "but for where the remainders went"
    parents = np.bincount(low[c.PARENT], weights=counts[1], minlength=4)
    assert np.abs(parents - np.bincount(low[c.PARENT], weights=shares, minlength=4)).max() <= 1


def test_closest_takes_the_nearest_of_each_cluster():
    table, item = whole(), ClusterBalance(**SMALL, keep=60, within="closest")
    _, samples = run(item.clustering, table)
    kept = set(images(table, ask(table, [item])))
    columns = [c.cluster(item.clustering.name), c.cluster_distance(item.clustering.name)]
    found = table.join(samples.select(c.UID, *columns), on=c.UID).drop_nulls(columns).unique(c.IMAGE_UID)
    for _, cluster in found.group_by(columns[0]):
        ordered = cluster.sort(columns[1], c.IMAGE_UID)[c.IMAGE_UID].to_list()
        count = sum(uid in kept for uid in ordered)
        assert set(ordered[:count]) == kept & set(ordered)


def test_a_multiplier_gives_copies():
    table = whole()
    answer = ask(table, [ClusterBalance(**SMALL, keep=500, multiplier=3)])
    copies = dict(zip(table[c.IMAGE_UID], answer.copies.tolist(), strict=True))
    assert sum(copies.values()) == 500 and max(copies.values()) == 3
    assert (
        sum(
            dict(
                zip(
                    table[c.IMAGE_UID],
                    ask(table, [ClusterBalance(**SMALL, keep=10**6, multiplier=3)]).copies.tolist(),
                    strict=True,
                )
            ).values()
        )
        == 900
    )


def test_law_the_answer_depends_on_no_order_of_rows():
    table = whole()
    for within in ("random", "closest"):
        item = ClusterBalance(**SMALL, keep=77, within=within)
        shuffled = table.sample(fraction=1, shuffle=True, seed=4)
        assert set(images(table, ask(table, [item]))) == set(images(shuffled, ask(shuffled, [item])))


def test_another_seed_draws_others():
    table = whole()
    one, two = (set(images(table, ask(table, [ClusterBalance(**SMALL, keep=77, seed=s)]))) for s in (0, 1))
    assert one != two


@pytest.mark.parametrize("wrong", [{"levels": (5, 5)}, {"levels": (5, 0)}, {"levels": (9, 3), "closest": (2,)}])
def test_what_cannot_be(wrong):
    with pytest.raises(ValidationError):
        ClusterBalance(model="m", keep=5, **wrong)


def test_of_images_at_one_distance_the_smallest_uids_are_kept():
    vectors = np.repeat(blobs(2)[0], 10, axis=0)
    table = frame(vectors, [0] * 20).sample(fraction=1, shuffle=True, seed=1)
    item = ClusterBalance(model="m", levels=(2,), keep=6, within="closest")
    assert sorted(images(table, ask(table, [item]))) == [f"i{i:05d}" for i in (0, 1, 2, 10, 11, 12)]
