"""Every filter there is, on one table of signals: what a recipe's item asks, asked from Python."""

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from curate.ask import ask
from curate.filters import FILTERS
from curate.signals import Batch
from curate.signals.caption_quality import CaptionQuality
from curate.signals.language import Language
from curate.signals.text_stats import TextStats

ROWS = 60
KINDS = ["a red fox asleep under an old tree", "two boats on the grey sea", "IMG_2041.JPG", "ein roter Fuchs im Wald"]
FOLDER = Path(tempfile.mkdtemp())


def signals() -> pl.DataFrame:
    """Stands for `pl.read_parquet("signals.parquet")`: who the samples are, and a column per signal."""
    rng = np.random.default_rng(0)
    captions = [f"{KINDS[i % 4]} {i}" if i % 4 < 2 else KINDS[i % 4] for i in range(ROWS)]
    vectors = np.eye(8)[np.arange(ROWS) % 5] + 0.2 * rng.standard_normal((ROWS, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    hashes = rng.integers(1, 2**63, ROWS, dtype=np.uint64)
    hashes[1::10] = hashes[::10] ^ np.uint64(1)  # near-duplicates
    batch = Batch([""] * ROWS, captions)
    texts = [pl.from_arrow(signal.measure(batch)) for signal in (TextStats(), Language(), CaptionQuality())]
    plain = {
        "url": [f"http://{'spam' if i % 7 == 0 else 'good'}.example/{i}.jpg" for i in range(ROWS)],
        "caption": captions,
        "source": ["web", "archive"] * (ROWS // 2),
        "format": ["jpeg"] * ROWS,
        "sha256": [f"{i // 2:064x}" if i < 10 else f"{i:064x}" for i in range(ROWS)],
        "bytes": rng.integers(1_000, 90_000, ROWS),
        "original_width": rng.integers(50, 1600, ROWS),
        "original_height": rng.integers(300, 900, ROWS),
        "contrast": rng.random(ROWS),
        "entropy": 8 * rng.random(ROWS),
        "phash": hashes,
        "clip_score_b32": rng.uniform(0.1, 0.4, ROWS),
        "match_blip": rng.random(ROWS),
        "look_first": ["photo", "logo", "drawing"] * (ROWS // 3),
        "look_second": ["drawing", "photo", "logo"] * (ROWS // 3),
        "embedding_dino": pl.Series(vectors, dtype=pl.Array(pl.Float16, 8)),
    }
    return pl.concat([pl.DataFrame(plain), *texts], how="horizontal")


def listed(name: str, *lines: str) -> str:
    (FOLDER / name).write_text("\n".join(lines))
    return str(FOLDER / name)


ENGLISH = {"language": {"keep": ["en"]}}
PARAMETERS = {
    "decontaminate": {"against": {"evaluation": "eval.tar"}, "max_distance": 4, "model": "dino"},
    "embedding_dedup": {"model": "dino", "threshold": 0.95},
    "retrieve": {"model": "dino", "queries": "flowers/*.jpg", "k": 4},
    "cluster_balance": {"model": "dino", "levels": [10, 3], "keep": 20},
    "semdedup": {"model": "dino", "clusters": 5, "epsilon": 0.05},
    "image_based": {"model": "dino", "against": ["flowers/*.jpg"], "clusters": 8},
    "clip_score": {"model": "b32", "top": 0.3},
    "capfilt": {"matcher": "blip"},  # with a captioner it appends samples, which a table has none of
    "laion_safety": {"model": "look", "unsafe": ["logo"], "drop": ["NSFW", "UNSURE"]},
    "where": {"sql": "words > 3 and language = 'en'"},
    "listed": {"table": str(FOLDER / "list.parquet")},
    "random": {"keep": 10},
    "concepts": {"entries": listed("concepts.txt", "fox", "boats", "grey sea"), "cap": 5},
    "blocklist": {"domains": listed("blocked.txt", "spam.example")},
    "text_based": {"words": listed("words.txt", "fox", "boats")},
    "any_of": [ENGLISH, {"clip_score": {"model": "b32", "min": 0.35}}],
    "all_of": [ENGLISH, {"align_text": {}}],
    "none_of": [ENGLISH],
    "score": {"column": "clip_score_b32", "top": 0.5, "per": "language"},
    "laion": {"model": "b32"},
    "laion2b": {"model": "b32"},
    "stability": {"score": "clip_score_b32", "lower": "contrast", "min": 0.5},
    "mix": {"by": "source", "weights": {"web": 0.25, "archive": 0.75}},
    "conceptual_captions": {"min_side": 200, "min_word_count": 2, "determiner": False},
}

table = signals()
outside = table.head(3).select("phash", "embedding_dino", item=pl.lit("an image from elsewhere"))
sets = {"evaluation": outside, "queries": outside, "image_based": outside}
everything = ask(table, [])
pl.from_arrow(everything.table).select("uid").head(30).write_parquet(FOLDER / "list.parquet")

for kind in FILTERS:
    item = kind.model_validate(PARAMETERS.get(kind.type, {}))
    answer = ask(table, [item], outside=sets)
    print(f"{kind.type:<20} keeps {int(answer.keep.sum()):>2} of {ROWS}: {', '.join(r.name for r in item.rules())}")
