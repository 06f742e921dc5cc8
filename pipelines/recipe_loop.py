"""What the recipe's sections about training need of one another."""

from collections.abc import Mapping, Sequence

from curate.filters import Filter
from pipelines.ablations import ablation_problems
from pipelines.recipe_eval import Evaluation, evaluation_problems
from pipelines.recipe_models import AnyModel, Problem, Trained, measured_by
from pipelines.recipe_training import TUNED, Loop, Train, unable

PRETRAINED = "pretrained"  # a folder beside those of the models


def training_problems(
    models: Mapping[str, AnyModel],
    train: Train | None,
    evaluations: list[Evaluation],
    loop: Loop | None,
    filters: Sequence[Filter],
    statistics: Sequence[str] = (),
) -> list[Problem]:
    """Each at the recipe's key."""
    trained = {name: model for name, model in models.items() if isinstance(model, Trained)}
    said = loop or Loop()
    others = len(said.arms) + len(said.ablations) + (said.oracle is not None) if loop else 0
    problems = _of_models(trained, said)
    problems += evaluation_problems(evaluations, others * len(train.seeds) if train else others)
    for i, evaluation in enumerate(evaluations):
        if train is not None and (lacking := unable(train, evaluation.needs)):
            problems.append((("eval", i, "kind"), f"{evaluation.kind} is not for these models: {lacking}"))
    if loop is not None:
        problems += _of_rounds(trained, train, evaluations, loop, filters)
        problems += ablation_problems(filters, loop.ablations, models, statistics)
    return problems


def _of_models(trained: Mapping[str, Trained], loop: Loop) -> list[Problem]:
    problems: list[Problem] = []
    for name, model in trained.items():
        at = ("models", name)
        if model.role != "scorer":
            if wrong := _captioning_lacks(model, loop):
                problems.append((at, wrong))
        elif loop.scorer is None:
            problems.append((at, "kind: trained needs the section `train`: how much it trains"))
        if model.trained_on == "trusted" and loop.trusted is None:
            problems.append(((*at, "trained_on"), "there are no trusted pairs: name them as `loop.trusted`"))
        if name == PRETRAINED:
            problems.append((at, "the pre-trained weights lie under this name; give the model another"))
    scorers = [name for name, model in trained.items() if model.role == "scorer"]
    if loop.scorer is not None and scorers and (lacking := unable(loop.scorer, "images+texts")):
        problems.append((("loop", "scorer"), f"a scorer compares images with texts: {lacking}"))
    return problems


def _captioning_lacks(model: Trained, loop: Loop) -> str | None:
    role = model.role
    if loop.captioning is None:
        return f"a {role} is trained as `loop.captioning` says: add `pretrain: {{samples_seen: 30_000}}` there"
    objective = loop.captioning.pretrain.objective
    if role not in TUNED[objective]:
        return f"{objective} makes no {role}: pre-train by blip"
    if (loop.captioning.captioner if role == "captioner" else loop.captioning.matcher) and loop.trusted is None:
        return f"a {role} is fine-tuned on trusted pairs: name them as `loop.trusted`"
    return None


def _of_rounds(
    trained: Mapping[str, Trained],
    train: Train | None,
    evaluations: Sequence[Evaluation],
    loop: Loop,
    filters: Sequence[Filter],
) -> list[Problem]:
    problems: list[Problem] = []
    if train is None:
        problems.append((("loop",), "a loop needs `train`: the models that are compared"))
    if loop.rounds == 1:
        return problems
    if not trained:
        problems.append((("loop", "rounds"), "a second round needs a model of `kind: trained` to score with"))
    changing = {name: model for name, model in trained.items() if model.trained_on == "pool"}
    if changing and not any(needs(item, changing) for item in filters):
        problems.append((("loop", "rounds"), "no filter reads a trained model's score: all rounds would be alike"))
    if not any(evaluation.use == "select" for evaluation in evaluations):
        problems.append((("loop", "rounds"), "a second round is promoted by evaluations with `use: select`"))
    return problems


def needs(item: Filter, models: Mapping[str, AnyModel]) -> set[str]:
    """Those of the models that a filter cannot answer without: it names them, or reads what they measure."""
    read = item.reads()
    return {name for name, model in models.items() if name in item.models() or read & measured_by(name, model).keys()}
