"""What a round's set is compared with: all, as many at random, what an oracle knows, and the recipe's ablations.

As many *images* at random, each with one of its web texts: of a set in which images have several texts (CapFilt's)
there may be more samples than a random set of the same images can have.
"""

from typing import Any

from curate.filters.listed import Listed
from curate.filters.random_subset import RandomSubset
from curate.uid import draw_int
from pipelines import comparison as cmp
from pipelines import decide, stages
from pipelines.ablations import ablated
from pipelines.context import Context
from pipelines.recipe import Recipe
from pipelines.recipe_training import Loop as LoopSection
from pipelines.run import refuse_empty, write_recipe
from pipelines.scorers import with_filters
from pipelines.workspace import MODELS, arm_folder


def make_arms(context: Context, known: dict[str, Context]) -> dict[str, Context]:
    """Arm -> its run directory with its dataset, the round's own among them.

    `known` are the arms of the round before: raw, oracle and ablations are made once, by the first round, and a random
    subset again where another number of samples was kept.
    """
    recipe, loop = context.recipe, context.recipe.loop or LoopSection()
    found: dict[str, Context] = {}
    for name, filters in arm_filters(recipe, context.summary.images).items():
        arm, ablation = known.get(name), name in loop.ablations
        if arm is None or not (ablation or arm.recipe.filters == filters):
            arm = _made(arm_of(context, name, filters))
            if name == cmp.RANDOM:
                note_all(arm)
        found[name] = arm
    found[cmp.CURATED] = context
    return {name: found[name] for name in sorted(found, key=_place)}


def arm_filters(recipe: Recipe, images: int) -> dict[str, list[Any]]:
    """Arm -> its filters, of every arm but the curated set, which has so many images."""
    loop, wanted = recipe.loop or LoopSection(), dict[str, list[Any]]()
    if cmp.RAW in loop.arms:
        wanted[cmp.RAW] = []
    if cmp.RANDOM in loop.arms:
        seed = draw_int(recipe.seed, cmp.RANDOM, "arm") % 2**31
        wanted[cmp.RANDOM] = [RandomSubset(keep=images, seed=seed, unit="images")]
    if loop.oracle is not None:
        wanted[cmp.ORACLE] = [Listed(alias=cmp.ORACLE, table=loop.oracle.table, column=loop.oracle.column)]
    return wanted | {name: ablated(recipe.filters, changes) for name, changes in loop.ablations.items()}


def arm_of(context: Context, name: str, filters: list[Any]) -> Context:
    """Where an arm lies. An ablation sees the round's signals and models; its synthetic texts are its own."""
    ablation = name in (context.recipe.loop or LoopSection()).ablations
    seen = [MODELS, *context.workspace.families()] if ablation else []
    return with_filters(context, arm_folder(name), filters, name, seen=seen)


def is_answered(arm: Context) -> bool:
    """Is what the arm keeps the answer of its filters to what lies there now?"""
    entry = arm.workspace.manifest("").entries.get(decide.ENTRY)
    return entry is not None and entry.fingerprint == decide.mark(arm.recipe, arm.workspace)


def note_all(arm: Context) -> None:
    """Say so where a random arm is of every image that there is."""
    funnel = arm.summary.funnel
    if len(funnel) > 1 and funnel[-1]["images"] == funnel[-2]["images"]:
        arm.progress.note(
            f"{cmp.RANDOM}: the curated set has as many images as there are, so this arm has every image, with one"
            " text each: it differs from the curated set in texts alone"
        )


def _place(name: str) -> int:
    """Ablations stand before the curated set, which they are parts of."""
    order = (cmp.RAW, cmp.RANDOM, None, cmp.CURATED, cmp.ORACLE)
    return order.index(name if name in order else None)


def _made(arm: Context) -> Context:
    write_recipe(arm)
    stages.look_at_pool(arm)
    stages.ask_filters(arm)
    refuse_empty(arm)
    stages.write_dataset(arm)
    return arm
