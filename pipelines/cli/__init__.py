"""The command `curate`. Results go to stdout, progress and hints to stderr; each command imports what it needs."""

import sys
from typing import Annotated, Any, NoReturn

import typer

from curate import __version__
from curate.errors import CurateError
from pipelines.cli.exchange import EXPORT_EXAMPLES, METADATA_EXAMPLES, export, metadata
from pipelines.cli.loop import LOOP_EXAMPLES, loop
from pipelines.cli.options import Json, RecipePath, RunPath, Set

app = typer.Typer(
    name="curate",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Turn lists of image URLs and captions into training sets, and see why each pair was kept or dropped.",
    epilog="curate demo   |   curate init mydata   |   curate run mydata/recipe.yaml",
)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(f"curate {__version__}")
        raise typer.Exit


@app.command(epilog="curate demo   |   curate demo /tmp/demo --seed 3   |   curate demo loop --loop")
def demo(
    folder: Annotated[str, typer.Argument(help="where to write")] = "demo",
    seed: Annotated[int, typer.Option(help="another planted web")] = 0,
    pairs: Annotated[int, typer.Option(help="rows of the planted URL list", min=300)] = 4500,
    engine: Annotated[str, typer.Option(help="ray or serial")] = "ray",
    loop: Annotated[bool, typer.Option("--loop", help="two rounds with CapFilt and its ablation, 5 seeds")] = False,
    set: Set = None,
    json: Json = False,
) -> None:
    """Plant a small web with known answers, curate it, train on it, and compare with the truth. Offline."""
    from pipelines.cli.demo import run_demo

    run_demo(folder, seed, pairs, engine, set or [], json, loop=loop)


@app.command(epilog="curate init mydata   |   curate init mydata --template training")
def init(
    folder: Annotated[str, typer.Argument(help="where to write recipe.yaml")] = ".",
    template: Annotated[str, typer.Option(help="align, clip, images, loop, methods, training")] = "align",
) -> None:
    """Write a commented recipe to start from."""
    from pipelines.cli.init import write_recipe

    write_recipe(folder, template)


@app.command(
    epilog="curate extract 'crawl/*.warc.gz' --out urls   |   curate extract a.html --page https://a.example --out urls"
)
def extract(
    files: Annotated[list[str], typer.Argument(help="WARC, WAT and HTML files, also .gz: paths, globs, URLs")],
    out: Annotated[str, typer.Option("--out", "-o", help="the folder of the list")],
    page: Annotated[str | None, typer.Option(metavar="URL", help="with one HTML file: where it came from")] = None,
    keep_empty: Annotated[bool, typer.Option("--keep-empty", help="also images without an alt-text")] = False,
    engine: Annotated[str, typer.Option(help="ray or serial")] = "ray",
    ray_address: Annotated[str | None, typer.Option(help="a Ray cluster instead of this machine")] = None,
    json: Json = False,
) -> None:
    """Web pages to a URL list: every image with its alt-text, once.

    Writes FOLDER/*.parquet with the columns url, caption (the alt-text), title, page and language (as the page says),
    which a recipe takes as `input: {urls: FOLDER/*.parquet}`. Of srcset the largest, lazy-loaded images where src is
    a placeholder. The same command again does only what is missing.
    """
    from pipelines.cli.extract import extract_files
    from pipelines.extract.sources import Options
    from pipelines.recipe import Engine

    if engine not in ("ray", "serial"):
        raise typer.BadParameter("--engine is ray or serial")
    means = Engine(kind="ray" if engine == "ray" else "serial", address=ray_address or "local")
    extract_files(files, out, Options(keep_empty, page), means, json)


@app.command(epilog="curate check recipe.yaml   |   curate check recipe.yaml --set download.timeout=5")
def check(recipe: RecipePath, set: Set = None, json: Json = False) -> None:
    """Check a recipe, its input and its models. Nothing is downloaded."""
    from pipelines.cli.check import show_check

    show_check(recipe, set or [], json)


@app.command(epilog="curate run recipe.yaml   |   curate run recipe.yaml --engine serial --set download.retries=0")
def run(
    recipe: RecipePath,
    set: Set = None,
    engine: Annotated[str | None, typer.Option(help="ray or serial")] = None,
    ray_address: Annotated[str | None, typer.Option(help="a Ray cluster instead of this machine")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="check and stop")] = False,
    json: Json = False,
) -> None:
    """Run a recipe. The same command again does only what is missing."""
    from pipelines.cli.run import run_recipe

    changes = list(set or [])
    changes += [f"engine.kind={engine}"] if engine else []
    changes += [f"engine.address={ray_address}"] if ray_address else []
    run_recipe(recipe, changes, dry_run, json)


app.command(epilog=LOOP_EXAMPLES)(loop)


@app.command(epilog="curate train runs/v1   |   curate train runs/v1 --data 'other/*.tar' --name other")
def train(
    run: RunPath,
    data: Annotated[list[str] | None, typer.Option("--data", help="other tars or image tables; globs")] = None,
    name: Annotated[str, typer.Option(help="with --data: its name among the arms")] = "other",
    set: Set = None,
    json: Json = False,
) -> None:
    """Train the recipe's models on the run's dataset, one per seed."""
    from pipelines.cli.training import train_run

    train_run(run, data or [], name, set or [], json)


