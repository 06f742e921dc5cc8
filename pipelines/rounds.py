"""One round: the scorer, the filters' answer, the arms beside it, their models, and whether it is better.

All compared models have the same size, see the same number of samples and start from the same seeds; only their
data differ.
"""

import shlex
import time
from dataclasses import dataclass, field
from typing import Any

from curate.errors import GateError, InputError
from curate.filters.listed import Listed
from curate.filters.random_subset import RandomSubset
from curate.uid import draw_int
from pipelines import comparison as cmp
from pipelines import stages
from pipelines.context import Context
from pipelines.evaluate import judge, specs_of
from pipelines.recipe_eval import Evaluation
from pipelines.recipe_training import Loop as LoopSection
from pipelines.recipe_training import Train
from pipelines.run import choose, write_recipe
from pipelines.scorers import with_filters
from pipelines.train import fit, tasks_of
from pipelines.workspace import arm_folder, round_folder


@dataclass
class Turn:
    """One round: its own context, and those of the arms it is compared with."""

    number: int
    context: Context
    train: Train
    source: Context | None  # the round whose dataset trains the scorer
    arms: dict[str, Context] = field(default_factory=dict)
    outcomes: dict[str, cmp.Outcomes] = field(default_factory=dict)
    seconds: float = 0.0  # of this sitting

    @classmethod
    def of(cls, run: Context, number: int, train: Train, promoted: "Turn | None") -> "Turn":
        name = round_folder(number)
        context = with_filters(run, name, run.recipe.filters, f"round {number}", run.recipe.gates) if number else run
        turn = cls(number, context, train, promoted.context if promoted else None)
        if promoted is not None:
            turn.arms = {arm: inner for arm, inner in promoted.arms.items() if arm != cmp.CURATED}
        return turn

    def run(self) -> None:
        began = time.monotonic()
        if self.number:
            write_recipe(self.context)
            stages.look_at_pool(self.context)
        choose(self.context, self.source)
        refuse_empty(self.context)
        self._make_arms()
        tasks = []
        for name, context in self.arms.items():
            label = f"round {self.number} {name}" if self.number and name == cmp.CURATED else name
            tasks += tasks_of(context.recipe, context.workspace, label, self.train)
        fit(self.context, "train", tasks, self.train.workers)
        judge(list(self.arms.values()), self.context.recipe, specs_of(self.train))
        self.outcomes = {name: cmp.Outcomes.read(context.workspace) for name, context in self.arms.items()}
        self.seconds = time.monotonic() - began

    def _make_arms(self) -> None:
        """Raw and oracle are made once; a random subset of the curated set's size where there is none yet."""
        recipe, loop = self.context.recipe, self.context.recipe.loop or LoopSection()
        kept = self.context.summary.kept
        wanted: dict[str, list[Any]] = {}
        if cmp.RAW in loop.arms:
            wanted[cmp.RAW] = []
        if cmp.RANDOM in loop.arms:
            wanted[cmp.RANDOM] = [RandomSubset(keep=kept, seed=draw_int(recipe.seed, cmp.RANDOM, "arm") % 2**31)]
        if loop.oracle is not None:
            wanted[cmp.ORACLE] = [Listed(alias=cmp.ORACLE, table=loop.oracle.table, column=loop.oracle.column)]
        found = {}
        for name, filters in wanted.items():
            known = self.arms.get(name)
            if known is None or known.recipe.filters != filters:
                known = with_filters(self.context, arm_folder(name), filters, name)
                write_recipe(known)
                stages.look_at_pool(known)
                stages.ask_filters(known)
                refuse_empty(known)
                stages.write_dataset(known)
            found[name] = known
        found[cmp.CURATED] = self.context
        self.arms = {name: found[name] for name in cmp.ORDER if name in found}

    def decide(self, promoted: "Turn | None") -> dict[str, Any]:
        """Is this round better than the one before, by the evaluations that select?"""
        select = [e for e in self.context.recipe.eval if e.use == "select"]
        mine = self._mean(select)
        answer: dict[str, Any] = {"evals": [e.name for e in select], "before": None, "now": mine}
        if promoted is None:
            return {"promoted": True, "why": "the first round", **answer}
        answer["before"] = promoted._mean(select)
        changes = self._changes(promoted, select)
        told = ", ".join(
            f"{d['eval']} {d['metric']} {d['value']:+.3f} [{d['low']:+.3f}, {d['high']:+.3f}]" for d in changes
        )
        if len(self.train.seeds) == 1:
            told += "; of one seed, so the interval holds no spread of training"
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


def refuse_empty(context: Context) -> None:
    if not context.summary.kept:
        run = shlex.quote(context.workspace.folder.url())
        raise GateError(f"{run}: the filters kept nothing: there is nothing to train on", f"curate stats {run}")
