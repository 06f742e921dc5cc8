"""Arguments and options that several commands have."""

from typing import Annotated

import typer

RecipePath = Annotated[str, typer.Argument(help="a recipe (.yaml)")]
RunPath = Annotated[str, typer.Argument(metavar="RUN", help="a run directory")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
Set = Annotated[list[str] | None, typer.Option("--set", help="change a key, such as download.timeout=5")]
