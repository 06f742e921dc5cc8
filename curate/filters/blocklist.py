"""Block-lists: hosts, contents and near-contents that may not be in, whatever else says so.

domains       a domain per line; a host is blocked that is it or ends in a dot and it, so `example.com` blocks
              `img.example.com` and not `myexample.com`. Capitals, a last dot and the port do not count, `*.` before
              an entry is dropped, names beyond ASCII are compared in their IDNA form. Of an entry with a scheme or
              a port (`https://spam.example:80/`) the host counts; one with a path, or what is no host, is an error,
              since it could block only more than it says. A sample without a URL is kept.
sha256        a hash of the bytes as downloaded per line, 64 hex digits
phash         a perceptual hash (`curate.signals.phash`) per line, 16 hex digits; blocked is what is at most
              `max_distance` bits away. A sample whose hash is not known is dropped as `:null`.
"""

import re
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.corpus import Tables
from curate.corpus.hamming import hamming_between
from curate.errors import InputError
from curate.files import file_sha256
from curate.filters.line_file import lines
from curate.filters.rule import Filter, Rule

# Browsers read a backslash as a slash, and what is before an @ is no host.
HOST = r"^[a-zA-Z][a-zA-Z0-9+.\-]*:[/\\]{2}(?:[^/?#\\]*@)?(\[[^\]]*\]|[^/?#\\:@]+)"
ENTRY = re.compile(
    r"(?:[a-zA-Z][a-zA-Z0-9+.\-]*://(?:[^\s/?#\\@]*@)?)?(\[[0-9a-fA-F:.]+\]|[^\s/?#\\:@\[\]]+)(?::\d*)?/?"
)
NAME = re.compile(r"\[.*\]|(?:[a-z0-9_-]|[^\x00-\x7f])+(?:\.(?:[a-z0-9_-]|[^\x00-\x7f])+)*")
DOTS = re.compile("[\u3002\uff0e\uff61]")  # IDNA's other full stops


class Blocklist(Filter):
    type: ClassVar[str] = "blocklist"
    paths: ClassVar[tuple[str, ...]] = ("domains", "sha256", "phash")
    domains: str | None = Field(None, description="a text file, a domain per line")
    sha256: str | None = Field(None, description="a text file, 64 hex digits per line")
    phash: str | None = Field(None, description="a text file, 16 hex digits per line")
    max_distance: int = Field(0, ge=0, le=16, description="bits between perceptual hashes")

    @model_validator(mode="after")
    def _some(self) -> "Blocklist":
        if not self._files():
            raise ValueError("give at least one of domains, sha256, phash")
        return self

    def rules(self) -> list[Rule]:
        kinds = {
            "domains": Rule("domains", compare=self._host_is_free),
            "sha256": Rule("sha256", compare=self._bytes_are_free),
            "phash": Rule("phash", compare=self._picture_is_free),
        }
        return [kinds[name] for name in self._files()]

    def reads(self) -> set[str]:
        columns = {"domains": c.URL, "sha256": c.SHA256, "phash": c.PHASH}
        return {columns[name] for name in self._files()}

    def identity(self) -> tuple[object, ...]:
        """sha256 of each list. Raises InputError where there is none."""
        return tuple((name, file_sha256(path, self._hint(name))) for name, path in self._files().items())

    def _files(self) -> dict[str, str]:
        named = {"domains": self.domains, "sha256": self.sha256, "phash": self.phash}
        return {name: path for name, path in named.items() if path is not None}

    def _hint(self, name: str) -> str:
        return f"check `{name}` of the filter {self.stage}"

    def _host_is_free(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        assert self.domains is not None
        blocked = pl.Series(_domains(self.domains, self._hint("domains")), dtype=pl.String).unique()
        return ~under(frame[c.URL], blocked)

    def _bytes_are_free(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        blocked = pl.Series(self._hashes("sha256", 64), dtype=pl.String)
        return ~frame[c.SHA256].is_in(blocked.implode())

    def _picture_is_free(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        blocked = np.array([int(digits, 16) for digits in self._hashes("phash", 16)], np.uint64)
        if self.max_distance and len(blocked):
            known = frame[c.PHASH].drop_nulls().unique().to_numpy()
            blocked = np.unique(hamming_between(known, blocked, self.max_distance)[0])
        return ~frame[c.PHASH].is_in(pl.Series(blocked, dtype=pl.UInt64).implode())

    def _hashes(self, name: str, digits: int) -> list[str]:
        path = self._files()[name]
        found = []
        for number, entry in lines(path, self._hint(name)):
            if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", entry):
                raise InputError(f"{path}:{number}: not {digits} hex digits: {entry[:80]!r}", self._hint(name))
            found.append(entry.lower())
        return found


def under(urls: pl.Series, domains: pl.Series) -> pl.Series:
    """Whether the host of each URL is one of the domains or below one; false without a host."""
    hosts = urls.to_frame("url").select(host=pl.col("url").str.strip_chars().str.extract(HOST))
    distinct = hosts.unique().drop_nulls()
    named = distinct.with_columns(name=pl.Series([_domain(host) for host in distinct["host"]], dtype=pl.String))
    labels = pl.col("name").str.split(".")
    lengths = domains.str.count_matches(r"\.").unique().to_list()
    tails = [labels.list.tail(dots + 1).list.join(".").is_in(domains.implode()) for dots in lengths]
    blocked = named.filter(pl.any_horizontal(pl.lit(False), *tails))["host"]
    return hosts["host"].is_in(blocked.implode()).fill_null(False)


def _domains(path: str, hint: str) -> list[str]:
    """The hosts of a list. Raises InputError for what is none."""
    found = []
    for number, entry in lines(path, hint):
        parts = ENTRY.fullmatch(entry)
        name = _domain(parts[1]) if parts else ""
        if not NAME.fullmatch(name):
            raise InputError(f"{path}:{number}: not a host, such as spam.example: {entry[:80]!r}", hint)
        found.append(name)
    return found


def _domain(text: str) -> str:
    """Small letters, ASCII, without `*.` or dots at the ends."""
    name = DOTS.sub(".", text.lower()).removeprefix("*.").strip(".")
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:  # no name that resolves
        return name
