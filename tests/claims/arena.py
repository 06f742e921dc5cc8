"""What claims are tried with: pictures as tables, tiny models that are trained once and kept, and their numbers.

Everything goes through the project's own parts. A table is a `pl.DataFrame` with `jpg` and, as it is used, `caption`
and `label`; other columns are the claim's own. What is made lies in a cache folder under a name that stands for its
content, so that claims share models, and what was killed goes on where it was.
"""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from curate.errors import InputError
from curate.files import Folder, file_sha256, sha256
from curate.images import Failed, decode
from curate.planted.evaluation import TEMPLATES
from curate.planted.web import PlantedWeb, plant, planted_web
from curate.uid import content_uid, draw_int
from model_training.data.views.square import shrink
from model_training.evaluation.evaluate import Evaluation, evaluate, load
from model_training.evaluation.vectors import text_vectors
from model_training.libraries import torch
from model_training.models.blip_spec import BlipSpec
from model_training.models.coca import CocaSpec
from model_training.models.families import load as load_model
from model_training.models.families import trained_spec
from model_training.models.generation import Generation
from model_training.models.weights import Weights
from model_training.trainers import loop
from model_training.trainers.objectives import OBJECTIVES
from model_training.trainers.plan import Job, Plan

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "cifar10_sample.parquet"
FORMS = ("a photo of a {}", "a {} in a small picture", "picture of the {}", "one {}", "this is a {}")
# Chosen before any claim was tried, of what tests/claims/every_objective.py trains: alike for all claims and arms.
SETTINGS: dict[str, Any] = {"batch": 64, "lr": 1e-3, "weight_decay": 0.2, "crop_area": 0.8}
SEEN = 19_200  # samples; 38,400 gain some points more on CIFAR-10 and take twice as long
STORED = 48  # px of the shorter side: the tiny model sees 32
WEB_TEMPLATES = TEMPLATES


# -- pictures ----------------------------------------------------------------------------------------
@lru_cache
def cifar() -> pl.DataFrame:
    """CIFAR-10: 12,000 pictures to train on and 3,000 to be judged by; row, split, label, jpg.

    Raises InputError where the sample is not beside the repository.
    """
    if not SAMPLE.is_file():
        raise InputError(f"there is no {SAMPLE}", "write CIFAR-10 there: a Parquet of split, label, jpg")
    return pl.read_parquet(SAMPLE).with_row_index("row")


def cifar_train(seed: int, rows: int | None = None) -> pl.DataFrame:
    """So many training pictures in an order drawn by the seed, each with a right caption; adds caption."""
    frame = cifar().filter(pl.col("split") == "train")
    draws = pl.Series("draw", [draw_int(seed, str(row), "order") >> 1 for row in frame["row"]], dtype=pl.UInt64)
    chosen = frame.with_columns(draws).sort("draw").drop("draw").head(rows or len(frame))
    return captioned(chosen, chosen["label"], seed)


def cifar_test(rows: int | None = None) -> pl.DataFrame:
    """The same ones for all seeds: the first of those to be judged by, in a drawn order."""
    frame = cifar().filter(pl.col("split") == "test")
    return frame.sample(rows or len(frame), shuffle=True, seed=0).select("row", "label", "jpg")


def cifar_classes() -> list[str]:
    return sorted(cifar()["label"].unique().to_list())


def captioned(frame: pl.DataFrame, told: Sequence[str] | pl.Series, seed: int) -> pl.DataFrame:
    """With captions that name what is `told`, in one of FORMS drawn by row (column `row`) and seed."""
    said = [
        FORMS[draw_int(seed, str(row), "form") % len(FORMS)].format(name)
        for row, name in zip(frame["row"], told, strict=True)
    ]
    uids = [content_uid(str(row), text) for row, text in zip(frame["row"], said, strict=True)]
    return frame.with_columns(pl.Series("caption", said), pl.Series("uid", uids))


def mislabelled(frame: pl.DataFrame, wrong: float, seed: int) -> pl.DataFrame:
    """A drawn share of the rows gets captions of another class; adds right (bool) and told, the class that is named."""
    classes = cifar_classes()
    order = sorted(range(len(frame)), key=lambda i: draw_int(seed, str(frame["row"][i]), "wrong"))
    bad = set(order[: round(wrong * len(frame))])
    told = []
    for i, (row, label) in enumerate(zip(frame["row"], frame["label"], strict=True)):
        others = [name for name in classes if name != label]
        told.append(others[draw_int(seed, str(row), "class") % len(others)] if i in bad else label)
    frame = frame.with_columns(pl.Series("told", told), pl.Series("right", [i not in bad for i in range(len(frame))]))
    return captioned(frame, told, seed)


