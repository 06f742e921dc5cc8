"""Captions that are none: bounds on the signals of `caption_quality`, each a rule of its own. No paper's; ours.

What equals a bound is kept; null sets no bound. The defaults drop a text that is mostly a file name, an address or
a date, that has a boilerplate phrase (as Conceptual Captions does), of which more than half repeats one word, with
more than 5 equal characters in a row, two pieces of markup, or a fifth of symbols. Capitals drop nothing by default:
CLIP's tokenizer reads them as small letters.
"""

from typing import ClassVar

from pydantic import Field

from curate import schema as c
from curate.filters.align_text import at_most
from curate.filters.rule import Filter, Rule


class CaptionQualityFilter(Filter):
    type: ClassVar[str] = "caption_quality"
    max_file_name_share: float | None = Field(0.5, ge=0, le=1)
    max_url_share: float | None = Field(0.5, ge=0, le=1)
    max_number_share: float | None = Field(0.75, ge=0, le=1)
    max_boilerplate: int | None = Field(0, ge=0, description="phrases")
    max_repeated_word_share: float | None = Field(0.5, ge=0, le=1)
    max_char_run: int | None = Field(5, ge=1, description="equal characters in a row")
    max_upper_share: float | None = Field(None, ge=0, le=1)
    max_markup: int | None = Field(1, ge=0, description="tags, entities, escapes")
    max_symbol_share: float | None = Field(0.2, ge=0, le=1)

    def _bounds(self) -> dict[str, float]:
        """column -> its largest value that is kept."""
        bounds = {column: getattr(self, f"max_{column}") for column in c.CAPTION_QUALITY.names}
        return {column: most for column, most in bounds.items() if most is not None}

    def rules(self) -> list[Rule]:
        return [at_most(f"max_{column}", column, most) for column, most in self._bounds().items()]

    def reads(self) -> set[str]:
        return set(self._bounds())
