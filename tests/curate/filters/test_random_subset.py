import numpy as np
import polars as pl

from curate import schema as c
from curate.filters.random_subset import RandomSubset
from curate.filters.where import Where
from curate.subset import decide
from curate.uid import draw_int
from tests.conftest import samples


def test_the_smallest_draws_of_the_survivors_in_any_order():
    frame = samples(200, s=list(range(200)))
    item = RandomSubset(keep=50, seed=3)
    by_draw = sorted(frame[c.UID][20:].to_list(), key=lambda uid: draw_int(3, uid, "random"))[:50]
    order = np.random.default_rng(0).permutation(200)
    for table in (frame, frame[order]):
        kept = decide(table, [Where(sql="s >= 20"), item], {}).keep
        assert set(np.array(table[c.UID].to_list())[kept]) == set(by_draw)
    assert decide(frame, [RandomSubset(keep=500)], {}).kept == 200
    assert decide(frame, [RandomSubset(keep=0)], {}).kept == 0


def test_images_are_as_likely_as_one_another_whatever_their_number_of_texts():
    images = [f"{i // 5 if i < 200 else i:032x}" for i in range(240)]  # 40 with five texts, 40 with one
    frame = samples(240, s=list(range(240))).with_columns(pl.Series(c.IMAGE_UID, images))
    several, chosen = [], set()
    for seed in range(60):
        kept = frame.filter(pl.Series(decide(frame, [RandomSubset(keep=20, seed=seed, unit="images")], {}).keep))
        assert len(kept) == kept[c.IMAGE_UID].n_unique() == 20
        several.append((kept["s"] < 200).sum())
        chosen |= set(kept["s"].to_list())
    assert 9 < np.mean(several) < 11 and len(chosen) > 200  # 10, and every text of an image has its chance
    order = np.random.default_rng(0).permutation(240)
    asked = [Where(sql="s >= 20"), RandomSubset(keep=50, seed=3, unit="images")]
    found = [set(t[c.UID].filter(pl.Series(decide(t, asked, {}).keep))) for t in (frame, frame[order])]
    assert found[0] == found[1]
    alone = frame.with_columns(pl.Series(c.IMAGE_UID, frame[c.UID].to_list()))
    same = [decide(alone, [RandomSubset(keep=50, seed=3, unit=unit)], {}).keep for unit in ("samples", "images")]
    assert (same[0] == same[1]).all()
