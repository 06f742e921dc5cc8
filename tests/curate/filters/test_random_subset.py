import numpy as np

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
