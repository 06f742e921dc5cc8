"""States of a training that is not over: written whole, verified by hash, the newest sound one wins.

A state is STEP.safetensors (model, optimizer) and beside it STEP.json, written last: its sha256, whose it is and
where in the data. There is no pointer to the latest: what lies there and verifies is the truth.
"""

import json
import posixpath
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from curate.errors import InputError
from curate.files import Folder, canonical_json, sha256
from model_training.data.order import Position
from model_training.trainers.plan import FINISHED, WEIGHTS, Trained

KEPT = 2
START = Position()


@dataclass
class Standing:
    """How far a training is. All that goes into a state besides tensors."""

    step: int = 0  # updates made, those skipped included
    position: Position = START
    losses: list[float] = field(default_factory=list)  # of the last steps
    skipped: int = 0
    skipped_in_a_row: int = 0
    undecodable: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class States:
    """The states of one job. Another identity's are not seen, and go with the next `save`."""

    folder: Folder
    under: str
    identity: str

    def save(self, standing: Standing, tensors: bytes) -> None:
        name = f"{standing.step:09d}"
        self.folder.write(self._at(f"{name}.safetensors"), tensors)
        about = {"identity": self.identity, "sha256": sha256(tensors), **asdict(standing)}
        self.folder.write(self._at(f"{name}.json"), canonical_json(about))
        mine = [step for step, _ in self._told() if step <= standing.step][:KEPT]
        self._remove_but({f"{step:09d}" for step in mine})

    def newest(self) -> int | None:
        """The step of the newest state that verifies."""
        return next((step for step, _ in self._told() if self._sound(step)), None)

    def load(self, step: int) -> tuple[Standing, bytes]:
        """Raises InputError if it is not sound any more."""
        found = self._sound(step)
        if found is None:
            raise InputError(f"{self.folder.url(self._at(f'{step:09d}'))}: damaged", "run the same command again")
        about, tensors = found
        about["position"] = Position(**about["position"])
        return Standing(**{name: about[name] for name in Standing.__dataclass_fields__}), tensors

    def clear(self) -> None:
        self._remove_but(set())

    def _sound(self, step: int) -> tuple[dict[str, Any], bytes] | None:
        about = dict(self._told()).get(step)
        try:
            tensors = self.folder.read(self._at(f"{step:09d}.safetensors"))
        except InputError:
            return None
        return (about, tensors) if about and sha256(tensors) == about.get("sha256") else None

    def _told(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Steps with what their .json says, newest first; the unreadable and other jobs' are passed over."""
        for name in sorted(self.folder.names(self.under), reverse=True):
            stem, extension = posixpath.splitext(name)
            if extension != ".json" or not stem.isdigit():
                continue
            try:
                about = json.loads(self.folder.read(self._at(name)))
            except (ValueError, InputError):
                continue
            if isinstance(about, dict) and about.get("identity") == self.identity:
                yield int(stem), about

    def _remove_but(self, kept: set[str]) -> None:
        """The .json goes first: without it, the tensors are not a state."""
        for name in sorted(self.folder.names(self.under), key=lambda name: not name.endswith(".json")):
            if posixpath.splitext(name)[0] not in kept:
                self.folder.remove(self._at(name))

    def _at(self, name: str) -> str:
        return posixpath.join(self.under, name)


@dataclass(frozen=True)
class Finished:
    """What is told of finished weights beside them, written last: the job's identity, their sha256, its numbers.

    Whoever asked for them may die before it enters them anywhere; asked again, it is told the same.
    """

    folder: Folder
    under: str
    identity: str

    def save(self, trained: Trained) -> None:
        # Without its seconds: a training that was killed and resumed leaves the same files as one that was not.
        self.folder.write(self._at(FINISHED), canonical_json(asdict(replace(trained, seconds=0.0))))

    def load(self) -> Trained | None:
        """None where there is none, it is another job's, or the weights are not those any more."""
        try:
            told = Trained(**json.loads(self.folder.read(self._at(FINISHED))))
            sound = told.identity == self.identity and self.folder.sha256(self._at(WEIGHTS)) == told.sha256
        except (ValueError, TypeError, InputError, FileNotFoundError):
            return None
        return told if sound else None

    def _at(self, name: str) -> str:
        return posixpath.join(self.under, name)
