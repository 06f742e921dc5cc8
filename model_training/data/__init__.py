"""What a trainer reads: pairs from shards, in a seeded order without end, as batches of pixels and tokens."""
