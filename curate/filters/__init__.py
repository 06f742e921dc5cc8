"""Filters: rules with a name over signals. Each published rule set is one file; this tuple is the registry."""

from curate.filters.align_image import AlignImage
from curate.filters.align_text import AlignText
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.concepts import Concepts
from curate.filters.laion_safety import LaionSafety
from curate.filters.listed import Listed
from curate.filters.llava import PhraseBalance
from curate.filters.phash_dedup import PHashDedup
from curate.filters.random_subset import RandomSubset
from curate.filters.rule import Filter, Rule, Threshold
from curate.filters.where import Where

FILTERS: tuple[type[Filter], ...] = (
    AlignImage,
    AlignText,
    PHashDedup,
    ClipScoreFilter,
    LaionSafety,
    Where,
    Listed,
    RandomSubset,
    Concepts,
    PhraseBalance,
)

__all__ = ["FILTERS", "Filter", "Rule", "Threshold"]
