"""A text corpus as blocks of passages: text files with one passage per line, compressed or not, or Parquet."""

import zlib
from collections.abc import Iterator, Sequence
from lzma import LZMAError

import fsspec
import polars as pl

from curate.errors import InputError
from curate.files import open_parquet

BLOCK = 16 << 20  # bytes of text
ROWS = 50_000  # of a Parquet table


def text_blocks(paths: Sequence[str], column: str = "text", block: int = BLOCK) -> Iterator[pl.Series]:
    """Series of strings. `paths` are local or fsspec URLs; `column` is where a Parquet file has its text.

    Bytes that are no UTF-8 become the replacement character. Raises InputError.
    """
    for path in paths:
        try:
            yield from _table(path, column) if path.endswith(".parquet") else _lines(path, block)
        except (OSError, EOFError, LZMAError, zlib.error, KeyError, ValueError) as error:
            raise InputError(
                f"{path}: not readable as text ({error})", "one passage, entry or title a line, or a Parquet table"
            ) from error


def _lines(path: str, block: int) -> Iterator[pl.Series]:
    with fsspec.open(path, "rb", compression="infer") as stream:
        rest = b""
        while data := stream.read(block):
            whole, newline, rest_of_data = data.rpartition(b"\n")
            if newline:
                yield _series(rest + whole)
                rest = rest_of_data
            else:
                rest += data
        if rest:
            yield _series(rest)


def _series(data: bytes) -> pl.Series:
    return pl.Series(data.decode("utf-8", "replace").split("\n"), dtype=pl.String)


def _table(path: str, column: str) -> Iterator[pl.Series]:
    with open_parquet(path) as file:
        if column not in file.schema_arrow.names:
            raise KeyError(f"no column {column!r}, there are {', '.join(file.schema_arrow.names)}")
        for batch in file.iter_batches(ROWS, columns=[column]):
            yield pl.Series(batch.column(0)).cast(pl.String)
