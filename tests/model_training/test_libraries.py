import subprocess
import sys


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
