"""Every path of a run directory. Tools and users read it; nothing else spells these names."""

from collections.abc import Iterator
from dataclasses import dataclass

from curate.files import Folder
from curate.manifest import Entry, Manifest
from curate.schema import Outcome

RECIPE = "recipe.yaml"
INPUT = "input"
POOL = "pool"
CONSENT = "consent"  # who was asked when, and what servers said about use by machines; nothing is made from it
QUARANTINE = "quarantine"  # bytes that were put aside
OUTSIDE = "outside"  # what is measured of images that are not of the pool: evaluation sets, queries
SYNTHETIC = "synthetic"  # samples that a captioner appended, laid out as the pool with its signals
TRUSTED = "trusted"  # pairs that were proposed and accepted: trained on like those of `loop.trusted`
DATASET = "dataset"
TRAIN, EVAL, METRICS = "train", "eval", "metrics.parquet"
RECORD = "record.json"
SUBSET, SUBSET_IDS, FUNNEL = "subset.parquet", "subset.npy", "funnel.json"
REPORT = "report.html"
COMPARED = "compared"  # among the arms: the models of `curate compare`
MODELS, ARMS = "models", "arms"
ROOMS = (MODELS, ARMS, "rounds")
SHARED = (INPUT, POOL, "corpus", OUTSIDE, TRUSTED)  # what rounds and arms see of the run as theirs, beside signals
LOGS = "logs"
LOCK = "logs/run.lock"
RUN_LOG = "logs/run.jsonl"
SOURCES = "logs/sources.json"
CACHE = "logs/cache"


@dataclass(frozen=True)
class Workspace:
    folder: Folder

    @classmethod
    def at(cls, run_dir: str) -> "Workspace":
        return cls(Folder(run_dir))

    @classmethod
    def opened(cls, run_dir: str) -> "Workspace":
        """The same; a round, an arm or a model's data inside a run sees that run's pool and signals as its own."""
        above, _, _ = run_dir.rpartition("/")
        outer, _, room = above.rpartition("/")
        if room not in ROOMS or not outer or not Folder(outer).exists(RECIPE):
            return cls.at(run_dir)
        run, own = cls.opened(outer), Folder(run_dir)
        models = [MODELS] if room == ARMS else []  # a round has its own
        shared = [under for under in (*run.families(), *models) if not own.exists(under)]
        return cls(Folder(run_dir, run.folder.at(own.root, [*SHARED, *shared]).mounts))

    def inner(self) -> Iterator["Workspace"]:
        """The rounds, arms and trained models in this folder, which are laid out as it is."""
        for room in ROOMS:
            for name in self.folder.names(room):
                if self.folder.is_folder(f"{room}/{name}"):
                    found = Workspace(self.folder.at(f"{room}/{name}", [POOL]))
                    yield found
                    yield from found.inner()

    def manifest(self, under: str) -> Manifest:
        return Manifest.load(self.folder, under)

    def families(self) -> list[str]:
        return [f"signals/{name}" for name in self.folder.names("signals") if not name.startswith(".")]

    def passes(self) -> list[str]:
        return [f"corpus/{name}" for name in self.folder.names("corpus") if not name.startswith(".")]

    def outside(self) -> list[str]:
        return [f"{OUTSIDE}/{name}" for name in self.folder.names(OUTSIDE) if not name.startswith(".")]

    def appended(self) -> list[str]:
        """The folders of what captioners appended, and of what is measured of it."""
        rooms = [f"{SYNTHETIC}/{room}" for room in ("signals", "corpus")]
        inside = [f"{room}/{name}" for room in rooms for name in self.folder.names(room) if not name.startswith(".")]
        return [SYNTHETIC, *inside]

    def stages(self) -> list[str]:
        """Every folder that has a manifest, in the order of the data's way."""
        measured = [*self.families(), *self.outside(), *self.passes()]
        folders = [INPUT, POOL, CONSENT, QUARANTINE, *measured, *self.appended(), TRUSTED, "", DATASET, TRAIN, EVAL]
        return [under for under in folders if self.folder.exists(f"{under}/manifest.json".lstrip("/"))]


def left_out(under: str, entry: Entry) -> int:
    """Rows of a shard that somebody should look at: they end processes, or are not what was promised."""
    if under == POOL:
        return entry.states.get(Outcome.WORKER_CRASH, 0)
    return entry.rows if under == QUARANTINE else len(entry.quarantined)


def model_folder(name: str) -> str:
    """Where a round keeps a model that it trained: the data it was trained on, and its weights under TRAIN."""
    return f"{MODELS}/{name}"


def arm_folder(name: str) -> str:
    return f"{ARMS}/{name}"


def round_folder(number: int) -> str:
    """Round 0 is the run itself."""
    return f"rounds/{number}" if number else ""
