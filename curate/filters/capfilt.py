"""CapFilt: a captioner writes a text for every image, and a filter drops the texts, web or synthetic, that do not
match (Li et al. 2022, arXiv 2201.12086, sections 3.3 and 4.1-4.4).

    - capfilt: {captioner: captioner, matcher: matcher}     # caption and filter; one alone does only its half

The captioner writes one text for each image that is in at this place, by its model's own settings (BLIP's: nucleus
sampling, p = 0.9), keyed by the image's uid. The texts join before anything is judged. `rescue`: an image whose texts
were dropped for what they say or for not fitting it (a CLIP score), by rules that look at nothing else, is captioned
too, so that a bad web text does not lose its image before it was described. It is for a row that every other rule so
far was asked of and kept: a comparison of survivors (a dedup) is not asked of what a text rule dropped before, so put
it before the text rules.

The matcher then judges every text that is in: kept is a probability above `min`, strictly, 0.5 as published (the
larger of the ITM head's two logits); or the best fraction `top`, as `curate.filters.score` takes it, for a matcher
whose probabilities are not calibrated. A text that could not be judged is dropped as `:null`. `keep: best` leaves of
an image's texts the one the matcher likes best; of equals the web's, then the one with the smallest uid. An image may
end with none, one or more texts.

Captioner and matcher should be two models: with shared weights the filter approves of its own captions (Table 4).
Of several items each captioner's texts join once, at its first, which also says `top_p` and `rescue`. A text that the
image has already, word for word, of the web or of a captioner before, does not join a second time.
"""

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.corpus import Tables
from curate.distinct import groups
from curate.filters.rule import Filter, Of, Rule, Threshold
from curate.filters.score import top_reads, top_rule

MATCHED = 0.5


class CapFilt(Filter):
    type: ClassVar[str] = "capfilt"
    paper: ClassVar[str] = "BLIP, arXiv 2201.12086"
    captioner: str | None = Field(None, description="a captioner of the recipe's models; none: only filter")
    matcher: str | None = Field(None, description="a matcher of the recipe's models; none: only caption")
    min: float | None = Field(None, ge=0, lt=1, description="probability that a text must be above; default 0.5")
    top: float | None = Field(None, gt=0, le=1, description="in place of min: the best fraction")
    of: Of = "pool"
    keep: Literal["union", "best"] = Field("union", description="of an image's texts: all, or the best one")
    rescue: bool = Field(
        True, description="caption also images that lost their texts alone: for what they say, or how they fit"
    )
    top_p: float | None = Field(None, gt=0, le=1, description="in place of the captioner's own")

    @model_validator(mode="after")
    def _does_something(self) -> "CapFilt":
        if self.captioner is None and self.matcher is None:
            raise ValueError("give a captioner, a matcher, or both")
        if self.min is not None and self.top is not None:
            raise ValueError("give either min (a probability) or top (a fraction)")
        judged = [name for name in ("min", "top") if getattr(self, name) is not None]
        judged += ["keep: best"] if self.keep == "best" else []
        if self.matcher is None and judged:
            raise ValueError(f"{judged[0]} needs a matcher")
        if self.captioner is None and self.top_p is not None:
            raise ValueError("top_p needs a captioner")
        return self

    @property
    def writer(self) -> str | None:
        return self.captioner

    @property
    def rescues(self) -> bool:
        return self.rescue and self.captioner is not None

    def rules(self) -> list[Rule]:
        if self.matcher is None:
            return []
        column = c.match(self.matcher)
        bound = MATCHED if self.min is None else self.min
        if self.top is not None:
            found = [top_rule(column, self.top, self.of)]
        else:
            matched = pl.col(column).fill_nan(None) > bound
            found = [Rule("match", matched, thresholds=(Threshold(column, "min", bound, False),))]
        if self.keep == "best":
            found.append(Rule("best", compare=self._best, of="survivors"))
        return found

    def reads(self) -> set[str]:
        if self.matcher is None:
            return set()
        best = {c.UID, c.IMAGE_UID, c.ORIGIN} if self.keep == "best" else set()
        return {c.match(self.matcher), *top_reads(self.top, None), *best}

    def models(self) -> set[str]:
        return {name for name in (self.captioner, self.matcher) if name is not None}

    def _best(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        assert self.matcher is not None
        rows = asked.arg_true().to_numpy()
        several, image = groups(frame[c.IMAGE_UID].gather(rows))  # places among them of texts that share an image
        texts = pl.DataFrame(
            {
                "row": rows[several],
                "image": image,
                "score": frame[c.match(self.matcher)].gather(rows[several]),
                "made": frame[c.ORIGIN].gather(rows[several]) == c.SYNTHETIC,
            }
        )
        ranked = texts.sort("image", "score", "made", descending=[False, True, False])
        first = ranked.unique("image", keep="first", maintain_order=True).drop("row")
        best = ranked.join(first, on=["image", "score", "made"])
        tied = best.with_columns(frame[c.UID].gather(best["row"])).sort("image", c.UID)
        kept = np.zeros(len(frame), bool)
        kept[np.delete(rows, several)] = True
        kept[tied.unique("image", keep="first", maintain_order=True)["row"].to_numpy()] = True
        return pl.Series(kept)
