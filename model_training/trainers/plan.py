"""What is to be trained, and what came of it. Holds no torch: these travel between processes."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from curate.files import Folder
from curate.uid import fingerprint
from model_training.data.captions import Captions
from model_training.data.hold_out import HoldOut
from model_training.models.weights import Weights, architecture

VERSION = 3  # of the training code: raised when the same job gives other weights
WEIGHTS = "checkpoint.safetensors"
STATE = "state"
FINISHED = "finished.json"


@dataclass(frozen=True)
class Plan:
    """How to train: the same for every job of a comparison. Defaults are measured for models/tiny.json."""

    arch: str  # a library's name, or the path of a config .json
    samples_seen: int
    batch: int  # of all workers together
    lr: float = 3e-3
    warmup: int = 40  # steps
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-6
    weight_decay: float = 1.0  # on tensors of two or more dimensions only
    clip_norm: float | None = 1.0
    flip: bool = True
    crop_area: float = 1.0
    resampled: bool = False
    captions: Captions = field(default_factory=Captions)  # which of an image's texts a visit has
    threads: int = 1
    objective: str = "clip"  # of trainers/objectives.py
    options: tuple[tuple[str, Any], ...] = ()  # of the objective, by name; its own defaults for the others
    init: Weights | None = None  # what the model starts from; none: a draw by the seed
    init_part: Literal["all", "image", "text"] = "all"
    optimizer: str = "adamw"  # of trainers/optimizers.py
    schedule: str = "published"  # the objective's own, or one of trainers/schedule.py's by name
    accumulate: int = 1  # parts that a worker's rows are encoded in
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    checkpointing: bool = False  # activations are computed again instead of kept
    ema: float | None = None  # decay of the average of the weights, which is then what is written
    loaders: int = 1  # threads that decode; bears on nothing but speed
    checkpoint_seconds: float = 60.0  # bears on nothing but safety

    @property
    def steps(self) -> int:
        return -(-self.samples_seen // self.batch)


@dataclass(frozen=True)
class Job:
    """One model to train."""

    name: str  # unique in a group: "curated/0"
    plan: Plan
    shards: tuple[str, ...]  # .tar or .parquet paths or URLs
    content: str  # stands for the bytes in the shards
    seed: int
    folder: Folder
    under: str  # in the folder: the weights go to {under}/checkpoint.safetensors
    hold_out: HoldOut | None = None
    logs: str | None = None  # a local folder for step logs and TensorBoard's events
    digests: tuple[str, ...] = ()  # sha256 of each shard's file, where a manifest tells; checked when it is first read

    @property
    def identity(self) -> str:
        """Fingerprint of all that bears on the weights. Raises InputError for an unreadable config file.

        Names and places do not; the number of threads does: sums are made in another order.
        """
        plan = asdict(self.plan)
        del plan["checkpoint_seconds"], plan["loaders"]
        plan["arch"] = architecture(self.plan.arch)
        plan["init"] = self.plan.init.identity if self.plan.init else None
        held = self.hold_out.identity if self.hold_out else []
        return fingerprint(VERSION, sorted(plan.items()), self.content, self.seed, held)


@dataclass(frozen=True)
class Trained:
    job: str
    identity: str
    steps: int
    samples: int
    loss: float  # mean of the last 20 steps
    seconds: float  # spent training, in all sittings
    skipped: int  # updates that were not finite
    undecodable: int  # visits of images that another stood in for
    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Progress:
    job: str
    step: int
    steps: int
    loss: float
    eta: float  # seconds
