"""Filters made of filters: unions, intersections and exclusions, as DataComp combines its baselines (arXiv 2304.14108).

    - any_of: [{clip_score: {model: b32, top: 0.3}}, {align_text: {}}]
    - none_of: {name: not_watermarked, items: [{where: {sql: "watermark > 0.8"}}]}

The branches are asked side by side, all of the same samples, and the item is one rule: `any_of` keeps what some
branch keeps, `all_of` what all keep, `none_of` what none keeps. A branch with several rules keeps what all of them
keep. What could not be measured counts as neither (Kleene): `any_of` keeps a sample that one branch keeps although
another was not measured. The reason lists the branches: `any_of.any_of(clip_score, align_text)` are those that
dropped it (of `none_of` those that kept it), and of `:null` those that were not measured. Copies count as kept.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import Field, SerializationInfo, ValidationError, field_serializer, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from curate.corpus import CorpusPass
from curate.errors import did_you_mean
from curate.filters.rule import Branches, Filter, Rule

MOST = 16  # branches of one item


class Combined(Filter):
    """`registered` is set by `curate.filters`: which filters there are, by name."""

    need: ClassVar[Literal["any", "all", "none"]]
    registered: ClassVar[Callable[[], dict[str, type[Filter]]]]
    items: tuple[Filter, ...] = Field(min_length=1, max_length=MOST, description="filters, as in `filters`")

    @model_validator(mode="before")
    @classmethod
    def _build(cls, value: Any) -> Any:
        """A list is short for `items`. Mistakes inside are reported at their own places."""
        short = isinstance(value, list)
        given = {"items": value} if short else value
        if not isinstance(given, dict) or not isinstance(given.get("items"), list | tuple):
            raise ValueError(f"{cls.type} is a list of filters: `- {cls.type}: [{{clip_score: {{...}}}}, ...]`")
        errors: list[InitErrorDetails] = []
        built = [_item(cls, item, (i,) if short else ("items", i), errors) for i, item in enumerate(given["items"])]
        stages = [None if item is None else item.stage for item in built]
        for i, item in enumerate(built):
            if item is not None and item.stage in stages[:i]:
                place = (i,) if short else ("items", i)
                errors.append(_error((*place, item.type), f"{item.stage!r} is there twice; give this one a `name`"))
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return {**given, "items": tuple(built)}

    @field_serializer("items")
    def _written(self, items: tuple[Filter, ...], info: SerializationInfo) -> list[dict[str, Any]]:
        options: dict[str, Any] = {"mode": info.mode, "by_alias": info.by_alias}
        return [{item.type: item.model_dump(**options)} for item in items]

    def rules(self) -> list[Rule]:
        branches = Branches(self.need, tuple((item.stage, tuple(item.rules())) for item in self.items))
        of_survivors = any(rule.of == "survivors" for _, rules in branches.rules for rule in rules)
        thresholds = tuple(t for _, rules in branches.rules for rule in rules for t in rule.thresholds)
        return [Rule(self.type, branches=branches, of="survivors" if of_survivors else "pool", thresholds=thresholds)]

    def parts(self) -> tuple[Filter, ...]:
        return self.items

    def reads(self) -> set[str]:
        return set().union(*(item.reads() for item in self.items))

    def passes(self) -> list[CorpusPass]:
        return [work for item in self.items for work in item.passes()]

    def models(self) -> set[str]:
        return set().union(*(item.models() for item in self.items))

    def identity(self) -> tuple[object, ...]:
        return tuple(item.identity() for item in self.items)


class AnyOf(Combined):
    type: ClassVar[str] = "any_of"
    paper: ClassVar[str] = "DataComp, arXiv 2304.14108"
    need: ClassVar[Literal["any", "all", "none"]] = "any"


class AllOf(Combined):
    type: ClassVar[str] = "all_of"
    paper: ClassVar[str] = "DataComp, arXiv 2304.14108"
    need: ClassVar[Literal["any", "all", "none"]] = "all"


class NoneOf(Combined):
    type: ClassVar[str] = "none_of"
    paper: ClassVar[str] = "DataComp, arXiv 2304.14108"
    need: ClassVar[Literal["any", "all", "none"]] = "none"


def _item(cls: type[Combined], item: Any, at: tuple[int | str, ...], errors: list[InitErrorDetails]) -> Filter | None:
    if isinstance(item, Filter):
        return item
    if not isinstance(item, dict) or len(item) != 1:
        errors.append(_error(at, "an item is one filter with its parameters: `{align_image: {}}`"))
        return None
    ((name, parameters),) = item.items()
    types = cls.registered()
    if name not in types:
        errors.append(_error((*at, str(name)), f"no filter is called {name!r}{did_you_mean(str(name), list(types))}"))
        return None
    try:
        built = types[name].model_validate({} if parameters is None else parameters)
    except ValidationError as error:
        for found in error.errors():
            errors.append(_error((*at, name, *found["loc"]), _said(found, types[name])))
        return None
    if built.writer is not None:
        errors.append(_error((*at, name), f"{name} appends samples: write it as an item of its own"))
        return None
    return built


def _said(found: Any, kind: type[Filter]) -> str:
    last = str(found["loc"][-1]) if found["loc"] else ""
    if found["type"] == "extra_forbidden":
        names = [field.alias or name for name, field in kind.model_fields.items()]
        return f"unknown key {last!r}{did_you_mean(last, names)}"
    if found["type"] == "missing":
        return f"{last} is missing"
    return str(found["msg"]).removeprefix("Value error, ")


def _error(at: tuple[int | str, ...], message: str) -> InitErrorDetails:
    kind = PydanticCustomError("filter_item", "{message}", {"message": message})
    return InitErrorDetails(type=kind, loc=at, input=None)
