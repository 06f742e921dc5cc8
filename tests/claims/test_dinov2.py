"""A DINOv2 ViT-S/14 of full size, random weights in a file, embeds a pool by a recipe; the vectors are timm's."""

import numpy as np
import polars as pl
import pytest
import safetensors.torch
import yaml

from curate.files import Folder
from curate.images import open_stored
from curate.pool import Pool, image_columns
from model_training.libraries import torch
from pipelines.recipe import load
from pipelines.run import Runner
from tests.conftest import picture

import timm  # isort: skip

pytestmark = pytest.mark.slow
ARCH, ROWS = "vit_small_patch14_dinov2.lvd142m", 3


def test_a_dinov2_by_path_embeds_as_timm_does(tmp_path):
    torch.manual_seed(0)
    model = timm.create_model(ARCH, pretrained=False).eval()
    for block in model.blocks:  # timm starts each layer's part near nothing
        torch.nn.init.ones_(block.ls1.gamma)
        torch.nn.init.ones_(block.ls2.gamma)
    safetensors.torch.save_file(model.state_dict(), tmp_path / "dino.safetensors")
    table = {"jpg": [picture(i) for i in range(ROWS)], "caption": ["a picture"] * ROWS}
    pl.DataFrame(table).write_parquet(tmp_path / "table.parquet")
    recipe = {
        "name": "dino",
        "run_dir": "run",
        "input": {"table": "table.parquet"},
        "models": {"dino": {"kind": "timm", "arch": ARCH, "weights": "dino.safetensors", "batch": 2}},
        "filters": [{"where": {"sql": "embedding_dino is not null"}}],
        "engine": {"kind": "serial"},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    assert Runner(load(tmp_path / "recipe.yaml")).run(report=False).kept == ROWS
    store = Folder(str(tmp_path / "run"))
    pool = Pool(store).table("00000")
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    images = [open_stored(data) for data in Pool(store).images(*image_columns(pool))]
    with torch.inference_mode():
        features = model.forward_head(
            model.forward_features(torch.stack([transform(image) for image in images])), pre_logits=True
        )
    found = np.stack(store.read_table("signals/embedding_dino/00000.parquet")["embedding_dino"].to_numpy())
    expected = torch.nn.functional.normalize(features, dim=-1).numpy()
    assert found.shape == (ROWS, 384) and np.abs(expected @ expected.T - 1).max() > 1e-4
    np.testing.assert_allclose(found, expected, atol=1e-3)  # stored as float16
