"""What `curate check` says of items that append captions: models of the wrong kind, cost, and what BLIP warns of."""

from collections.abc import Iterator

from curate import schema as c
from curate.filters.capfilt import CapFilt
from curate.filters.rule import Filter, Rule
from pipelines.models import fine_tuning
from pipelines.recipe import Recipe
from pipelines.recipe_models import FromFile, Trained, measured_by
from pipelines.recipe_source import Location
from pipelines.synthetic import writers


def wrong_models(recipe: Recipe, item: Filter) -> Iterator[tuple[Location, str]]:
    """A captioner that writes nothing, or a matcher that judges nothing, at its key."""
    if not isinstance(item, CapFilt):
        return
    for key, name, kind in (("captioner", item.captioner, c.model_caption), ("matcher", item.matcher, c.match)):
        if name is None or name not in recipe.models or kind(name) in measured_by(name, recipe.models[name]):
            continue
        there = [other for other, model in recipe.models.items() if kind(other) in measured_by(other, model)]
        known = f"there are {', '.join(there)}" if there else f"declare one of kind blip_{key}"
        yield (key,), f"{name!r} is no {key}; {known}"
    yield from _unsaid(recipe, item)
    writer = recipe.models.get(item.captioner or "")
    if item.top_p is not None and isinstance(writer, Trained) and writer.texts:
        yield ("top_p",), f"{item.captioner!r} ranks the texts of a list, and draws none"


def _unsaid(recipe: Recipe, item: CapFilt) -> Iterator[tuple[Location, str]]:
    """What a later item says of a captioner whose texts have joined: nobody would do it."""
    first = next((one for _, one in writers(recipe) if one.writer == item.writer), item)
    if not isinstance(first, CapFilt) or first == item:
        return
    where = f"{item.captioner!r} writes once, at {first.stage}, its first item"
    if item.top_p is not None and item.top_p != first.top_p:
        yield ("top_p",), f"{where}; say {item.top_p} there, or declare the model once more for a text by each"
    if item.rescues != first.rescues:
        yield ("rescue",), f"{where}; say `rescue: {str(item.rescue).lower()}` there, or the same here as there"


def captions(recipe: Recipe, usable: int | None) -> list[str]:
    """A line per captioner: what it is asked for. `usable`: rows that can be downloaded, where that is known."""
    most = f", at most {usable:,}" if usable is not None else ""
    return [
        f"{item.writer} writes a text of each image that is in at {item.stage}{most}; it is asked of no other"
        for _, item in writers(recipe)
    ]


def caption_warnings(recipe: Recipe) -> list[str]:
    found = []
    for place, item in enumerate(recipe.filters):
        if not isinstance(item, CapFilt):
            continue
        if item.captioner and item.matcher and _shared(recipe, item.captioner, item.matcher):
            found.append(
                f"{item.stage}: {item.captioner} and {item.matcher} have the same weights, so the filter approves of"
                " its own captions (BLIP, Table 4: 8 % dropped in place of 25 %); fine-tune two copies"
            )
        if item.rescues and (lost := _not_rescued(recipe.filters[:place])):
            found.append(
                f"{item.stage}: {lost[1]} compares survivors, and is not asked of what {lost[0]} dropped for its text:"
                f" images of such samples get no caption; put {lost[1]} before {lost[0]}, or say rescue: false"
            )
    return found


def _shared(recipe: Recipe, captioner: str, matcher: str) -> bool:
    """Of one file, or of the run's one pre-training without a fine-tuning of either's own."""
    one, other = recipe.models[captioner], recipe.models[matcher]
    if isinstance(one, FromFile) and isinstance(other, FromFile):
        return one.weights == other.weights
    if isinstance(one, Trained) and isinstance(other, Trained) and one.role == "captioner":
        return fine_tuning(recipe, captioner) is None and fine_tuning(recipe, matcher) is None
    return False


def _not_rescued(filters: list[Filter]) -> tuple[str, str] | None:
    """The first item that drops for texts alone and has a comparison of survivors behind it, and that comparison."""
    judge: str | None = None
    for item in filters:
        rules: list[Rule] = item.rules()
        if judge is not None and any(rule.of == "survivors" and not rule.of_text for rule in rules):
            return judge, item.stage
        if judge is None and any(rule.of_text for rule in rules):
            judge = item.stage
    return None
