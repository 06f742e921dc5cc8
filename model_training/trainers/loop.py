"""The step loop, resumable to the bit. What differs between objectives is in theirs (clip.py and those beside it).

Every draw is keyed by the seed and the step or visit, so a state needs no random generator's: a training that was
killed and resumed makes the weights of one that was not. Bit for bit on a CPU; on a GPU sums may be made in another
order. With several workers each has its part of every global batch, and all make the same updates.
"""

import math
import posixpath
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
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
from model_training.trainers import optimizers
from model_training.trainers.backward import Backward
from model_training.trainers.checkpoints import Finished, Standing, States
from model_training.trainers.ema import MovingAverage
from model_training.trainers.gather import average_gradients
from model_training.trainers.logs import Log, is_told
from model_training.trainers.objective import Inputs
from model_training.trainers.objectives import build
from model_training.trainers.plan import STATE, WEIGHTS, Job, Plan, Progress, Trained

AVERAGED = 20  # steps whose mean loss is told
BAD_IN_A_ROW = 5  # updates that are not finite, and the training is given up
SOME = 3  # pairs of a batch that an error names
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
        if done := _finished(job, rank, workers):
            if report:
                report(Progress(job.name, done.steps, done.steps, done.loss, 0.0))
            return done
        return _Training(job, device, rank, workers).run(report, stopped)


def _finished(job: Job, rank: int, workers: int) -> Trained | None:
    """What an earlier call made whole, where whoever asked did not live to hear it."""
    told = [Finished(job.folder, job.under, job.identity).load() if rank == 0 else None]
    if workers > 1:
        dist.broadcast_object_list(told, src=0)
    return replace(told[0], job=job.name) if told[0] else None


