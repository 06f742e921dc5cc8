"""Transformers folders of BLIP with random weights: a captioner, a matcher, with a small WordPiece vocabulary."""

import string

import numpy as np
from PIL import Image

from model_training.libraries import torch

import transformers  # isort: skip

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["a", "picture", "of", "cat", "dog", "red", "blue", "house", "sky", "tree", "the", "in", "on", "photo"]
WORDS += [f"##{letter}" for letter in string.ascii_lowercase]
VISION = {"image_size": 32, "patch_size": 8, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
VISION |= {"num_attention_heads": 2, "initializer_range": 0.5}
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXT |= {"max_position_embeddings": 40, "initializer_range": 0.5, "pad_token_id": 0, "sep_token_id": 3}


def write(folder, kind, seed=0, **changes):
    """Saves transformers' own `kind` and its tokenizer; returns the model in eval mode."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [*SPECIAL, *string.ascii_lowercase[1:], *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    size = len(vocabulary)
    text = {**TEXT, "vocab_size": size + 2, "bos_token_id": size, **changes}
    config = transformers.BlipConfig(text_config=text, vision_config=VISION, image_text_hidden_size=16)
    torch.manual_seed(seed)
    model = getattr(transformers, kind)(config).eval()
    model.save_pretrained(folder)
    return model


def pictures(count, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 9, 11, 3), dtype=np.uint8)
    return [Image.fromarray(one).resize((60 + i, 50)) for i, one in enumerate(pixels)]


def pixels(images):
    """By transformers' own image processor for BLIP, of these models' size."""
    size = {"height": VISION["image_size"], "width": VISION["image_size"]}
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    return BlipImageProcessorPil(size=size)(images, return_tensors="pt").pixel_values
