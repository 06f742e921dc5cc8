"""The step loop, resumable to the bit. What differs between objectives is in theirs (clip.py).

Every draw is keyed by the seed and the step or visit, so a state needs no random generator's: a training that was
killed and resumed makes the weights of one that was not. Bit for bit on a CPU; on a GPU sums may be made in another
order. With several workers each has its part of every global batch, and all make the same updates.
"""

import math
import posixpath
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import safetensors.torch
import torch.distributed as dist

from curate.errors import InputError
from curate.files import sha256
from curate.uid import draw_int
from model_training.data.batches import Batch, Batches
from model_training.data.order import Order
from model_training.data.pixels import Pixels, shared
from model_training.libraries import torch
from model_training.trainers.checkpoints import Standing, States
from model_training.trainers.clip import Clip
from model_training.trainers.logs import Log, is_told
from model_training.trainers.plan import STATE, WEIGHTS, Job, Plan, Progress, Trained
from model_training.trainers.schedule import learning_rate

AVERAGED = 20  # steps whose mean loss is told
BAD_IN_A_ROW = 5  # updates that are not finite, and the training is given up
REPORT_SECONDS = 0.5

Report = Callable[[Progress], None]
Stopped = Callable[[], bool]


def train(
    job: Job, *, rank: int = 0, workers: int = 1, report: Report | None = None, stopped: Stopped | None = None
) -> Trained | None:
    """Train the job's model, from its newest sound state if there is one.

    None: `stopped()` became true; a state was saved, and calling again goes on from there. With `workers` > 1 every
    one of them calls this, in a torch process group that exists already; what `rank` 0 returns, writes and is told by
    `stopped` counts. Raises InputError for bad data, an architecture that cannot be built, and a loss or gradient
    that is not finite five times in a row.
    """
    with _torch_as_planned(job.plan) as device:
        return _Training(job, device, rank, workers).run(report, stopped)


