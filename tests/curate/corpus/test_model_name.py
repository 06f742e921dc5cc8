import re

from curate.corpus.model_name import model_name


def test_a_word_stays_and_two_names_stay_two():
    assert model_name("dino_v2") == "dino_v2"
    names = ["dino", "Dino", "DINO", "di-no", "di_no", "_dino", "dino--", "ViT-B-32"]
    made = [model_name(name) for name in names]
    assert len(set(made)) == len(names) and all(re.fullmatch("[a-z0-9_]+", name) for name in made)