def web(seed: int, cache: Path, pairs: int = 3000, evaluation: int = 800) -> PlantedWeb:
    """A planted web, made once."""
    folder = cache / "webs" / f"{seed}-{pairs}-{evaluation}"
    if not (folder / "done").exists():
        plant(folder, seed=seed, pairs=pairs, evaluation=evaluation, workers=1)
        (folder / "done").touch()
    return planted_web(folder)


def web_pool(planted: PlantedWeb) -> pl.DataFrame:
    """The rows of the list whose picture its own URL sends whole, as they would be stored: jpg and all of the truth."""
    kept = planted.folder / f"pool-{STORED}.parquet"
    if not kept.exists():
        pages = pl.read_parquet(planted.folder / "pages.parquet").filter(
            pl.col("content_type").str.starts_with("image")
        )
        truth = pl.read_parquet(planted.truth).filter(pl.col("answer") == "ok")
        frame = truth.join(pages.select("url", "offset", "size"), on="url", maintain_order="left")
        with (planted.folder / "pages" / "bodies.bin").open("rb") as bodies:
            pictures = [_body(bodies, *place) for place in frame.select("offset", "size").iter_rows()]
        frame = frame.drop("offset", "size").with_columns(pl.Series("jpg", pictures)).drop_nulls("jpg")
        frame.write_parquet(kept)
    return pl.read_parquet(kept)


def web_table(path: Path) -> pl.DataFrame:
    """A planted web's own table (trusted, objects, pairs), its pictures as small as those of the pool."""
    kept = path.with_name(f"{path.stem}-{STORED}.parquet")
    if not kept.exists():
        frame = pl.read_parquet(path)
        frame.with_columns(pl.Series("jpg", [small(body) for body in frame["jpg"]])).write_parquet(kept)
    return pl.read_parquet(kept)


def web_classes(planted: PlantedWeb) -> list[str]:
    found: list[str] = yaml.safe_load(planted.classes.read_text(encoding="utf-8"))["classes"]
    return found


def _body(bodies: Any, offset: int, size: int) -> bytes | None:
    bodies.seek(offset)
    return small(bodies.read(size))


def small(body: bytes) -> bytes | None:
    """The picture with a shorter side of STORED px, as JPEG; None for what is no picture."""
    found = decode(body)
    if isinstance(found, Failed):
        return None
    sink = io.BytesIO()
    shrink(found.image, STORED).save(sink, "JPEG", quality=95)
    return sink.getvalue()


# -- models ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Model:
    """A model that was trained, where its weights are, and what it can be asked: `loaded` is of `curate.protocols`."""

    loaded: Any
    path: str
    plan: Plan

    def images(self, frame: pl.DataFrame) -> np.ndarray:
        """(rows, d) float32, unit."""
        pictures = [_decoded(body) for body in frame["jpg"]]
        return encoded(self.loaded, pictures)

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, d) float32, unit."""
        return text_vectors(self.loaded, list(texts), 256)

    def cosines(self, frame: pl.DataFrame) -> np.ndarray:
        """(rows,) float: of each row's jpg and caption, what `clip_score` filters read."""
        return np.einsum("nd,nd->n", self.images(frame), self.texts(frame["caption"].to_list()))


def encoded(encoder: Any, pictures: Sequence[Any], batch: int = 256) -> np.ndarray:
    parts = [encoder.encode_images(list(pictures[i : i + batch])) for i in range(0, len(pictures), batch)]
    return np.concatenate(parts)


def _decoded(body: bytes) -> Any:
    found = decode(body)
    assert not isinstance(found, Failed)
    return found.image


def kept(frame: pl.DataFrame, cache: Path) -> str:
    """The frame as a file under a name that stands for its content."""
    sink = io.BytesIO()
    frame.write_parquet(sink, compression="uncompressed")
    data = sink.getvalue()
    path = cache / "tables" / f"{sha256(data)[:24]}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_bytes(data)
        partial.replace(path)
    return str(path)


