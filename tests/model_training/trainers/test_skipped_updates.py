"""Of several workers, an update that is not finite is skipped by all, and the log names the pairs of all."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

from tests.model_training.trainers.small import job

WORKERS = """
import math, os, pickle, sys
from model_training.libraries import torch
from model_training.trainers import clip
from model_training.trainers.group import met
from model_training.trainers.loop import _Training

def work(rank):
    with met(sys.argv[2], rank, 2):
        training = _Training(pickle.load(open(sys.argv[1], "rb")), torch.device("cpu"), rank, 2)
        plain, at = training.objective.loss, iter(range(10**6))
        training.objective.loss = lambda *rows: plain(*rows) * (math.nan if next(at) in (2, 5) and rank else 1.0)
        assert training.run(None, None).skipped == 2

other = os.fork()
if other:
    work(0)
    assert os.waitpid(other, 0)[1] == 0
else:
    code = 1
    try:
        work(1)
        code = 0
    finally:
        os._exit(code)
"""


def test_the_pairs_of_all_workers_are_named(tmp_path):
    given = replace(job(tmp_path), logs=str(tmp_path / "logs"))
    (tmp_path / "job").write_bytes(pickle.dumps(given))
    command = [sys.executable, "-c", WORKERS, str(tmp_path / "job"), str(tmp_path / "meeting")]
    subprocess.run(command, check=True, timeout=120)
    lines = [json.loads(line) for line in (tmp_path / "logs/small/0.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    skipped = {line["step"]: line["keys"] for line in lines if "skipped" in line}
    assert list(skipped) == [3, 6] and all(len(set(keys)) == 8 for keys in skipped.values())
