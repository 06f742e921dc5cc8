"""BLIP base at full size, random weights in transformers folders, writes and matches through a recipe by path."""

import string
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from curate.files import Folder
from curate.images import open_stored
from curate.pool import Pool, image_columns
from model_training.libraries import torch
from pipelines.recipe import load
from pipelines.run import Runner
from tests.conftest import picture

import transformers  # isort: skip
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil  # isort: skip

pytestmark = pytest.mark.slow
ROWS = 2
MODELS = {
    "writer": {"kind": "blip_captioner", "weights": "captioner", "method": "greedy", "max_length": 16, "batch": 2},
    "judge": {"kind": "blip_matcher", "weights": "matcher", "batch": 2},
}


def tokenizer(folder):
    """With BERT's numbers of the special tokens and its count: 30,522."""
    words = [f"[unused{i}]" for i in range(30_522)]
    words[0], words[100:104] = "[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*string.ascii_lowercase, *string.digits]
    some = ["picture", "of", "thing", *letters, *(f"##{letter}" for letter in letters)]
    words[1000 : 1000 + len(some)] = some
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    made = transformers.BertTokenizer(str(folder / "vocab.txt"))
    made.save_pretrained(folder)
    return made


@pytest.fixture(scope="module")
def measured():
    """The run's folder, transformers' own models and tokenizer. 1.9 GB on disk, so not where pytest keeps folders."""
    with tempfile.TemporaryDirectory() as name:
        folder, models = Path(name), {}
        # The default draws the vision transformer with a deviation of 1e-10: every image would look the same.
        config = transformers.BlipConfig(vision_config={"initializer_range": 0.02})
        for part, kind in (("captioner", "BlipForConditionalGeneration"), ("matcher", "BlipForImageTextRetrieval")):
            (folder / part).mkdir()
            own = tokenizer(folder / part)
            torch.manual_seed(0)
            models[part] = getattr(transformers, kind)(config).eval()
            models[part].save_pretrained(folder / part)
        table = {"jpg": [picture(i) for i in range(ROWS)], "caption": [f"a picture of thing {i}" for i in range(ROWS)]}
        pl.DataFrame(table).write_parquet(folder / "table.parquet")
        recipe = {
            "name": "base",
            "run_dir": "run",
            "input": {"table": "table.parquet"},
            "models": MODELS,
            "filters": [{"where": {"sql": "match_judge >= 0 and caption_writer is not null"}}],
            "engine": {"kind": "serial"},
        }
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
        began = time.monotonic()
        assert Runner(load(folder / "recipe.yaml")).run(report=False).kept == ROWS
        print(f"\n{ROWS} captions and matches of BLIP base: {time.monotonic() - began:.1f} s")
        yield folder, models, own


def test_captions_and_probabilities_are_transformers_own(measured):
    folder, models, own = measured
    sizes = {part: sum(p.numel() for p in model.parameters()) / 1e6 for part, model in models.items()}
    print(f"\nparameters in millions: {sizes}")
    assert min(sizes.values()) > 200
    store = Folder(str(folder / "run"))
    pool = Pool(store).table("00000")
    images = [open_stored(data) for data in Pool(store).images(*image_columns(pool))]
    pixels = BlipImageProcessorPil()(images, return_tensors="pt").pixel_values
    texts = own(pool["caption"].to_pylist(), padding=True, return_tensors="pt")
    texts.input_ids[:, 0] = 30_523  # [ENC]
    prompt = own(["a picture of "] * ROWS, return_tensors="pt").input_ids
    with torch.inference_mode():
        logits = models["matcher"](texts.input_ids, pixels, attention_mask=texts.attention_mask).itm_score
        rows = models["captioner"].generate(pixels, prompt, min_length=10, max_length=16, do_sample=False)
    match = store.read_table("signals/match_judge/00000.parquet")["match_judge"].to_numpy()
    np.testing.assert_allclose(match, logits.softmax(1)[:, 1].numpy(), atol=1e-5)
    captions = store.read_table("signals/caption_writer/00000.parquet")["caption_writer"].to_pylist()
    decoded = [own.decode(row, skip_special_tokens=True) for row in rows]
    assert captions == [text.removeprefix("a picture of").strip() for text in decoded]
