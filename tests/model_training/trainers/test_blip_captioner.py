"""BLIP's captioner: the golden loss after its prompt, and captions that are learned by heart."""

from dataclasses import replace

import pytest

from model_training.libraries import torch
from model_training.losses.blip_lm import lm_loss, with_first_token
from model_training.models.blip_spec import BlipSpec
from model_training.models.families import load
from model_training.models.generation import PROMPT, Generation
from model_training.trainers.blip_captioner import BlipCaptioner
from model_training.trainers.blip_options import BlipCaptionerOptions
from model_training.trainers.loop import train
from tests.model_training.models.blip_folders import pictures
from tests.model_training.trainers import held
from tests.model_training.trainers.small_blip import blip_job


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    torch.set_num_threads(1)
    return blip_job(tmp_path_factory.mktemp("captioner"), "blip_captioner")


def test_the_prompt_is_that_of_the_synthetic_captions():
    assert BlipCaptionerOptions().prompt == PROMPT == Generation().prompt == "a picture of "


@torch.no_grad()
def test_golden_b6_the_loss_is_of_the_tokens_after_the_prompt(given):
    objective = BlipCaptioner(given.plan, 0, held.CPU).eval()
    inputs, own = held.inputs_of(objective), objective.model.tokens
    assert own.text(inputs.tokens[1].tolist()) == "a picture of a thing very number 1"
    ids = with_first_token(inputs.tokens, own.decode)
    prompt = own.prompt(PROMPT)
    assert all(row[: len(prompt)] == prompt for row in ids.tolist())  # written with what it was trained with
    logits = objective.model.writing_logits(ids, objective.model.image_states(objective.pixels(inputs)))
    found = float(objective.loss(*objective.encode(inputs)))
    assert found == pytest.approx(float(lm_loss(logits, ids, pad=own.pad, prompt=len(prompt))), rel=1e-5)
    # As models/blip.py has it: labels, of which the prompt's and padding's are not asked for.
    labels = ids.masked_fill(ids == own.pad, -100)
    labels[:, : len(prompt)] = -100
    peer = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    assert found == pytest.approx(float(peer(logits[:, :-1].reshape(-1, 600), labels[:, 1:].reshape(-1))), rel=1e-5)


def test_it_learns_to_say_what_it_was_shown(given):
    first = held.learned(given, "train/first", 1, warmup=1).loss
    plan = replace(given.plan, samples_seen=8 * 150, lr=1e-2, warmup=10)
    made = train(replace(given, under="train/learns", plan=plan))
    assert made.loss < 0.4 * first
    path = given.folder.path("train/learns/checkpoint.safetensors")
    spec = BlipSpec("c", plan.arch, path, generation=Generation(method="greedy", max_length=32))
    captions = load(spec).caption(pictures(3), ["0", "1", "2"])
    assert all(caption.startswith("thing number") and caption.endswith("said 0") for caption in captions)
