"""A run from its input to its dataset: each stage plans what is missing, and only that is done."""

import shlex
from dataclasses import dataclass, field

from curate.errors import GateError, MachineError, QuarantineError
from curate.files import ATTEMPT
from pipelines import stages
from pipelines.columns import families
from pipelines.context import Context, Summary, session
from pipelines.engine.unit import Engine
from pipelines.models import declared, own_families
from pipelines.progress import Progress, Quiet
from pipelines.recipe import Recipe
from pipelines.scorers import score
from pipelines.workspace import RECIPE, left_out


@dataclass
class Runner:
    """Carries a recipe through its stages."""

    recipe: Recipe
    progress: Progress = field(default_factory=Quiet)
    engine: Engine | None = None

    def run(self, *, report: bool = True) -> Summary:
        """All stages. Raises GateError, QuarantineError, MachineError, InputError or Interrupted."""
        with session(self.recipe, self.progress, self.engine) as context:
            fill(context)
            choose(context)
            if report:
                stages.report(context)
            finish(context)
        return context.summary


def fill(context: Context) -> None:
    """The pool, and all that is measured of it without a model of the run's own."""
    write_recipe(context)
    stages.list_rows(context)
    stages.fill_pool(context)
    measure_all(context)


def measure_all(context: Context) -> None:
    """What is measured of the pool without a model of the run's own."""
    own = own_families(context.recipe)
    fixed = [family for family in families(context.recipe) if family not in own]
    stages.measure(context, "measure", fixed, declared(context.recipe))
    stages.run_passes(context)


def choose(context: Context, source: Context | None = None) -> None:
    """The round's own models score, the filters decide, and the dataset is written.

    `source` is the round on whose dataset the models are trained; without one, that is what the filters before
    them keep.
    """
    score(context, source)
    stages.ask_filters(context)
    stages.write_dataset(context)


def write_recipe(context: Context) -> None:
    """The recipe as resolved. A folder that holds something else is not taken over."""
    folder, text = context.folder, context.recipe.resolved().encode()
    if folder.exists(RECIPE) and folder.read(RECIPE) == text:
        return
    mounted = {name.split("/")[0] for name, _ in folder.mounts}
    names = [n for n in folder.names() if n not in {"logs", *mounted} and not n.startswith(ATTEMPT)]
    if names and RECIPE not in names:
        raise MachineError(
            f"{context.recipe.run_dir}: this folder holds other things ({', '.join(names[:3])})",
            "set run_dir to a folder of its own",
        )
    folder.write(RECIPE, text)


def finish(context: Context) -> None:
    """Sum up. Raises QuarantineError when any stage, of the run or of its rounds and arms, had to leave rows out."""
    workspace = context.workspace
    counts: dict[str, int] = {}
    for one in (workspace, *workspace.inner()):
        for under in one.stages():
            if under not in dict(one.folder.mounts):
                found = sum(left_out(under, entry) for entry in one.manifest(under).entries.values())
                counts[one.folder.url(under)] = found
    context.summary.quarantined = sum(counts.values())
    context.summary.made = context.made.total()
    if context.summary.quarantined:
        places = ", ".join(f"{under}: {count}" for under, count in counts.items() if count)
        raise QuarantineError(
            f"{context.summary.quarantined} rows are quarantined: they end every process that handles them, or are"
            f" not what the list promised ({places})",
            f"curate verify {shlex.quote(workspace.folder.url())} counts them; the rest of the run is done",
        )


def refuse_empty(context: Context) -> None:
    if not context.summary.kept:
        run = shlex.quote(context.workspace.folder.url())
        raise GateError(f"{run}: the filters kept nothing: there is nothing to train on", f"curate stats {run}")
