"""MetaCLIP's balancing: which concepts each caption holds, how often, and which captions are kept at a cap."""

import numpy as np
import polars as pl

from curate.corpus.concept_coverage import coverage, entry_table
from curate.corpus.concept_matches import ConceptMatches
from curate.filters.memberships import Memberships, keep_probability
from curate.metadata.build import Source, write_metadata

rng = np.random.default_rng(0)
animals = ["cat", "dog", "fire salamander", "red panda", "zebra"]
captions = pl.Series("caption", [f"a photo, with a {animals[min(i, 4)]}" for i in rng.geometric(0.6, 10_000) - 1])

write_metadata("metadata.txt", [Source("by hand", ["photo", *animals, "unicorn"])])
work = ConceptMatches("metadata.txt")
frame = pl.DataFrame({"caption": captions, "outcome": "ok"})
tables = work.merge([work.partial(frame)])
print(entry_table(tables, cap=500), coverage(tables, cap=500), sep="\n")

places = pl.Series(pl.from_arrow(work.per_sample(tables, frame))[work.column])
counts = tables["entries"]["count"].to_numpy()
kept = frame.with_columns(keep=keep_probability(Memberships.of(places), counts, cap=500))
print(kept.group_by("caption").agg(pl.len(), pl.col("keep").first()).sort("caption"))
