"""DataComp's text_based filter (Gadre et al. 2023): an alt-text of a language with a word of a list.

The list is the user's: a text file with a word per line, such as the lemmas of WordNet's synsets that ImageNet-21k
has. DataComp looks every whitespace word up in WordNet, small or capital, takes its first synset, and undoes
inflection; put inflected forms into the list for that. `tokens: whitespace` is DataComp's (so `cat,` is no `cat`);
`tokens: words` takes `curate.signals.text_stats`'s words, without the marks around them. Capitals do not count.
"""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.errors import InputError
from curate.files import file_sha256
from curate.filters.language import LanguageFilter
from curate.filters.line_file import lines
from curate.filters.rule import Filter, Rule
from curate.signals.text_stats import NOT_SPACE, words


class TextBased(Filter):
    type: ClassVar[str] = "text_based"
    paper: ClassVar[str] = "DataComp, arXiv 2304.14108"
    paths: ClassVar[tuple[str, ...]] = ("words",)
    words: str = Field(description="a text file, a word per line")
    languages: tuple[str, ...] | None = Field(("en",), min_length=1, description="null: any")
    tokens: Literal["whitespace", "words"] = "whitespace"

    def rules(self) -> list[Rule]:
        text = pl.col(c.CAPTION)
        found = words(text) if self.tokens == "words" else text.str.to_lowercase().str.extract_all(NOT_SPACE)
        listed = pl.element().is_in(pl.Series(self._listed()).implode())
        rule = Rule("words", found.list.eval(listed).list.any())
        if self.languages is None:
            return [rule]
        return [Rule("languages", LanguageFilter(keep=self.languages).rules()[0].keep), rule]

    def reads(self) -> set[str]:
        return {c.CAPTION} | (set() if self.languages is None else {c.LANGUAGE})

    def identity(self) -> tuple[object, ...]:
        """sha256 of the list. Raises InputError where there is none."""
        return (file_sha256(self.words, f"check `words` of the filter {self.stage}"),)

    def _listed(self) -> list[str]:
        hint = f"check `words` of the filter {self.stage}"
        found = sorted({line.lower() for _, line in lines(self.words, hint)})
        if not found:
            raise InputError(f"{self.words}: no word in it", hint)
        return found
