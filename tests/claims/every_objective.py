"""Every objective, tiny: what it knows before and after a short training, on the planted web and on CIFAR-10.

python -m tests.claims.every_objective FOLDER [CIFAR.parquet] [objective ...]

CIFAR.parquet has the columns split, label and jpg; its captions are made of the labels. Prints a Markdown table and
writes FOLDER/table.json. What is trained anew at each start; one thread.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import safetensors.torch
import yaml

from curate.files import Folder
from curate.planted.web import plant
from curate.uid import draw_int
from model_training.evaluation.evaluate import Evaluation, evaluate, load
from model_training.libraries import torch
from model_training.models.blip_spec import BlipSpec
from model_training.models.coca import CocaSpec
from model_training.models.families import load as load_model
from model_training.models.families import trained_spec
from model_training.models.generation import Generation
from model_training.models.weights import Weights
from model_training.trainers.loop import train
from model_training.trainers.objectives import OBJECTIVES, build
from model_training.trainers.plan import Job, Plan

FORMS = ("a photo of a {}", "a {} in a small picture", "picture of the {}", "one {}", "this is a {}")
COMMON: dict[str, Any] = {"batch": 64, "lr": 1e-3, "weight_decay": 0.2, "crop_area": 0.8}
# What differs from COMMON; `after` names the objective whose weights it starts from.
SETTINGS: dict[str, dict[str, Any]] = {
    "clip": {},
    "align": {},
    "siglip": {},
    "lit": {"after": "clip"},
    "filip": {},
    "mammut": {},
    "coca": {},
    "blip": {
        "lr": 3e-3,
        "weight_decay": 0.05,
        "betas": (0.9, 0.999),
        "warmup": 50,
        "samples_seen": 28_800,
        "crop_area": 1.0,
    },
    "dino": {"batch": 32, "lr": 5e-4, "crop_area": 1.0},
    "ibot": {"batch": 32, "lr": 5e-4, "crop_area": 1.0},
    "dinov2": {"batch": 32, "lr": 5e-4, "crop_area": 1.0},
}
SEEN = 38_400


@dataclass
class Data:
    """A set to train on and what models are asked about it."""

    name: str
    shards: tuple[str, ...]
    asked: list[Evaluation]


def planted(folder: Path, pairs: int = 8000) -> Data:
    """The trusted pairs of a planted web, a quarter of its pairs; every one is right."""
    web = folder / "web"
    if not (web / "trusted.parquet").exists():
        plant(web, seed=7, pairs=pairs, evaluation=400)
    tests = web / "eval"
    objects, pairs_table = str(tests / "objects.parquet"), str(tests / "pairs.parquet")
    frame = pl.read_parquet(objects)
    labelled = str(web / "labelled.parquet")
    frame.head(200).write_parquet(labelled)
    rest = str(web / "rest.parquet")
    frame.tail(200).write_parquet(rest)
    asked = [
        Evaluation("zero-shot", "zero_shot", (objects,), str(tests / "classes.yaml")),
        Evaluation("retrieval", "retrieval", (pairs_table,)),
        Evaluation("kNN", "knn", (rest,), train=(labelled,), ks=(10,)),
        Evaluation("linear probe", "linear_probe", (rest,), train=(labelled,), recipe="dinov2_logistic"),
        Evaluation("captions", "captioning", (pairs_table,)),
    ]
    return Data("planted web", (str(web / "trusted.parquet"),), asked)


def cifar(folder: Path, sample: str) -> Data:
    """12,000 pictures with a caption of the right class, and 600 to be judged by."""
    at = folder / "cifar"
    at.mkdir(parents=True, exist_ok=True)
    frame = pl.read_parquet(sample).with_row_index("row")
    trained, test = frame.filter(pl.col("split") == "train"), frame.filter(pl.col("split") == "test")
    said = [
        FORMS[draw_int(0, str(row), "form") % len(FORMS)].format(label)
        for row, label in zip(trained["row"], trained["label"], strict=True)
    ]
    trained = trained.with_columns(pl.Series("caption", said))
    trained.select("jpg", "caption").write_parquet(at / "train.parquet")
    trained.sample(1000, seed=0).select("jpg", "label").write_parquet(at / "labelled.parquet")
    judged = test.sample(600, seed=0).with_columns(pl.format("a photo of a {}", pl.col("label")).alias("caption"))
    judged.select("jpg", "caption", "label").write_parquet(at / "test.parquet")
    classes = sorted(frame["label"].unique().to_list())
    (at / "classes.yaml").write_text(yaml.safe_dump({"classes": classes, "templates": list(FORMS)}))
    here, labelled = str(at / "test.parquet"), str(at / "labelled.parquet")
    asked = [
        Evaluation("zero-shot", "zero_shot", (here,), str(at / "classes.yaml")),
        Evaluation("kNN", "knn", (here,), train=(labelled,), ks=(20,)),
        Evaluation("linear probe", "linear_probe", (here,), train=(labelled,), recipe="dinov2_logistic"),
        Evaluation("captions", "captioning", (here,)),
    ]
    return Data("CIFAR-10", (str(at / "train.parquet"),), asked)


SHOWN = {"zero-shot": "top1", "retrieval": "mean_r1", "kNN": "knn", "linear probe": "top1", "captions": "cider_d"}


def measure(objective: str, plan: Plan, path: str, asked: list[tuple[Evaluation, Any]]) -> dict[str, float]:
    """Evaluation -> its main number, of those that such a model can be asked."""
    known = OBJECTIVES[objective]
    spec = trained_spec(known.family, plan.arch, objective, path, None, 64)
    if isinstance(spec, BlipSpec | CocaSpec):
        spec = replace(spec, generation=Generation("greedy", "", min_length=0))
    model = load_model(spec)
    found = {}
    for evaluation, task in asked:
        if set(evaluation.needs.split("+")) <= known.does:
            metrics = {m.name: m.value for m in evaluate(model, task)}
            found[evaluation.name] = next(v for n, v in metrics.items() if n.startswith(SHOWN[evaluation.name]))
    return found


def rows(folder: Path, data: Data, names: list[str]) -> Iterator[dict[str, Any]]:
    asked = [(evaluation, load(evaluation)) for evaluation in data.asked]
    for name in names:
        given = {**COMMON, **SETTINGS.get(name, {})}
        after = given.pop("after", None)
        under = f"{data.name}/{name}"
        arch = OBJECTIVES[name].sizes["tiny"]
        init = Weights("init", arch, str(folder / data.name / after / "checkpoint.safetensors")) if after else None
        part = "image" if after else "all"
        plan = Plan(arch, given.pop("samples_seen", SEEN), objective=name, init=init, init_part=part, **given)
        torch.manual_seed(0)
        start = folder / data.name / f"{name}-before.safetensors"
        start.parent.mkdir(parents=True, exist_ok=True)
        first = {k: v.detach().clone().contiguous() for k, v in build(plan, 0, torch.device("cpu")).weights().items()}
        safetensors.torch.save_file(first, str(start))
        before = measure(name, plan, str(start), asked)
        began = time.monotonic()
        trained = train(Job(name, plan, data.shards, data.name, 0, Folder(str(folder)), under))
        seconds = time.monotonic() - began
        assert trained is not None
        found = measure(name, plan, str(folder / under / "checkpoint.safetensors"), asked)
        yield {"data": data.name, "objective": name, "seconds": seconds, "before": before, "after": found}


def line(row: dict[str, Any]) -> str:
    names = ("zero-shot", "retrieval", "kNN", "linear probe", "captions")
    cells = []
    for name in names:
        if name not in row["after"]:
            cells.append("")
            continue
        shown = "{:.2f} to {:.2f}" if name == "captions" else "{:.1%} to {:.1%}"
        cells.append(shown.format(row["before"][name], row["after"][name]))
    return f"| {row['data']} | {row['objective']} | {' | '.join(cells)} | {row['seconds']:.0f} |"


def main(folder: Path, sample: str | None, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sets = [planted(folder), *([cifar(folder, sample)] if sample else [])]
    done = []
    print("| data | objective | zero-shot | retrieval | kNN | linear probe | CIDEr-D | seconds |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for data in sets:
        for row in rows(folder, data, names or [n for n in SETTINGS if n in OBJECTIVES]):
            print(line(row), flush=True)
            done.append(row)
    (folder / "table.json").write_text(json.dumps(done, indent=1))


if __name__ == "__main__":
    given = sys.argv[2:]
    tables = [word for word in given if word.endswith(".parquet")]
    main(Path(sys.argv[1]), tables[0] if tables else None, [word for word in given if word not in tables])
