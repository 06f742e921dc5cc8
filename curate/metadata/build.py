"""Make a list of concepts as MetaCLIP's 500,000 entries were made (Xu et al. 2023, arXiv 2309.16671, Table 1).

Numerals 0 to 99, word lists such as WordNet's synset names, frequent words, pairs of words with a high PMI, and
titles that are read often, in this order. The first source that has an entry is the one that it is from; single
marks of ASCII punctuation are left out. Beside the entries, `NAME.sources.json` tells how many each source had, how
many of them were new, and so on which lines of the file they are.
"""

import string
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, canonical_json, sha256
from curate.metadata.ngrams import bigrams, count_ngrams, unigrams
from curate.metadata.text_blocks import text_blocks
from curate.metadata.titles import titles


@dataclass(frozen=True)
class Source:
    name: str
    entries: Iterable[str]
    settings: dict[str, Any] = field(default_factory=dict)  # for the sidecar


def build_metadata(
    out: str,
    word_lists: Sequence[str] = (),
    corpus: Sequence[str] = (),
    page_views: Sequence[str] = (),
    *,
    text_column: str = "text",
    min_count: int = 100,
    min_pmi: float = 30.0,
    min_pair_count: int = 1,
    project: str = "en",
    min_views: int = 70,
    scratch: str | None = None,
    done: Callable[[str], None] = lambda path: None,
) -> dict[str, Any]:
    """Write `out` and what the sidecar says; the latter is also returned. All paths are the user's own files.

    word_lists  one entry per line; underscores are kept, so write spaces
    corpus      see `text_blocks`
    page_views  see `titles`
    scratch     a folder with room for the counts of a large corpus; the system's own temporary one by default
    done        is told each file of the corpus that was read
    Raises InputError for a file that cannot be read.
    """
    sources = [Source("numerals", [str(number) for number in range(100)])]
    sources += [Source("word_list", _lines(path), {"file": Path(path).name}) for path in word_lists]
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        if corpus:
            counts = count_ngrams(_watched(corpus, text_column, done), Path(folder))
            settings: dict[str, Any] = {"files": len(corpus), "words": counts.total}
            words, pairs = unigrams(counts, min_count), bigrams(counts, min_pmi, min_pair_count)
            sources.append(Source("unigrams", words[c.ENTRY], settings | {"min_count": min_count}))
            said = settings | {"min_pmi": min_pmi, "min_count": min_pair_count}
            sources.append(Source("bigrams", pairs[c.ENTRY], said))
    if page_views:
        viewed = titles(page_views, project, min_views=min_views)
        said = {"files": len(page_views), "project": project, "min_views": min_views}
        sources.append(Source("titles", viewed[c.ENTRY], said))
    return write_metadata(out, sources)


def _watched(corpus: Sequence[str], column: str, done: Callable[[str], None]) -> Iterator[pl.Series]:
    for path in corpus:
        yield from text_blocks([path], column)
        done(path)


def write_metadata(out: str, sources: Iterable[Source]) -> dict[str, Any]:
    """The union in the sources' order, and the sidecar."""
    if out.endswith(".json"):
        raise InputError(f"{out}: is written as lines, not as JSON", "name it .txt")
    entries: dict[str, None] = {}
    told = []
    for source in sources:
        before, found = len(entries), 0
        for entry in source.entries:
            if possible(entry):
                found += 1
                entries[entry] = None
        lines = [before + 1, len(entries)] if len(entries) > before else None
        told.append(
            {"source": source.name, "found": found, "new": len(entries) - before, "lines": lines} | source.settings
        )
    if not entries:
        raise InputError(f"{out}: no source has an entry", "give word lists, a corpus or page views")
    data = "".join(f"{entry}\n" for entry in entries).encode()
    record = {"entries": len(entries), "sha256": sha256(data), "sources": told}
    path = Path(out)
    folder = Folder(str(path.parent))
    folder.write(path.name, data)
    folder.write(f"{path.stem}.sources.json", canonical_json(record))
    return record


def possible(entry: str) -> bool:
    """Not empty, on one line, and not a single mark of punctuation."""
    mark = len(entry) == 1 and entry in string.punctuation
    return bool(entry.strip()) and not mark and not {"\n", "\r", "\t"} & set(entry)


def _lines(path: str) -> Iterator[str]:
    for block in text_blocks([path]):
        yield from block.str.strip_chars_end("\r").drop_nulls()


def entries_table(path: str) -> pl.DataFrame:
    """entry, source: where each entry of a file is from, by its sidecar. Raises InputError without one."""
    file = Path(path)
    record = Folder(str(file.parent)).read_json(f"{file.stem}.sources.json")
    entries = file.read_text(encoding="utf-8").split("\n")[:-1]
    if sha256(file.read_bytes()) != record["sha256"]:
        raise InputError(f"{path}: is not the file that its sidecar tells of", "build it again")
    names = [told["source"] for told in record["sources"] for _ in range(told["new"])]
    return pl.DataFrame({c.ENTRY: entries, "source": names})
