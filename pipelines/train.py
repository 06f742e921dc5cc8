"""Training: the jobs of a comparison are made from datasets, and what is missing of them is done in one go."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from curate.errors import InputError
from curate.files import Folder, sha256
from curate.manifest import Entry, Manifest
from curate.uid import draw_int, fingerprint
from model_training.data.captions import Captions
from model_training.data.hold_out import HoldOut
from model_training.models.blip_spec import BlipSpec
from model_training.models.weights import Weights
from model_training.trainers.objectives import OBJECTIVES
from model_training.trainers.plan import Job, Plan, Progress, Trained
from pipelines.context import Context, drop_stale
from pipelines.models import captioning_section, fine_tuning, folds_of, scorer_section
from pipelines.recipe import Recipe
from pipelines.recipe_loop import PRETRAINED
from pipelines.recipe_training import Init, Train, Training
from pipelines.training_shards import Shards, of_dataset, of_files, of_pretraining, of_scorer, of_trusted, scored_too
from pipelines.workspace import LOGS, TRAIN, Workspace, model_folder

COLLAPSED = 0.005  # nats from ln(batch)
CLIPS = ("clip", "lit")  # whose loss is ln(batch) where all pairs look alike


@dataclass(frozen=True)
class Task:
    """A job, and the manifest that tells whether it is done."""

    workspace: Workspace
    key: str  # of the entry: a seed, or a fold
    job: Job

    def done(self) -> bool:
        manifest = self.workspace.manifest(TRAIN)
        entry = manifest.entries.get(self.key)
        return entry is not None and entry.fingerprint == self.job.identity and manifest.damage(self.key) is None


def plan(section: Training) -> Plan:
    shared = set(Plan.__dataclass_fields__) & set(Training.model_fields) - {"options", "captions", "init"}
    given = section.model_dump(include=shared)
    options = tuple((name, _fixed(value)) for name, value in sorted(section.options.items()))
    start = section.init
    said = section.captions
    captions = Captions(said.draw, tuple(sorted(said.shares.items())), said.score)
    if start is None:
        return Plan(arch=section.arch, options=options, captions=captions, **given)
    kind = BlipSpec if OBJECTIVES[section.objective].family == "blip" else Weights
    init = kind("train.init", section.arch, start.weights, start.allow_download, start.sha256)
    return Plan(arch=section.arch, options=options, captions=captions, init=init, init_part=start.part, **given)


def _fixed(value: Any) -> Any:
    return tuple(map(_fixed, value)) if isinstance(value, list) else value


def tasks_of(
    recipe: Recipe, workspace: Workspace, name: str, train: Train | None = None, into: Workspace | None = None
) -> list[Task]:
    """A task per seed on the dataset of `workspace`. Raises InputError when it has none."""
    section = train or _section(recipe)
    return _tasks(section, into or workspace, name, of_dataset(workspace))


def on_files(recipe: Recipe, workspace: Workspace, name: str, files: Sequence[str]) -> list[Task]:
    """The same on other data: tars and image tables."""
    return _tasks(_section(recipe), workspace, name, of_files(files))


def _section(recipe: Recipe) -> Train:
    if recipe.train is None:
        raise InputError(f"the recipe {recipe.name!r} has no section `train`", "add one: train: {samples_seen: 40_000}")
    return recipe.train


def _tasks(section: Train, workspace: Workspace, name: str, shards: Shards) -> list[Task]:
    if section.workers > 1:  # sums are made in another order
        shards = replace(shards, content=fingerprint(shards.content, section.workers))
    return [_task(workspace, name, str(seed), plan(section), shards, seed) for seed in section.seeds]


def scorer_tasks(recipe: Recipe, workspace: Workspace, name: str, source: Workspace) -> list[Task]:
    """A task per fold and member for a scorer of `kind: trained`, on the dataset of `source` and on the trusted pairs.

    One that is trained on the trusted pairs alone reads no dataset.
    """
    section, folds = scorer_section(recipe), folds_of(recipe, name, workspace)
    shards = of_scorer(recipe, name, source, workspace)
    shared = scored_too(recipe, name, workspace) if folds > 1 else ()
    own = Workspace(workspace.folder.at(model_folder(name)))
    made = []
    for number in range(folds * section.members):
        member, fold = divmod(number, folds)
        hold_out = HoldOut(recipe.seed, folds, fold, shared) if folds > 1 else None
        seed = _seed(recipe, f"{name}/{fold}" + (f"/{member}" if member else ""))
        made.append(_task(own, name, str(number), plan(section), shards, seed, hold_out))
    return made


def pretraining_task(recipe: Recipe, workspace: Workspace, source: Workspace) -> Task:
    """What the captioner and the matcher start from: on the dataset of `source` and on the trusted pairs."""
    own = Workspace(workspace.folder.at(model_folder(PRETRAINED)))
    section, shards = captioning_section(recipe).pretrain, of_pretraining(recipe, source, workspace)
    return _task(own, PRETRAINED, "0", plan(section), shards, _seed(recipe, PRETRAINED))


def tuning_task(recipe: Recipe, workspace: Workspace, name: str) -> Task:
    """A captioner or a matcher: a copy of the pre-trained weights, which must be there, on the trusted pairs alone."""
    section = fine_tuning(recipe, name)
    assert section is not None
    path, sha256 = weights(Workspace(workspace.folder.at(model_folder(PRETRAINED))))["0"]
    start = section.model_copy(update={"init": Init(weights=path, sha256=sha256)})
    own = Workspace(workspace.folder.at(model_folder(name)))
    return _task(own, name, "0", plan(start), of_trusted(recipe, workspace), _seed(recipe, name))


def _seed(recipe: Recipe, key: str) -> int:
    return draw_int(recipe.seed, key, "scorer") % 2**31


def _task(
    workspace: Workspace, name: str, key: str, plan: Plan, shards: Shards, seed: int, hold_out: HoldOut | None = None
) -> Task:
    job = Job(
        name=f"{name}/{key}",
        plan=plan,
        shards=shards.places,
        content=shards.content,
        seed=seed,
        folder=workspace.folder,
        under=f"{TRAIN}/{key}",
        hold_out=hold_out,
        logs=workspace.folder.path(f"{LOGS}/{TRAIN}") if workspace.folder.local else None,
        digests=shards.digests,
    )
    return Task(workspace, key, job)


def fit(context: Context, name: str, tasks: Sequence[Task], workers: int = 1) -> None:
    """Train what is missing. Each model is entered into its manifest as soon as it is there."""
    with context.stage(name):
        context.stop.check()
        todo = {task.job.name: task for task in tasks if not task.done()}
        context.progress.stage(context.title(name), sum(t.job.plan.samples_seen for t in todo.values()), "samples")
        seen: dict[str, int] = {}

        def advance(at: Progress) -> None:
            plan = todo[at.job].job.plan
            samples = min(at.step * plan.batch, plan.samples_seen)
            context.progress.advance(max(0, samples - seen.get(at.job, 0)))
            seen[at.job] = max(samples, seen.get(at.job, 0))

        def enter(trained: Trained) -> None:
            _enter(todo[trained.job], trained)
            plan = todo[trained.job].job.plan
            if plan.objective in CLIPS and abs(trained.loss - math.log(plan.batch)) < COLLAPSED:
                context.progress.note(
                    f"{trained.job}: the loss is still that of a model which takes all pairs for equal"
                    f" ({trained.loss:.3f}): train longer, or with a lower lr or weight_decay"
                )
            if trained.skipped or trained.undecodable:
                context.progress.note(
                    f"{trained.job}: {trained.skipped} updates were not finite and left out,"
                    f" {trained.undecodable} images could not be decoded"
                )

        if todo:
            jobs = [task.job for task in todo.values()]
            context.engine.fit(jobs, workers=workers, stop=context.stop, on_progress=advance, on_done=enter)
        for folder, keys in _wanted(tasks).items():
            drop_stale(Workspace(folder).manifest(TRAIN), keys)
        context.progress.end(f"{len(todo)} models" if todo else f"{len(tasks)} models were there")
        context.made[name] += len(todo)


def _wanted(tasks: Sequence[Task]) -> dict[Folder, set[str]]:
    """run directory -> the seeds or folds that it shall have: others, of an earlier recipe, would count as its own."""
    found: dict[Folder, set[str]] = {}
    for task in tasks:
        found.setdefault(task.workspace.folder, set()).add(task.key)
    return found


def _enter(task: Task, trained: Trained) -> None:
    manifest = task.workspace.manifest(TRAIN)
    record = {"sha256": trained.sha256, "bytes": trained.bytes, "plan": plan_mark(task.job.plan)}
    files = {f"{task.key}/{trained.file}": record}
    manifest.entries[task.key] = Entry(trained.identity, trained.samples, {"seen": trained.samples}, files)
    manifest.save()


def plan_mark(plan: Plan) -> str:
    """Fingerprint of how a model is trained, whatever on and with whatever seed."""
    return Job("", plan, (), "", 0, Folder(""), "").identity


def is_planned(recipe: Recipe, workspace: Workspace) -> bool:
    """Were all models of this run directory trained as the recipe says? Of those before this was kept, yes."""
    wanted = plan_mark(plan(_section(recipe)))
    entries = workspace.manifest(TRAIN).entries.values()
    return all(record.get("plan", wanted) == wanted for entry in entries for record in entry.files.values())


def weights(workspace: Workspace) -> dict[str, tuple[str, str]]:
    """key (seed or fold) -> (place of the weights, their sha256), of the models that are trained."""
    manifest: Manifest = workspace.manifest(TRAIN)
    found = {}
    for key, entry in manifest.entries.items():
        base, record = next(iter(entry.files.items()))
        found[key] = (workspace.folder.url(f"{TRAIN}/{base}"), record["sha256"])
    return found


def checkpoint_hash(pairs: dict[str, tuple[str, str]]) -> str:
    return sha256("\n".join(f"{key} {digest}" for key, (_, digest) in sorted(pairs.items())).encode())
