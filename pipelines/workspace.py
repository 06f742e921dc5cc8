"""Every path of a run directory. Tools and users read it; nothing else spells these names."""

from dataclasses import dataclass

from curate.files import Folder
from curate.manifest import Manifest

RECIPE = "recipe.yaml"
INPUT = "input"
POOL = "pool"
DATASET = "dataset"
TRAIN, EVAL, METRICS = "train", "eval", "metrics.parquet"
RECORD = "record.json"
SUBSET, SUBSET_IDS, FUNNEL = "subset.parquet", "subset.npy", "funnel.json"
REPORT = "report.html"
LOGS = "logs"
LOCK = "logs/run.lock"
RUN_LOG = "logs/run.jsonl"
STATUS = "logs/status.json"


@dataclass(frozen=True)
class Workspace:
    folder: Folder

    @classmethod
    def at(cls, run_dir: str) -> "Workspace":
        return cls(Folder(run_dir))

    def manifest(self, under: str) -> Manifest:
        return Manifest.load(self.folder, under)

    def families(self) -> list[str]:
        return [f"signals/{name}" for name in self.folder.names("signals") if not name.startswith(".")]

    def passes(self) -> list[str]:
        return [f"corpus/{name}" for name in self.folder.names("corpus") if not name.startswith(".")]

    def stages(self) -> list[str]:
        """Every folder that has a manifest, in the order of the data's way."""
        folders = [INPUT, POOL, *self.families(), *self.passes(), "", DATASET, TRAIN, EVAL]
        return [under for under in folders if self.folder.exists(f"{under}/manifest.json".lstrip("/"))]


def model_folder(name: str) -> str:
    """Where a round keeps a model that it trained: the data it was trained on, and its weights under TRAIN."""
    return f"models/{name}"


def arm_folder(name: str) -> str:
    return f"arms/{name}"


def round_folder(number: int) -> str:
    """Round 0 is the run itself."""
    return f"rounds/{number}" if number else ""
