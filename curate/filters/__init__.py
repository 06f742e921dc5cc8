"""Filters: rules with a name over signals. Each published rule set is one file; this tuple is the registry."""

from curate.filters.algebra import AllOf, AnyOf, Combined, NoneOf
from curate.filters.align_image import AlignImage
from curate.filters.align_text import AlignText
from curate.filters.blocklist import Blocklist
from curate.filters.capfilt import CapFilt
from curate.filters.caption_quality import CaptionQualityFilter
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.cluster_balance import ClusterBalance
from curate.filters.concepts import Concepts
from curate.filters.conceptual_captions import ConceptualCaptions
from curate.filters.datacomp_basic import DataCompBasic
from curate.filters.decontaminate import Decontaminate
from curate.filters.embedding_dedup import EmbeddingDedup
from curate.filters.exact_dedup import ExactDedup
from curate.filters.image_based import ImageBased
from curate.filters.laion import Laion
from curate.filters.laion2b import Laion2B
from curate.filters.laion_safety import LaionSafety
from curate.filters.language import LanguageFilter
from curate.filters.listed import Listed
from curate.filters.llava import PhraseBalance
from curate.filters.m3w_image import M3WImage
from curate.filters.mix import Mix
from curate.filters.phash_dedup import PHashDedup
from curate.filters.random_subset import RandomSubset
from curate.filters.retrieve import Retrieve
from curate.filters.rule import Filter, Rule, Threshold
from curate.filters.score import Score
from curate.filters.semdedup import SemDeDupFilter
from curate.filters.stability import Stability
from curate.filters.text_based import TextBased
from curate.filters.where import Where

FILTERS: tuple[type[Filter], ...] = (
    AlignImage,
    AlignText,
    ExactDedup,
    PHashDedup,
    Decontaminate,
    EmbeddingDedup,
    Retrieve,
    ClusterBalance,
    SemDeDupFilter,
    ImageBased,
    ClipScoreFilter,
    LaionSafety,
    Where,
    Listed,
    RandomSubset,
    Concepts,
    PhraseBalance,
    Blocklist,
    CaptionQualityFilter,
    ConceptualCaptions,
    LanguageFilter,
    M3WImage,
    TextBased,
    AnyOf,
    AllOf,
    NoneOf,
    Score,
    DataCompBasic,
    Laion,
    Laion2B,
    Stability,
    Mix,
    CapFilt,
)

Combined.registered = staticmethod(lambda: {cls.type: cls for cls in FILTERS})

__all__ = ["FILTERS", "Filter", "Rule", "Threshold"]
