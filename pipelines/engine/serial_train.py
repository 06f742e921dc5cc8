"""Training in this process, one job after the other. What it gives is what Ray Train must give."""

from collections.abc import Callable, Sequence

from curate.errors import RecipeError
from model_training.trainers.plan import Job, Progress, Trained
from pipelines.engine.stop import Stop


def fit(
    jobs: Sequence[Job],
    *,
    workers: int,
    stop: Stop,
    on_progress: Callable[[Progress], None],
    on_done: Callable[[Trained], None],
) -> None:
    """As `Engine.fit`. Raises RecipeError for more than one worker."""
    from model_training.data.pixels import forget
    from model_training.trainers.loop import train  # brings torch

    if workers > 1:
        raise RecipeError(
            f"the serial engine trains with one worker, not {workers}",
            "set engine.kind: ray, or take train.workers out of the recipe",
        )
    try:
        for job in jobs:
            stop.check()
            trained = train(job, report=on_progress, stopped=lambda: stop.signum is not None)
            if trained is None:
                stop.check()
            else:
                on_done(trained)
    finally:
        forget()
