"""The loop: a model scores, the filters decide, a new model is trained from scratch, and is it better?

Round 0 is the run itself, in the run directory; round K is rounds/K, which sees the pool as its own. A round's
scorer is trained on the dataset of the round that was promoted last. All compared models have the same size, see
the same number of samples and start from the same seeds; only their data differ. A round is promoted when a `select`
evaluation is better than that of the round promoted before, beyond its interval, and none is worse; the first
that is not ends the loop.
"""

from dataclasses import dataclass, field
from typing import Any

from curate.errors import InputError
from pipelines import record as records
from pipelines import stages
from pipelines.context import Summary, session
from pipelines.engine.unit import Engine
from pipelines.progress import Progress, Quiet
from pipelines.recipe import Recipe
from pipelines.recipe_training import Loop as LoopSection
from pipelines.recipe_training import Train
from pipelines.rounds import Turn
from pipelines.run import fill, finish


@dataclass
class Loop:
    """Carries a recipe through its rounds. What is there already is not done again."""

    recipe: Recipe
    progress: Progress = field(default_factory=Quiet)
    engine: Engine | None = None

    def run(self, *, report: bool = True) -> tuple[Summary, list[dict[str, Any]]]:
        """The run's summary and the record of every round. Raises as Runner.run does."""
        section, train = sections(self.recipe)
        with session(self.recipe, self.progress, self.engine) as context:
            fill(context)
            made: list[dict[str, Any]] = []
            promoted: Turn | None = None
            for number in range(section.rounds):
                turn = Turn.of(context, number, train, promoted)
                turn.run()
                decision = turn.decide(promoted)
                made.append(records.publish(turn, decision, promoted, made[-1] if made else None))
                if not decision["promoted"]:
                    break
                promoted = turn
            if report:
                stages.report(context)
            finish(context)
        return context.summary, made


def sections(recipe: Recipe) -> tuple[LoopSection, Train]:
    """The recipe's `loop` and `train`. Raises InputError for what a comparison cannot do without."""
    if recipe.train is None or not recipe.eval:
        lacking = "train" if recipe.train is None else "eval"
        raise InputError(
            f"the recipe {recipe.name!r} has no section `{lacking}`: nothing could be compared",
            "add it; curate init --template loop writes a recipe that has all",
        )
    return recipe.loop or LoopSection(), recipe.train
