"""A small vocabulary is the beginning of CLIP's: what it splits, CLIP's merges would go on to join."""

import pytest

from model_training import libraries  # noqa: F401  (before open_clip)
from model_training.models.small_vocabulary import CLIP_SIZE, SmallVocabulary, tokenizer_of

import open_clip  # isort: skip

TEXTS = ["a red dog on the grass", "naïve çafé 漢字 🙂", "IMG_2041.JPG don't", ""]


def test_what_it_reads_it_writes():
    small = SmallVocabulary(4096, 64)
    for text in TEXTS[:2]:
        assert small.decode(small.encode(text)) == text
    ids = small(TEXTS)
    assert ids.shape == (4, 64) and int(ids.max()) == small.eot_token_id == 4095
    assert [int(row[0]) for row in ids] == [small.sot_token_id] * 4
    assert small.decode(ids[0]) == TEXTS[0]


def test_almost_all_of_clips_merges_give_almost_clips_tokens():
    small, whole = SmallVocabulary(CLIP_SIZE - 1, 64), open_clip.SimpleTokenizer()
    for text in TEXTS:
        # Here ids come after padding; the last merges of CLIP's are rare.
        assert [i - 1 for i in small.encode(text)] == whole.encode(text)


def test_fewer_merges_split_finer_and_every_token_is_one_of_clips():
    whole, tokens = open_clip.SimpleTokenizer(), {}
    for size in (517, 4096, 16384):
        small = SmallVocabulary(size, 64)
        tokens[size] = [small.decoder[i] for i in small.encode(TEXTS[0])]
        assert set(tokens[size]) <= set(whole.encoder)
        assert "".join(tokens[size]).replace("</w>", " ").strip() == TEXTS[0]
    assert len(tokens[517]) > len(tokens[4096]) >= len(tokens[16384])
    assert len(tokens[517]) == len(TEXTS[0].replace(" ", ""))


def test_no_text_spells_a_special_token_and_padding_is_no_letter():
    small = SmallVocabulary(4096, 64)
    ids = small.encode("<end_of_text> <start_of_text> <decode> ! <pad>")
    assert not set(ids) & set(small.all_special_ids)
    assert small.encode("!")[0] != small.pad_token_id


def test_a_long_text_is_cut_and_still_ends():
    ids = SmallVocabulary(4096, 8)(["one two three four five six seven eight nine ten"])[0]
    assert len(ids) == 8 and int(ids[-1]) == 4095


@pytest.mark.parametrize("size", [516, CLIP_SIZE])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(ValueError, match="a small vocabulary has 517 to 49407"):
        SmallVocabulary(size, 8)


def test_open_clips_own_architectures_keep_their_tokenizers():
    from model_training.models.open_clip import register
    from model_training.models.sizes import SIZES

    assert tokenizer_of("ViT-B-32").vocab_size == tokenizer_of("coca_base").vocab_size == CLIP_SIZE
    assert tokenizer_of(register(open_clip, SIZES["coca"]["tiny"])).vocab_size == 4096
