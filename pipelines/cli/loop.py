"""`curate loop` and its options."""

from collections.abc import Mapping
from typing import Annotated

import typer

from pipelines.cli.options import Json, Set

LOOP_EXAMPLES = (
    "curate loop recipe.yaml   |   curate loop recipe.yaml --propose pairs --count 200   |   "
    "curate loop recipe.yaml --accept pairs/verdicts.csv   |   curate loop --replay runs/v1/record.json --to again"
)


def loop(
    recipe: Annotated[str | None, typer.Argument(help="a recipe (.yaml)")] = None,
    set: Set = None,
    engine: Annotated[str | None, typer.Option(help="ray or serial")] = None,
    replay: Annotated[
        str | None, typer.Option(metavar="RECORD", help="make a round again from its record.json")
    ] = None,
    to: Annotated[str, typer.Option(help="with --replay: the folder to make it in")] = "replayed",
    propose: Annotated[
        str | None, typer.Option(metavar="TABLE", help="write pairs for a person to judge: .parquet, .csv or a folder")
    ] = None,
    accept: Annotated[
        str | None, typer.Option(metavar="TABLE", help="trust what was accepted: .parquet, .csv or .json")
    ] = None,
    automatic: Annotated[
        bool, typer.Option("--automatic", help="trust what the model is confident of, and run the loop")
    ] = False,
    count: Annotated[int, typer.Option(min=1, max=20_000, help="at most so many pairs")] = 500,
    confident: Annotated[
        float | None, typer.Option(min=0, max=1, help="accepted beforehand: beyond this quantile of all scores")
    ] = None,
    confident_score: Annotated[float | None, typer.Option(help="or beyond this score")] = None,
    json: Json = False,
) -> None:
    """Curate, train, evaluate, and curate again with the model: rounds, compared at equal compute.

    The data engine, as Segment Anything has it, in three modes. Assisted: --propose TABLE writes the pairs that the
    model is least sure of, and a page with their pictures; --accept TABLE trusts what a person accepted.
    Semi-automatic: --propose TABLE --confident 0.9 has the sure ones accepted beforehand. Automatic: --automatic
    --confident 0.95 asks nobody.
    """
    changes = list(set or []) + ([f"engine.kind={engine}"] if engine else [])
    modes = {"--propose": propose, "--accept": accept, "--automatic": automatic}
    asked = _checked(recipe, replay, modes, confident, confident_score)
    if replay is not None:
        from pipelines.cli.training import replay_round

        replay_round(replay, to, changes, json)
    elif recipe is not None and asked:
        from pipelines.cli import data_engine
        from pipelines.propose import Confident

        beyond = Confident(confident, confident_score)
        sure = confident is not None or confident_score is not None
        if propose is not None:
            data_engine.propose(recipe, propose, count, beyond if sure else None, changes, json)
        elif accept is not None:
            data_engine.accept(recipe, accept, changes, json)
        else:
            data_engine.run_automatic(recipe, count, beyond, changes, json)
    elif recipe is not None:
        from pipelines.cli.training import run_loop

        run_loop(recipe, changes, json)


def _checked(
    recipe: str | None, replay: str | None, modes: Mapping[str, object], quantile: float | None, score: float | None
) -> list[str]:
    """The modes that are asked for: none, or one. Raises BadParameter for options that do not go together."""
    if (recipe is None) == (replay is None):
        raise typer.BadParameter("give a recipe, or --replay RECORD")
    asked = [name for name, value in modes.items() if value]
    if len(asked) > 1 or (asked and replay is not None):
        raise typer.BadParameter(f"{', '.join([*asked, *(['--replay'] if replay else [])])}: one at a time")
    sure = quantile is not None or score is not None
    if (quantile is not None and score is not None) or (sure and asked not in (["--propose"], ["--automatic"])):
        raise typer.BadParameter("give one of --confident and --confident-score, with --propose or --automatic")
    if "--automatic" in asked and not sure:
        raise typer.BadParameter("--automatic needs --confident 0.95, say, or --confident-score")
    return asked
