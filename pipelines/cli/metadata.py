"""`curate metadata`."""

import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import InputError, MachineError
from curate.metadata.build import build_metadata
from pipelines.cli.console import StageProgress, emit, hint, say, table
from pipelines.inputs.places import expand

NAMES = {"word_list": "word list", "titles": "page titles"}


@dataclass(frozen=True)
class Thresholds:
    min_count: int
    min_pmi: float
    min_pair_count: int
    min_views: int
    project: str
    text_column: str
    scratch: str | None


def metadata(
    texts: list[str], titles: list[str], words: list[str], out: str, thresholds: Thresholds, json: bool
) -> None:
    corpus, views, lists = _named(texts, "text"), _named(titles, "titles"), _named(words, "words")
    if not corpus and not views and not lists:
        raise InputError("no text, titles or word list is named", "curate metadata 'texts/*.txt' --out metadata.txt")
    _refuse_another_list(out)
    progress = StageProgress()
    progress.stage("metadata", len(corpus), "files")
    record = build_metadata(out, lists, corpus, views, **thresholds.__dict__, done=lambda path: progress.advance(1))
    progress.end(f"{record['entries']:,} entries")
    if json:
        emit({"out": out, **record})
        return
    rows = [(_name(told), told["found"], told["new"], _settings(told)) for told in record["sources"]]
    table(rows, ("source", "found", "new", "asked for"), right=(1, 2))
    say(f"{record['entries']:,} entries: {out}")
    _explain_no_bigrams(record)
    hint(f"Next: a recipe with `- concepts: {{entries: {shlex.quote(out)}}}`; curate init --template methods has one")


def _named(patterns: list[str], what: str) -> list[str]:
    try:
        return expand(patterns, f"file of {what}") if patterns else []
    except InputError as error:
        raise InputError(error.message, "name files, globs in quotes, or URLs; curate metadata --help") from error


def _refuse_another_list(out: str) -> None:
    """Only a list that this command made is made anew."""
    path = Path(out)
    if path.exists() and not path.with_name(f"{path.stem}.sources.json").exists():
        raise MachineError(f"{out}: is there already, and not of this command's making", "name another file with --out")


def _name(told: dict[str, Any]) -> str:
    name = NAMES.get(told["source"], told["source"])
    return f"{name} {told['file']}" if "file" in told else name


def _settings(told: dict[str, Any]) -> str:
    shown = [("min_pmi", "a PMI of {} bits"), ("min_count", "{:,} times"), ("min_views", "{:,} views")]
    return ", ".join(text.format(told[key]) for key, text in shown if key in told)


def _explain_no_bigrams(record: dict[str, Any]) -> None:
    for told in record["sources"]:
        if told["source"] == "bigrams" and not told["found"] and told["words"]:
            most = math.log2(told["words"])
            hint(
                f"  ! no pair of words reaches a PMI of {told['min_pmi']:g} bits: in a corpus of"
                f" {told['words']:,} words it is at most {most:.1f}; a lower --min-pmi finds some"
            )
