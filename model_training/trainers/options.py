"""An objective's options: what the plan says, before what the model's config says, before what is published.

Holds no torch.
"""

from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from curate.errors import InputError, did_you_mean
from model_training.trainers.plan import Plan


def options_of(kind: type, plan: Plan, config: Any = None) -> Any:
    """A `kind`, one of the dataclasses of options; `config` is what the model's file holds, with or without `options`.

    Raises InputError for a name that it has not and a value that it cannot have, whoever says it.
    """
    sized = {} if config is None else _sized(plan, config)
    for given, where in ((sized, f"{plan.arch}: options.{plan.objective}"), (dict(plan.options), "options")):
        _check(kind, given, where, plan.objective)
    return TypeAdapter(kind).validate_python({**sized, **dict(plan.options)})


def _sized(plan: Plan, config: Any) -> dict[str, Any]:
    by_objective = config.get("options", {}) if isinstance(config, dict) else None
    found = by_objective.get(plan.objective, {}) if isinstance(by_objective, dict) else None
    if not isinstance(found, dict):
        raise InputError(f"{plan.arch}: its options are no mapping of objectives to options", "correct the file")
    return found


def _check(kind: type, given: dict[str, Any], where: str, objective: str) -> None:
    names = [field.name for field in fields(kind)]
    for name in given:
        if name not in names:
            raise InputError(f"{where}: {objective} has no option {name!r}{did_you_mean(name, names)}", "correct it")
    try:
        TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (where, *first["loc"])))
        raise InputError(f"{place}: {first['msg']}", f"{objective} cannot have {first['input']!r} there") from error
