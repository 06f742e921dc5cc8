"""Evaluation on the engine: a unit per checkpoint, `eval/SEED.parquet` with what each item contributed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from curate.files import table_bytes
from curate.manifest import Manifest
from curate.uid import fingerprint
from model_training.evaluation.evaluate import Evaluation, content, evaluate, load
from model_training.evaluation.tasks.task import ROOM, Task
from model_training.models.blip_spec import BlipSpec
from model_training.models.coca import CocaSpec
from model_training.models.families import Spec
from model_training.models.generation import Generation
from model_training.trainers.objectives import OBJECTIVES
from pipelines.context import Context, drop_stale
from pipelines.engine.unit import Part, Unit
from pipelines.models import Encoders, checkpoint_spec
from pipelines.recipe import Recipe
from pipelines.recipe_training import Training
from pipelines.train import weights
from pipelines.workspace import EVAL, METRICS

SpecOf = Callable[[str, str, str], Spec]  # what a model is called, where its weights are, their sha256

VERSION = 1
BATCH = 64  # images at once
RESULTS = pa.schema(
    [
        ("eval", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("n", pa.int64()),
        ("hits", pa.list_(pa.float32())),  # in the order of the items; null where they are not kept
    ]
)
TABLE = pa.schema(
    [("eval", pa.string()), ("metric", pa.string()), ("seed", pa.int64()), ("value", pa.float64()), ("n", pa.int64())]
)


@dataclass
class EvaluateTask:
    """`spec` of a unit is how to load the model. An evaluation's files are read once per worker, or those that there
    is no room for once per model."""

    evaluations: Sequence[Evaluation]
    _loaded: list[Task] = field(default_factory=list)

    def open(self) -> None:
        room = ROOM.shared(len(self.evaluations))  # memory does not grow with their number
        self._loaded = [load(evaluation, room) for evaluation in self.evaluations]

    def run(self, unit: Unit, rows: range) -> list[Part]:
        model = Encoders().get(unit.spec)  # not kept: the next checkpoint is another model
        found = [
            {"eval": one.evaluation.name, "metric": m.name, "value": m.value, "n": m.n, "hits": m.hits}
            for one in self._loaded
            for m in evaluate(model, one)
        ]
        table = pa.Table.from_pylist(found, schema=RESULTS)
        return [Part(EVAL, 1, {"evaluated": 1}, {f"{unit.shard}.parquet": table_bytes(table)})]


def evaluations(recipe: Recipe) -> list[Evaluation]:
    return [entry.asked for entry in recipe.eval]


def specs_of(section: Training) -> SpecOf:
    """How the checkpoints that this section's training wrote are loaded, to be judged.

    Captions are not drawn: the likeliest token each time, after the prompt of the training, as long as they come.
    """
    options = OBJECTIVES[section.objective].options
    prompt = section.options.get("prompt", getattr(options, "prompt", ""))
    generation = Generation("greedy", prompt, min_length=0)

    def spec_of(name: str, path: str, sha256: str) -> Spec:
        spec = checkpoint_spec(section, name, path, sha256, BATCH)
        return replace(spec, generation=generation) if isinstance(spec, BlipSpec | CocaSpec) else spec

    return spec_of


def judge(contexts: Sequence[Context], recipe: Recipe, spec_of: SpecOf) -> None:
    """Evaluate every trained model of these contexts' run directories; `spec_of` says how one is loaded.

    Raises InputError for an evaluation set that cannot be read: a missing one is no smaller mean.
    """
    wanted = evaluations(recipe)
    contents = [content(evaluation) for evaluation in wanted]
    asked = [(e.name, e.kind, digest) for e, digest in zip(wanted, contents, strict=True)]
    for context in contexts:
        units = []
        for seed, (path, digest) in sorted(weights(context.workspace).items()):
            spec = spec_of(f"seed {seed}", path, digest)
            units.append(Unit(EVAL, seed, 1, {EVAL: fingerprint(VERSION, BATCH, spec.identity, asked)}, spec))
        context.drive(EVAL, units, [EVAL], EvaluateTask(wanted), gpus=True)
        drop_stale(context.workspace.manifest(EVAL), {unit.shard for unit in units})
        _tabulate(context)


def _tabulate(context: Context) -> None:
    """metrics.parquet: every metric of every seed."""
    manifest: Manifest = context.workspace.manifest(EVAL)
    parts = []
    for seed in sorted(manifest.entries, key=int):
        table = context.folder.read_table(f"{EVAL}/{seed}.parquet", ["eval", "metric", "value", "n"])
        parts.append(table.append_column("seed", pa.array([int(seed)] * len(table), pa.int64())).select(TABLE.names))
    data = table_bytes(pa.concat_tables(parts) if parts else TABLE.empty_table())
    if not context.folder.exists(METRICS) or context.folder.read(METRICS) != data:
        context.folder.write(METRICS, data)