class _Training:
    def __init__(self, job: Job, device: Any, rank: int, workers: int) -> None:
        plan = job.plan
        self.job, self.plan, self.device, self.rank, self.workers = job, plan, device, rank, workers
        self.identity = job.identity
        self.states = States(job.folder, posixpath.join(job.under, STATE), self.identity)
        self.objective = Clip(plan, job.seed, device, rank, workers)
        self.model = self.objective.model
        self.optimizer = optimizer(self.model, plan)
        self.standing = self._resume()
        self.forward = torch.nn.parallel.DistributedDataParallel(self.model) if workers > 1 else self.model
        order = Order(job.shards, job.seed, resampled=plan.resampled, hold_out=job.hold_out)
        side = self.objective.side
        pixels = Pixels(side, plan.crop_area, plan.flip, shared(side, plan.crop_area))
        self.batches = Batches(order, pixels, self.objective.tokenize, plan.batch, rank, workers)

    def run(self, report: Report | None, stopped: Stopped | None) -> Trained | None:
        self.model.train()
        log = Log(self.job.logs if self.rank == 0 else None, self.job.name, self.standing.step)
        started, first = time.monotonic(), self.standing.step
        before, saved, told = self.standing.seconds, started, 0.0
        with closing(log), closing(self.batches(self.standing.position)) as batches:
            while self.standing.step < self.plan.steps:
                halted = self._step(next(batches), log, stopped)
                now = time.monotonic()
                self.standing.seconds = before + now - started
                pace = (now - started) / (self.standing.step - first)
                self._log(log, pace)
                if report and (now - told > REPORT_SECONDS or self.standing.step == self.plan.steps):
                    report(self._progress(pace))
                    told = now
                if halted and self.standing.step < self.plan.steps:
                    self._save()
                    return None
                if now - saved > self.plan.checkpoint_seconds and self.standing.step < self.plan.steps:
                    self._save()
                    saved = time.monotonic()
        return self._finish()

    # -- one step --------------------------------------------------------------------------------
    def _step(self, batch: Batch, log: Log, stopped: Stopped | None) -> bool:
        """Make one update, or skip it. Returns whether to stop."""
        at, standing = self.standing.step, self.standing
        torch.manual_seed(draw_int(self.job.seed, f"{at}/{self.rank}", "step"))
        rate = learning_rate(at, base=self.plan.lr, warmup=self.plan.warmup, steps=self.plan.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.objective.loss(self.forward, batch.images, batch.tokens)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip_norm or math.inf)
        value, length = float(loss.detach()), float(norm)
        finite = math.isfinite(value) and math.isfinite(length)
        bad, undecodable, halted = self._agree(not finite, batch.undecodable, bool(stopped and stopped()))
        if bad:
            self._skip(batch, log, value, length)
        else:
            self.optimizer.step()
            self.objective.after_update()
            standing.losses = [*standing.losses[1 - AVERAGED :], value]
            standing.skipped_in_a_row = 0
        standing.undecodable += undecodable
        standing.step, standing.position = at + 1, batch.after
        return bool(halted)

    def _agree(self, bad: bool, undecodable: int, halted: bool) -> tuple[int, int, int]:
        """The workers' sums: they skip and stop together. Only the first one's wish to stop counts."""
        if self.workers == 1:
            return bad, undecodable, halted
        told = torch.tensor([bad, undecodable, halted and self.rank == 0], dtype=torch.int64, device=self.device)
        dist.all_reduce(told)
        bad, undecodable, halted = told.tolist()
        return bad, undecodable, halted

    def _skip(self, batch: Batch, log: Log, loss: float, norm: float) -> None:
        standing = self.standing
        standing.skipped += 1
        standing.skipped_in_a_row += 1
        log.skipped(standing.step + 1, loss, norm, batch.keys)
        if standing.skipped_in_a_row >= BAD_IN_A_ROW:
            raise InputError(
                f"{self.job.name}: step {standing.step + 1}: the loss or its gradient was not finite "
                f"{BAD_IN_A_ROW} times in a row (loss {loss}, gradient {norm})",
                "set train.lr lower, or train.warmup higher",
            )

    # -- telling -----------------------------------------------------------------------------------
    def _progress(self, pace: float) -> Progress:
        standing = self.standing
        left = pace * (self.plan.steps - standing.step)
        return Progress(self.job.name, standing.step, self.plan.steps, _mean(standing.losses[-1:]), left)

    def _log(self, log: Log, pace: float) -> None:
        step = self.standing.step
        if not self.standing.losses or not is_told(step, self.plan.steps):
            return
        numbers = {
            "samples": step * self.plan.batch,
            "loss": self.standing.losses[-1],
            "lr": self.optimizer.param_groups[0]["lr"],
            **self.objective.numbers(),
            "samples_per_second": self.plan.batch / pace,
            "eta": pace * (self.plan.steps - step),
        }
        log.step(step, numbers)

    # -- states ------------------------------------------------------------------------------------
    def _resume(self) -> Standing:
        step = [self.states.newest() if self.rank == 0 else None]
        if self.workers > 1:
            dist.broadcast_object_list(step, src=0)
        if step[0] is None:
            return Standing()
        standing, data = self.states.load(step[0])
        tensors = safetensors.torch.load(data)
        self.model.load_state_dict({k.removeprefix("model/"): v for k, v in tensors.items() if k[:6] == "model/"})
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer/"):
                _, number, key = name.split("/")
                moments.setdefault(int(number), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        return standing

    def _save(self) -> None:
        if self.rank == 0:
            tensors = {f"model/{name}": tensor for name, tensor in _whole(self.model).items()}
            for number, moments in self.optimizer.state_dict()["state"].items():
                for key, tensor in moments.items():
                    tensors[f"optimizer/{number}/{key}"] = tensor.cpu().contiguous()
            self.states.save(self.standing, safetensors.torch.save(tensors))

    def _finish(self) -> Trained:
        """The weights alone, as open_clip.load_checkpoint reads them."""
        data, standing = safetensors.torch.save(_whole(self.model), metadata={"format": "pt"}), self.standing
        if self.rank == 0:
            self.job.folder.write(posixpath.join(self.job.under, WEIGHTS), data)
            self.states.clear()
        return Trained(
            job=self.job.name,
            identity=self.identity,
            steps=standing.step,
            samples=standing.step * self.plan.batch,
            loss=_mean(standing.losses),
            seconds=standing.seconds,
            skipped=standing.skipped,
            undecodable=standing.undecodable,
            file=WEIGHTS,
            sha256=sha256(data),
            bytes=len(data),
        )


def optimizer(model: Any, plan: Plan) -> Any:
    """AdamW; gains, biases and the logit scale, of fewer than two dimensions, do not decay (as open_clip)."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    decay, keep = [p for p in parameters if p.ndim >= 2], [p for p in parameters if p.ndim < 2]
    groups = [{"params": decay, "weight_decay": plan.weight_decay}, {"params": keep, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.lr, betas=plan.betas, eps=plan.eps, fused=True)


@contextmanager
def _torch_as_planned(plan: Plan) -> Iterator[Any]:
    """The device; the process's own threads and random state come back afterwards."""
    cuda, threads = torch.cuda.is_available(), torch.get_num_threads()
    device = torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    torch.set_num_threads(plan.threads)
    try:
        with torch.random.fork_rng([device] if cuda else []):
            yield device
    finally:
        torch.set_num_threads(threads)


def _whole(model: Any) -> dict[str, Any]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}


def _mean(losses: list[float]) -> float:
    return sum(losses) / len(losses) if losses else math.nan
