"""What a filter is made of.

A filter is a list of named rules; a rule is a Polars expression over signals, or, when it compares samples
with one another, a function of the frame. True keeps, false drops, null drops and the reason says `:null`.
A comparison may also answer with integers: so many copies of the sample, 0 drops. Where several rules give
copies, the last one's number stands.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_serializer

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.errors import RecipeError

Of = Literal["pool", "survivors"]
OF_TEXTS = frozenset(
    [
        *(c.CAPTION, c.CAPTION_IMAGES, c.RAREST_NGRAM_RANK, c.RAREST_WORD_COUNT),
        *(*c.TEXT_STATS.names, *c.LANGUAGE_SCHEMA.names, *c.CAPTION_QUALITY.names),
    ]
)
OF_PAIRS = tuple(column("") for column in (c.concepts, c.phrases, c.clip_score, c.match))


@dataclass(frozen=True)
class Threshold:
    """For people: the column that a rule compares, and with what."""

    column: str
    bound: Literal["min", "max"]
    value: float
    inclusive: bool


@dataclass(frozen=True)
class Rule:
    """One reason to drop. Give `keep` for an expression, `compare` for work among samples, or `branches`.

    compare(frame, asked, tables) answers for every row of the frame; only rows where `asked` is true count.
    `of` says who is compared: every downloaded sample, or those that no earlier rule dropped.
    """

    name: str
    keep: pl.Expr | None = None
    compare: Callable[[pl.DataFrame, pl.Series, dict[str, Tables]], pl.Series] | None = None
    of: Of = "pool"
    thresholds: tuple[Threshold, ...] = field(default=())
    branches: "Branches | None" = None
    compared: tuple[str, ...] = ()  # the columns whose values a `compare` ranks, where it is no more than that

    @property
    def of_text(self) -> bool:
        """It asks of nothing but what a text says and how well it fits its image: who fails may have a good image."""
        if self.branches is not None:
            return all(rule.of_text for _, rules in self.branches.rules for rule in rules)
        columns = self.keep.meta.root_names() if self.keep is not None else self.compared
        return bool(columns) and all(column in OF_TEXTS or column.startswith(OF_PAIRS) for column in columns)


@dataclass(frozen=True)
class Branches:
    """Rules side by side: of each branch all rules must keep; `need` says how many branches must.

    Three-valued: a branch is null where none of its rules drops and one is null, and so on upwards (Kleene).
    """

    need: Literal["any", "all", "none"]
    rules: tuple[tuple[str, tuple[Rule, ...]], ...]  # a branch's name, its rules


class Filter(BaseModel):
    """A recipe's item. Its parameters are its fields; a subclass says `rules` and what they read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, ser_json_inf_nan="constants")
    type: ClassVar[str]
    paper: ClassVar[str] = ""
    paths: ClassVar[tuple[str, ...]] = ()  # fields that are paths: relative ones are seen from the recipe
    alias: str | None = Field(None, alias="name", description="the item's name, if not its type")

    @model_serializer(mode="wrap")
    def _as_written(self, handler: Any) -> dict[str, Any]:
        return without_absent(self, handler(self))

    @property
    def stage(self) -> str:
        return self.alias or self.type

    def rules(self) -> list[Rule]:
        raise NotImplementedError

    def reads(self) -> set[str]:
        """The columns that the rules read, the pool's included."""
        raise NotImplementedError

    def passes(self) -> list[CorpusPass]:
        """Corpus passes whose whole-pool tables the rules read."""
        return []

    def models(self) -> set[str]:
        """Names of the recipe's models that must have scored the pool."""
        return set()

    def parts(self) -> tuple["Filter", ...]:
        """The filters that this one is made of, if it is made of filters."""
        return ()

    @property
    def writer(self) -> str | None:
        """The model whose captions join at this item; None where none do."""
        return None

    @property
    def rescues(self) -> bool:
        """Of an item with a writer: also images whose texts were dropped for what the texts say get a caption."""
        return False

    def identity(self) -> tuple[object, ...]:
        """What bears on the answer beside the parameters and the columns: the content of a file that is named."""
        return ()


def bounded(column: str, minimum: float | None, maximum: float | None, *, inclusive: bool) -> pl.Expr:
    """minimum <= column <= maximum, or strict on both sides; a bound of None is no bound. NaN is unmeasured."""
    value = pl.col(column).fill_nan(None)
    keep = pl.lit(True)
    if minimum is not None:
        keep = keep & (value >= minimum if inclusive else value > minimum)
    if maximum is not None:
        keep = keep & (value <= maximum if inclusive else value < maximum)
    return keep


def ratio_at_most(part: pl.Expr, whole: pl.Expr, ratio: float, *, inclusive: bool) -> pl.Expr:
    """part / whole <= ratio, or <, exactly: of integers from 0 to 2**31, the ratio the decimal that is written."""
    # Beyond these no quotient of two such integers lies, but 0.
    decimal = Fraction(str(min(max(ratio, 2.0**-32), 2.0**31) if ratio > 0 else 0.0))
    wide = pl.Int64 if max(decimal.numerator, decimal.denominator) < 2**31 else pl.Int128
    left = part.cast(wide) * pl.lit(decimal.denominator, wide)
    right = whole.cast(wide) * pl.lit(decimal.numerator, wide)
    return left <= right if inclusive else left < right


def parse_sql(sql: str) -> pl.Expr:
    """A Polars expression from SQL's `WHERE` language. Raises RecipeError."""
    try:
        return pl.sql_expr(sql)
    except pl.exceptions.PolarsError as error:
        raise RecipeError(
            f"not an SQL condition: {sql!r} ({error})", "such as: words > 3 and brightness > 0.1"
        ) from error


def without_absent(model: BaseModel, written: dict[str, Any]) -> dict[str, Any]:
    """A section as a recipe spells it: a key that is null because nothing was said is left out.

    One that says null where the default is something stays, or reading it again would give the default.
    """
    fields = {key: field for name, field in type(model).model_fields.items() for key in (name, field.alias or name)}
    return {k: v for k, v in written.items() if v is not None or fields[k].get_default() is not None}