@app.command("eval", epilog="curate eval runs/v1   |   curate eval runs/v1 --data pairs.tar --kind captioning")
def evaluate(
    run: RunPath,
    data: Annotated[list[str] | None, typer.Option("--data", help="another set: tars or image tables; globs")] = None,
    kind: Annotated[str | None, typer.Option(help="with --data: as in the recipe's `eval`; default: retrieval")] = None,
    classes: Annotated[str | None, typer.Option(help="with --data: a classes.yaml, for zero-shot accuracy")] = None,
    learn: Annotated[list[str] | None, typer.Option("--train", help="with --data: what knn and probes learn")] = None,
    set: Set = None,
    json: Json = False,
) -> None:
    """Evaluate the trained models of a run and of its arms, with intervals."""
    if not data and (given := [n for n, v in (("--kind", kind), ("--classes", classes), ("--train", learn)) if v]):
        raise typer.BadParameter(f"{given[0]} is of another set: give --data too, or take it out")
    from pipelines.cli.training import evaluate_run, other_set

    evaluate_run(run, other_set(data, kind, classes, learn) if data else None, set or [], json)


@app.command(epilog="curate compare a.yaml b.yaml --seeds 3   |   curate compare a.yaml b.yaml --out reports")
def compare(
    recipes: Annotated[list[str], typer.Argument(help="recipes (.yaml); budget and evaluations are the first one's")],
    seeds: Annotated[int | None, typer.Option(min=1, help="how many; default: those of the first recipe")] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="where to write the page; default: beside the first run"),
    ] = None,
    set: Set = None,
    json: Json = False,
) -> None:
    """Curate by several recipes, train the same model on each dataset, and tell which is better: a table and a page."""
    from pipelines.cli.training import compare_recipes

    compare_recipes(recipes, seeds, out, set or [], json)


@app.command(epilog="curate retry runs/v1   |   curate retry runs/v1 --status timeout,5xx,dns")
def retry(
    run: RunPath,
    status: Annotated[str, typer.Option(help="outcomes, with commas; default: all that may pass")] = "",
    set: Set = None,
    json: Json = False,
) -> None:
    """Ask again for the URLs that failed, and for no other; then do again what depends on what came."""
    from pipelines.cli.run import retry_run

    retry_run(run, [name for name in status.split(",") if name], set or [], json)


@app.command(epilog="curate status runs/v1")
def status(run: RunPath, json: Json = False) -> None:
    """How far a run is; also while it is running."""
    from pipelines.cli.inspect import show_status

    show_status(run, json)


@app.command(epilog="curate stats runs/v1   |   curate stats runs/v1 --json")
def stats(run: RunPath, json: Json = False) -> None:
    """The dataset's statistics: outcomes, sizes, words, concepts, scores, hosts, duplicates, what each rule dropped."""
    from pipelines.cli.inspect import show_stats

    show_stats(run, json)


@app.command(epilog="curate explain runs/v1 https://example.org/cat.jpg   |   curate explain runs/v1 3f2a9c01")
def explain(
    run: RunPath,
    key: Annotated[str, typer.Argument(help="a url, a uid (or its beginning), or a pool key")],
    json: Json = False,
) -> None:
    """The life of one pair: what came, what was measured, which rule decided, where it lies."""
    from pipelines.cli.inspect import show_life

    show_life(run, key, json)


@app.command(epilog="curate whatif runs/v1 --set filters.phash_dedup.max_distance=8")
def whatif(run: RunPath, set: Set = None, json: Json = False) -> None:
    """Other thresholds on what is measured already. No model runs and nothing is written."""
    from pipelines.cli.whatif import show_whatif

    show_whatif(run, set or [], json)


@app.command(epilog="curate report runs/v1   |   curate report runs/v1 --output report.html")
def report(
    run: RunPath, output: Annotated[str | None, typer.Option("--output", "-o", help="another file to write")] = None
) -> None:
    """Write report.html: one offline file with the run's statistics and pictures."""
    from pipelines.cli.inspect import write_report

    write_report(run, output)


app.command(epilog=EXPORT_EXAMPLES)(export)
app.command(epilog=METADATA_EXAMPLES)(metadata)


@app.command(epilog="curate verify runs/v1")
def verify(run: RunPath, json: Json = False) -> None:
    """Hash every file against its manifest, and prove that all numbers add up."""
    from pipelines.cli.inspect import show_proof

    show_proof(run, json)


@app.command(epilog="curate doctor")
def doctor(json: Json = False) -> None:
    """Is this machine fit?"""
    from pipelines.cli.doctor import show_doctor

    show_doctor(json)


def main(arguments: list[str] | None = None) -> NoReturn:
    """The console script. Every error of ours is a message and an exit code, never a traceback."""
    code: Any = 0
    try:
        code = app(arguments, standalone_mode=False) or 0
    except CurateError as error:
        typer.echo(f"{error}", err=True)
        code = error.exit_code
    except typer.Exit as stop:
        code = stop.exit_code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 0
    except Exception as error:
        show, exit_code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if exit_code is None:
            raise
        if show is not None:
            show()
        code = exit_code
    sys.exit(code if isinstance(code, int) else 0)
