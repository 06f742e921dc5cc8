"""Any condition over any signal, in SQL's `WHERE` language (Polars' dialect).

A condition that is null drops a sample as `:null`. NaN is a number here, as SQL has it: larger than every other and
equal to itself, so `score > 0.3` keeps it. Use `score` for bounds to which NaN is unmeasured.
"""

from typing import ClassVar

from pydantic import Field, field_validator

from curate.errors import RecipeError
from curate.filters.rule import Filter, Rule, parse_sql


class Where(Filter):
    type: ClassVar[str] = "where"
    sql: str = Field(description="such as: words > 3 and brightness > 0.1")

    @field_validator("sql")
    @classmethod
    def _parses(cls, value: str) -> str:
        try:
            expression = parse_sql(value)
        except RecipeError as error:
            raise ValueError(f"{error.message}; {error.hint}") from error
        if not expression.meta.root_names():
            raise ValueError("the condition reads no column")
        return value

    def rules(self) -> list[Rule]:
        return [Rule("sql", parse_sql(self.sql))]

    def reads(self) -> set[str]:
        return set(parse_sql(self.sql).meta.root_names())
