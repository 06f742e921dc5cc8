"""`curate demo`."""

import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from curate.report.terminal import rounds_table
from pipelines.cli.console import StageProgress, emit, hint, out, say, table
from pipelines.cli.run import print_summary
from pipelines.decide import read as read_columns
from pipelines.demo import judge, outcome_confusion, planted_site, scored
from pipelines.loop import Loop
from pipelines.recipe import load
from pipelines.workspace import Workspace


def run_demo(
    folder: str, seed: int, pairs: int, engine: str, changes: list[str], json: bool, *, loop: bool = False
) -> None:
    began = time.monotonic()
    root = Path(folder)
    hint(f"planting {pairs:,} URLs and their pictures in {root / 'web'} (seed {seed})")
    with planted_site(root, seed, pairs, engine, loop) as (web, path):
        recipe = load(path, changes)
        summary, records = Loop(recipe, StageProgress()).run()
    workspace = Workspace.at(recipe.run_dir)
    judgements = judge(recipe, workspace, web)
    wrong = outcome_confusion(workspace, web, read_columns(recipe, workspace, ["outcome"]))
    if json:
        emit(
            {
                **summary.__dict__,
                "seed": seed,
                "rounds": records,
                "truth": [j.__dict__ for j in judgements],
                "wrong_outcomes": wrong,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
        return
    print_summary(summary)
    say("\nAgainst the planted truth:")
    table(
        [(j.part, j.unit, f"{j.precision:.3f}", f"{j.recall:.3f}", j.found, j.planted) for j in judgements],
        ("part", "of", "precision", "recall", "found", "planted"),
        right=(2, 3, 4, 5),
    )
    share = next(j.planted for j in judgements if j.part == "clip_score") / sum(scored(workspace))
    say(f"Wrong captions among the pairs that clip_score was asked about: {share:.0%}.")
    for row in wrong:
        say(f"  {row['rows']} rows planted as {row['planted']} came out as {row['found']}")
    say()
    out.print(rounds_table(records))
    if loop:
        _tell_ablation(records[0]["differences"])
    run = Path(recipe.run_dir)
    shown = shlex.quote(str(run.relative_to(Path.cwd()) if run.is_relative_to(Path.cwd()) else run))
    say(f"\n{time.monotonic() - began:.0f} s. Three things to try next:")
    say(f"  {_command()} explain {shown} {_dropped(workspace)}")
    say(f"  {_command()} whatif {shown} --set filters.phash_dedup.max_distance=8")
    say(f"  {_command()} stats {shown}")


def _tell_ablation(differences: list[dict[str, Any]]) -> None:
    """Captions and filter (C+F) against each arm that lacks a part, in the first round."""
    say("\nCaptions and filter, less what lacks a part; paired by seed, with the standard error:")
    for row in differences:
        se = "" if row["se"] is None else f" ± {row['se']:.3f}"
        say(f"  {row['against']:7} {row['eval']} {row['metric']}: {row['value']:+.3f}{se}")


def _command() -> str:
    """`curate`, or the path of it where the environment is not active."""
    return "curate" if shutil.which("curate") else os.path.relpath(sys.argv[0])


def _dropped(workspace: Workspace) -> str:
    """The uid of a pair that was dropped as a duplicate, or of any dropped one."""
    subset = workspace.folder.read_table("subset.parquet", ["uid", "reason"])
    reasons = list(zip(subset.column(0).to_pylist(), subset.column(1).to_pylist(), strict=True))
    duplicate = next((uid for uid, reason in reasons if (reason or "").startswith("phash_dedup")), None)
    return duplicate or next((uid for uid, reason in reasons if reason), reasons[0][0])
