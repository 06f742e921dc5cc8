"""A full ViT-B-32, random weights on disk, scores a pool through a recipe; the scores are a plain open_clip loop's."""

import json
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from curate.files import Folder
from curate.images import open_stored
from curate.pool import Pool, image_columns
from model_training import libraries
from tests.conftest import picture
from tests.slowness import slowness

import open_clip  # isort: skip
import safetensors.torch  # isort: skip

torch = libraries.torch
pytestmark = pytest.mark.slow
CURATE = [sys.executable, "-c", "import sys; from pipelines.cli import main; main(sys.argv[1:])"]
ROWS = 20


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("b32")
    torch.manual_seed(0)
    model, _, transform = open_clip.create_model_and_transforms("ViT-B-32", load_weights=False)
    safetensors.torch.save_file(model.state_dict(), str(folder / "b32.safetensors"))
    table = {"jpg": [picture(i) for i in range(ROWS)], "caption": [f"a picture of thing {i}" for i in range(ROWS)]}
    pq.write_table(pa.table(table), folder / "images.parquet")
    recipe = {
        "name": "b32",
        "run_dir": "run",
        "input": {"table": "images.parquet"},
        "models": {"b32": {"kind": "open_clip", "arch": "ViT-B-32", "weights": "b32.safetensors", "batch": 20}},
        "filters": [{"align_image": {}}, {"clip_score": {"model": "b32", "min": 0.0}}],
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    subprocess.run([*CURATE, "run", str(folder / "recipe.yaml")], check=True, capture_output=True)
    return folder, model.eval(), transform


def test_scores_equal_a_plain_open_clip_loop(scored):
    folder, model, transform = scored
    store = Folder(str(folder / "run"))
    pool = Pool(store).table("00000")
    tokenizer, expected = open_clip.get_tokenizer("ViT-B-32"), []
    with torch.inference_mode():
        for data, caption in zip(Pool(store).images(*image_columns(pool)), pool["caption"].to_pylist(), strict=True):
            image = model.encode_image(transform(open_stored(data))[None], normalize=True)
            text = model.encode_text(tokenizer([caption]), normalize=True)
            expected.append(float(image @ text.T))
    got = store.read_table("signals/clip_score_b32/00000.parquet").column(0).to_numpy()
    np.testing.assert_allclose(got, expected, atol=2e-5)
    print(f"\nlargest difference of {ROWS} scores: {np.abs(got - expected).max():.1e}")


def test_another_clip_threshold_needs_no_model_and_less_than_two_seconds(scored):
    folder, _, _ = scored
    scores = Folder(str(folder / "run")).read_table("signals/clip_score_b32/00000.parquet").column(0).to_numpy()
    middle = float(np.sort(scores)[ROWS // 2])
    (folder / "b32.safetensors").rename(folder / "gone.safetensors")
    try:
        slow, began = slowness(), time.monotonic()
        setting = f"filters.clip_score.min={middle:.9f}"
        done = subprocess.run(
            [*CURATE, "whatif", str(folder / "run"), "--set", setting, "--json"], capture_output=True, check=True
        )
        seconds = time.monotonic() - began
    finally:
        (folder / "gone.safetensors").rename(folder / "b32.safetensors")
    assert json.loads(done.stdout)["kept"]["new"] == int((scores.astype(np.float64) >= round(middle, 9)).sum())
    print(f"\n{seconds:.2f} s")
    assert seconds < 8 * slow  # 2 s on a machine with nothing else to do
