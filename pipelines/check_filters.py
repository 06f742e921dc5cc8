"""Do the filters' conditions fit the columns that they read? Asked before a download, of a table with those columns."""

from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass
from curate.errors import RecipeError, did_you_mean
from curate.filters.rule import Filter, Rule
from pipelines.check_captions import wrong_models
from pipelines.columns import schemas
from pipelines.recipe import Recipe
from pipelines.recipe_source import Location, Source


def check_filters(recipe: Recipe, source: Source | None = None) -> None:
    """Raises RecipeError with every mistake, at its `file:line:col` where the recipe's source is given."""
    problems = list(_problems(recipe))
    if not problems:
        return
    if source is not None:
        raise RecipeError(source.report(problems))
    lines = [
        f"filters.{recipe.filters[int(at[1])].stage}{'.'.join(('', *map(str, at[3:])))}: {m}" for at, m in problems
    ]
    raise RecipeError("\n".join(lines))


def _problems(recipe: Recipe) -> Iterator[tuple[Location, str]]:
    table, places = sample_table(recipe), schemas(recipe)
    for i, item in enumerate(recipe.filters):
        at: Location = ("filters", i, item.type)
        if misnamed := list(wrong_models(recipe, item)):
            yield from (((*at, *key), message) for key, message in misnamed)
            continue
        unknown = sorted(item.reads() - set(table.columns))
        for column in unknown:
            yield _at(at, item, "sql"), f"no signal is called {column!r}{did_you_mean(column, table.columns)}"
        for work in item.passes():
            if lacking := _lacking(work, places):
                yield _at(at, item, "model"), lacking
        if not unknown:
            for rule in item.rules():
                wrong = _wrong(rule, table)
                if wrong:
                    yield _at(at, item, rule.name), wrong


def _lacking(work: CorpusPass, places: dict[str, pa.Schema]) -> str | None:
    """What a pass would read that nothing measures, in words."""
    for folder, columns in work.reads.items():
        have = places[folder].names if folder in places else []
        for column in columns:
            if column not in have:
                model = column.removeprefix(c.embedding(""))
                if model == column:
                    return f"it needs {column!r}, which nothing measures"
                return f"{model!r} is no model that makes image vectors; declare one of kind open_clip or timm"
    return None


def _at(at: Location, item: Filter, name: str) -> Location:
    return (*at, name) if name in type(item).model_fields else at


def _wrong(rule: Rule, table: pl.DataFrame) -> str | None:
    if rule.keep is None:
        return None
    try:
        kind = table.select(rule.keep.alias("keep")).schema["keep"]
    except pl.exceptions.PolarsError as error:
        return f"this cannot be computed: {str(error).strip().splitlines()[0]}"
    return None if kind in (pl.Boolean, pl.Null) else f"this is a value ({kind}), not a condition: compare it with one"


def sample_table(recipe: Recipe) -> pl.DataFrame:
    """Every column that a run of this recipe can have, with its type: a row of nulls, and one of plain values.

    The second row finds a conversion of text to numbers, which has no wrong type but ends at the first real text.
    """
    columns: dict[str, pl.Series] = {}
    for schema in schemas(recipe).values():
        empty = pl.from_arrow(schema.empty_table())
        assert isinstance(empty, pl.DataFrame)
        for name, kind in empty.schema.items():
            value = "a" if kind == pl.String else 1 if kind.is_numeric() else None
            columns[name] = pl.Series([None, value], dtype=kind)
    return pl.DataFrame(columns)
