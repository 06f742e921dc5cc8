import subprocess
import sys

import pytest


def run(script):
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", script], capture_output=True, text=True, check=False
    )


def test_model_libraries_import_behind_the_door():
    done = run(
        "from model_training import libraries; print(libraries.TORCHVISION)\n"
        "import open_clip, timm; from torchvision import transforms; from torchvision.transforms import v2\n"
        "from transformers import BlipForConditionalGeneration, Dinov2Model"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("native", "declared")


@pytest.mark.slow
def test_ray_workers_get_it_too():
    from pipelines.engine.ray import RayEngine

    engine = RayEngine(workers=1)
    try:
        ray = engine.ray()

        def load():
            from model_training import libraries

            import open_clip  # isort: skip

            return libraries.TORCHVISION, open_clip.__version__

        assert ray.get(ray.remote(load).remote())[0] in ("native", "declared")
    finally:
        engine.close()