class _Training:
    def __init__(self, job: Job, device: Any, rank: int, workers: int) -> None:
        plan = job.plan
        self.job, self.plan, self.device, self.rank, self.workers = job, plan, device, rank, workers
        self.identity = job.identity
        self.states = States(job.folder, posixpath.join(job.under, STATE), self.identity)
        self.objective = build(plan, job.seed, device)
        if plan.checkpointing:
            self.objective.checkpoint_activations()
        self.parameters = [p for p in self.objective.parameters() if p.requires_grad]
        self.optimizer = optimizers.make(plan, self.objective.groups())
        self.average = MovingAverage(self.objective, plan.ema) if plan.ema is not None else None
        self.standing = self._resume()
        self.backward = Backward(self.objective, plan, device)
        digests = dict(zip(job.shards, job.digests, strict=True)) if job.digests else {}
        order = Order(job.shards, job.seed, resampled=plan.resampled, hold_out=job.hold_out, digests=digests)
        views, tokenize = self.objective.views, self.objective.tokenize
        pixels = Pixels(views, shared(views))
        self.batches = Batches(order, pixels, tokenize, plan.batch, rank, workers, plan.loaders, plan.captions)

    def run(self, report: Report | None, stopped: Stopped | None) -> Trained | None:
        self.objective.train()
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
        optimizers.set_rates(self.optimizer, *self.objective.rates(at))
        self.optimizer.zero_grad(set_to_none=True)
        self.objective.before_step(at)
        loss = self.backward(self._inputs(batch))
        if self.workers > 1:
            average_gradients(self.parameters)
        self.objective.after_backward(at)
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, self.plan.clip_norm or math.inf))
        loss, undecodable, halted = self._agree(float(loss), batch.undecodable, bool(stopped and stopped()))
        if math.isfinite(loss) and math.isfinite(norm):
            self.optimizer.step()
            self.objective.after_update(at)
            if self.average:
                self.average.update(self.objective)
            standing.losses = [*standing.losses[1 - AVERAGED :], loss]
            standing.skipped_in_a_row = 0
        else:
            self._skip(batch, log, loss, norm)
        standing.undecodable += undecodable
        standing.step, standing.position = at + 1, batch.after
        return halted

    def _inputs(self, batch: Batch) -> Inputs:
        views = tuple(self._there(torch.from_numpy(view)) for view in batch.views)
        tokens = None if batch.tokens is None else self._there(torch.from_numpy(batch.tokens))
        return Inputs(views, tokens, batch.names, batch.first, self.plan.batch, self.standing.step)

    def _there(self, tensor: Any) -> Any:
        if self.device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def _agree(self, loss: float, undecodable: int, halted: bool) -> tuple[float, int, bool]:
        """The mean loss of the workers, and what else they must know together. Only the first one can stop all."""
        if self.workers == 1:
            return loss, undecodable, halted
        told = torch.tensor([loss, undecodable, halted and self.rank == 0], dtype=torch.float64, device=self.device)
        dist.all_reduce(told)
        total, undecodable, halted = told.tolist()
        return total / self.workers, int(undecodable), bool(halted)

    def _skip(self, batch: Batch, log: Log, loss: float, norm: float) -> None:
        standing, keys = self.standing, self._everyones(batch.keys)
        standing.skipped += 1
        standing.skipped_in_a_row += 1
        log.skipped(standing.step + 1, loss, norm, keys)
        if standing.skipped_in_a_row >= BAD_IN_A_ROW:
            raise InputError(
                f"{self.job.name}: step {standing.step + 1}: the loss or its gradient was not finite "
                f"{BAD_IN_A_ROW} times in a row (loss {loss}, gradient {norm}; pairs {_some(keys)})",
                "set train.lr lower, or train.warmup higher",
            )

    def _everyones(self, keys: tuple[str, ...]) -> tuple[str, ...]:
        """All workers skip the same update, so all come here together."""
        if self.workers == 1:
            return keys
        found: list[Any] = [None] * self.workers
        dist.all_gather_object(found, keys)
        return tuple(key for part in found for key in part)

    # -- telling -----------------------------------------------------------------------------------
    def _progress(self, pace: float) -> Progress:
        standing = self.standing
        left = pace * (self.plan.steps - standing.step)
        return Progress(self.job.name, standing.step, self.plan.steps, _mean(standing.losses[-1:]), left)

    def _log(self, log: Log, pace: float) -> None:
        step = self.standing.step
        if self.standing.skipped_in_a_row or not is_told(step, self.plan.steps):
            return
        numbers = {
            "samples": step * self.plan.batch,
            "loss": self.standing.losses[-1],
            "lr": self.objective.rates(step - 1)[0],
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
        self.objective.load_state_dict(_under("model/", tensors))
        optimizers.load_tensors(self.optimizer, _under("optimizer/", tensors))
        if self.average:
            self.average.load(_under("ema/", tensors))
        return standing

    def _save(self) -> None:
        if self.rank == 0:
            tensors = {f"model/{name}": tensor for name, tensor in _whole(self.objective.state_dict()).items()}
            tensors |= {f"optimizer/{n}": tensor for n, tensor in optimizers.tensors_of(self.optimizer).items()}
            if self.average:
                tensors |= {f"ema/{name}": tensor for name, tensor in _whole(self.average.tensors).items()}
            self.states.save(self.standing, safetensors.torch.save(tensors))

    def _finish(self) -> Trained:
        """The weights alone, as their library reads them."""
        if self.average:
            self.average.into(self.objective)
        data = safetensors.torch.save(_whole(self.objective.weights()), metadata={"format": "pt"})
        standing = self.standing
        trained = Trained(
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
        if self.rank == 0:
            self.job.folder.write(posixpath.join(self.job.under, WEIGHTS), data)
            Finished(self.job.folder, self.job.under, self.identity).save(trained)
            self.states.clear()
        return trained


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


def _under(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _whole(tensors: dict[str, Any]) -> dict[str, Any]:
    """On the CPU, each with memory of its own: what shares memory, as tied weights do, safetensors refuses."""
    found, seen = {}, set()
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        found[name] = here.clone() if here.data_ptr() in seen else here
        seen.add(here.data_ptr())
    return found


def _some(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:SOME]) + (f" and {len(keys) - SOME} more" if len(keys) > SOME else "")


def _mean(losses: list[float]) -> float:
    return sum(losses) / len(losses) if losses else math.nan
