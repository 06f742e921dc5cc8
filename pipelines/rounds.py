"""One round: the scorer, the filters' answer, the arms beside it, their models, and whether it is better.

All compared models have the same size, see the same number of samples and start from the same seeds; only their
data differ.
"""

import shlex
import time
from dataclasses import dataclass, field, replace
from typing import Any

from curate.errors import InputError
from pipelines import comparison as cmp
from pipelines import stages
from pipelines.arms import make_arms
from pipelines.changes import Changes
from pipelines.context import Context
from pipelines.evaluate import judge, specs_of
from pipelines.guards import Health, asked, broken, health
from pipelines.recipe_eval import Evaluation
from pipelines.recipe_training import Loop as LoopSection
from pipelines.recipe_training import Train
from pipelines.run import choose, refuse_empty, write_recipe
from pipelines.scorers import with_filters
from pipelines.train import fit, tasks_of
from pipelines.workspace import round_folder


@dataclass
class Turn:
    """One round: its own context, and those of the arms it is compared with."""

    number: int
    context: Context
    train: Train
    source: Context | None  # the round whose dataset trains the scorer
    arms: dict[str, Context] = field(default_factory=dict)
    outcomes: dict[str, cmp.Outcomes] = field(default_factory=dict)
    seconds: float = 0.0  # of this sitting; round 0: from the input
    stages: dict[str, float] = field(default_factory=dict)  # the same by stage
    changes: Changes | None = None  # since the round that was promoted last
    health: Health | None = None

    @classmethod
    def of(cls, run: Context, number: int, train: Train, promoted: "Turn | None") -> "Turn":
        name = round_folder(number)
        context = with_filters(run, name, run.recipe.filters, f"round {number}", run.recipe.gates) if number else run
        if promoted is not None:
            context = replace(context, before=(*promoted.context.before, promoted.context.workspace))
        turn = cls(number, context, train, promoted.context if promoted else None)
        if promoted is not None:
            turn.arms = {arm: inner for arm, inner in promoted.arms.items() if arm != cmp.CURATED}
        return turn

    def run(self) -> None:
        before, began = dict(self.context.seconds), time.monotonic()
        spent = before if self.number else {}
        if self.number:
            write_recipe(self.context)
            stages.look_at_pool(self.context)
        choose(self.context, self.source)
        refuse_empty(self.context)
        self._look()
        self.arms = make_arms(self.context, self.arms)
        tasks = []
        for name, context in self.arms.items():
            label = f"round {self.number} {name}" if self.number and name == cmp.CURATED else name
            tasks += tasks_of(context.recipe, context.workspace, label, self.train)
        fit(self.context, "train", tasks, self.train.workers)
        judge(list(self.arms.values()), self.context.recipe, specs_of(self.train))
        self.outcomes = {name: cmp.Outcomes.read(context.workspace) for name, context in self.arms.items()}
        self.seconds = time.monotonic() - began + (0.0 if self.number else sum(before.values()))
        mine = {name: total - spent.get(name, 0.0) for name, total in self.context.seconds.items()}
        self.stages = {name: seconds for name, seconds in mine.items() if seconds}

    def _look(self) -> None:
        """How the dataset differs from that of the round before, and what it is like."""
        now, before = self.context.workspace, self.source.workspace if self.source else None
        self.changes = Changes.between(before, now) if before else None
        self.health = health(now, before)

    def guards(self) -> list[dict[str, Any]]:
        return asked(self.health, (self.context.recipe.loop or LoopSection()).guards) if self.health else []

    def decide(self, promoted: "Turn | None") -> dict[str, Any]:
        """Is this round better than the one before, by the evaluations that select, and do its guards hold?

        Nothing stands before the first round: it is promoted whatever its guards say, and the reason names them.
        """
        select = [e for e in self.context.recipe.eval if e.use == "select"]
        mine = self._mean(select)
        answer: dict[str, Any] = {"evals": [e.name for e in select], "before": None, "now": mine}
        wrong = broken(self.guards())
        if promoted is None:
            return {"promoted": True, "why": f"the first round{'; but ' + wrong if wrong else ''}", **answer}
        answer["before"] = promoted._mean(select)
        changes = self._changes(promoted, select)
        told = ", ".join(
            f"{d['eval']} {d['metric']} {d['value']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]" for d in changes
        )
        if len(self.train.seeds) == 1:
            told += "; of one seed, so the interval holds no spread of training"
        if wrong:
            return {"promoted": False, "why": f"{wrong}; {told}", **answer}
        better, worse = any(d["low"] > 0 for d in changes), any(d["high"] < 0 for d in changes)
        if better and not worse:
            return {"promoted": True, "why": f"better beyond the interval: {told}", **answer}
        return {"promoted": False, "why": f"{'worse' if worse else 'no gain'} beyond the interval: {told}", **answer}

    def _changes(self, promoted: "Turn", select: list[Evaluation]) -> list[dict[str, Any]]:
        """Per evaluation; the intervals hold together at 95 % (Bonferroni), because any of them can promote."""
        pair = {"now": self.outcomes[cmp.CURATED], "before": promoted.outcomes[cmp.CURATED]}
        level, seed = 1 - 0.05 / max(1, len(select)), self.context.recipe.seed
        found = [cmp.difference(pair, "now", "before", e, seed, level) for e in select]
        if None in found:
            raise InputError(
                f"round {self.number} and the one before were not judged by the same seeds and items",
                f"curate verify {shlex.quote(self.context.recipe.run_dir)}",
            )
        return [change for change in found if change is not None]

    def _mean(self, select: list[Evaluation]) -> float | None:
        curated = self.outcomes[cmp.CURATED]
        found = [v for e in select for v in curated.values.get(curated.primary(e), [])]
        return sum(found) / len(found) if found else None