def train(
    frame: pl.DataFrame,
    seed: int,
    cache: Path,
    *,
    samples_seen: int = SEEN,
    objective: str = "clip",
    init: Model | None = None,
    options: dict[str, Any] | None = None,
    **plan: Any,
) -> Model:
    """The tiny model of an objective, trained on `jpg` and `caption` (a text or a list); `plan` overrides SETTINGS."""
    known = OBJECTIVES[objective]
    given: dict[str, Any] = {**SETTINGS, **plan}
    if known.family in ("timm", "blip"):  # they have crops of their own
        given["crop_area"] = plan.get("crop_area", 1.0)
    arch = given.pop("arch", None) or known.sizes["tiny"]
    if init is not None:
        given["init"] = Weights("init", arch, init.path)
        if known.family == "blip":
            given["init"] = BlipSpec("init", arch, init.path)
    said = tuple(sorted((options or {}).items()))
    made = Plan(arch, samples_seen, objective=objective, options=said, **given)
    columns = [name for name in ("jpg", "caption") if name in frame.columns]
    shard = kept(frame.select(columns), cache)
    content = file_sha256(shard)
    named = Job("", made, (shard,), content, seed, Folder(str(cache)), "").identity[:24]
    job = Job(f"{objective}/{seed}", made, (shard,), content, seed, Folder(str(cache)), f"models/{named}")
    loop.train(job)
    return opened(objective, made, str(cache / "models" / named / "checkpoint.safetensors"))


def opened(objective: str, plan: Plan, path: str) -> Model:
    spec = trained_spec(OBJECTIVES[objective].family, plan.arch, objective, path, None, 64)
    if isinstance(spec, BlipSpec | CocaSpec):
        spec = replace(spec, generation=Generation("greedy", "", min_length=0))
    torch.set_num_threads(1)
    return Model(load_model(spec), path, plan)


# -- numbers, in points ------------------------------------------------------------------------------
@dataclass(frozen=True)
class ZeroShot:
    accuracy: float
    mean_recall: float  # over classes
    per_class: dict[str, float]

    def of(self, classes: Sequence[str]) -> float:
        """The mean over some classes."""
        return float(np.mean([self.per_class[name] for name in classes]))


def zero_shot(
    model: Model, test: pl.DataFrame, classes: Sequence[str], templates: Sequence[str], cache: Path
) -> ZeroShot:
    """`test` has jpg and label."""
    task = _task("zero_shot", kept(test.select("jpg", "label"), cache), _classes(classes, templates, cache))
    found = {metric.name: metric for metric in evaluate(model.loaded, task)}
    hits = test.select("label").with_columns(pl.Series("hit", found["top1"].hits))
    per_class = {str(name): 100 * float(hit) for name, hit in hits.group_by("label").agg(pl.col("hit").mean()).rows()}
    return ZeroShot(100 * found["top1"].value, 100 * found["mean_per_class_recall"].value, per_class)


def retrieval(model: Model, test: pl.DataFrame, cache: Path) -> float:
    """Mean R@1 of both directions; `test` has jpg and caption."""
    task = _task("retrieval", kept(test.select("jpg", "caption"), cache))
    return 100 * next(m.value for m in evaluate(model.loaded, task) if m.name == "mean_r1")


def knn(model: Model, bank: pl.DataFrame, test: pl.DataFrame, cache: Path, k: int = 10) -> float:
    """DINOv2's weighted nearest neighbours, top-1; both have jpg and label."""
    tables = [kept(frame.select("jpg", "label"), cache) for frame in (test, bank)]
    task = _task("knn", tables[0], train=tables[1], k=k)
    return 100 * next(m.value for m in evaluate(model.loaded, task) if m.name == f"knn{k}_top1")


def _classes(classes: Sequence[str], templates: Sequence[str], cache: Path) -> str:
    text = yaml.safe_dump({"classes": list(classes), "templates": list(templates)}, sort_keys=False)
    path = cache / "tables" / f"{sha256(text.encode())[:24]}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


@lru_cache(maxsize=8)
def _task(kind: Any, data: str, classes: str | None = None, train: str | None = None, k: int | None = None) -> Any:
    """An evaluation, its pictures decoded once for all models."""
    return load(Evaluation(kind, kind, (data,), classes, train=(train,) if train else (), ks=(k,) if k else ()))
