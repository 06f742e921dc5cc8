"""Texts are drawn as often as the plan says, the same text at the same visit, and never none."""

from collections import Counter

import pytest

from model_training.data.captions import Caption, Captions

TEXTS = (
    Caption("best", "web", {"clip": 0.3}),
    Caption("made", "synthetic", {"clip": 0.1}),
    Caption("made too", "synthetic", {"clip": -2.0}),
)
VISITS = 4000


def shares(captions, texts=TEXTS):
    drawn = Counter(captions.of(texts, 5, f"0/0/{i}") for i in range(VISITS))
    return {text: count / VISITS for text, count in drawn.items()}


def near(**expected):
    return pytest.approx({name.replace("_", " "): share for name, share in expected.items()}, abs=0.03)  # 4 sigma


def test_each_is_drawn_as_often_as_said():
    assert shares(Captions()) == near(best=1 / 3, made=1 / 3, made_too=1 / 3)
    assert shares(Captions("first")) == {"best": 1.0}
    by_origin = Captions("origin", (("web", 0.2), ("synthetic", 0.8)))
    assert shares(by_origin) == near(best=0.2, made=0.4, made_too=0.4)
    assert shares(by_origin, TEXTS[1:]) == near(made=0.5, made_too=0.5), "of the origins that are there"
    assert shares(Captions("score", score="clip")) == near(best=0.75, made=0.25)


def test_where_every_weight_is_0_the_draw_is_uniform():
    assert shares(Captions("score", score="other")) == near(best=1 / 3, made=1 / 3, made_too=1 / 3)
    assert shares(Captions("origin", (("web", 1.0),)), TEXTS[1:]) == near(made=0.5, made_too=0.5)
    unknown = (Caption("a", None, {"clip": float("nan")}), Caption("b", None, {"clip": 1.0}))
    assert shares(Captions("score", score="clip"), unknown) == {"b": 1.0}


def test_the_same_visit_has_the_same_text():
    captions = Captions("origin", (("web", 0.5), ("synthetic", 0.5)))
    first = [captions.of(TEXTS, 1, str(i)) for i in range(50)]
    assert (
        [captions.of(TEXTS, 1, str(i)) for i in range(50)]
        == first
        != [captions.of(TEXTS, 2, str(i)) for i in range(50)]
    )
    assert captions.of(TEXTS[:1], 1, "x") == "best"


@pytest.mark.parametrize(
    "given",
    [
        {"draw": "often"},
        {"draw": "origin"},
        {"draw": "score"},
        {"score": "clip"},
        {"shares": (("web", 1.0),)},
        {"draw": "origin", "shares": (("web", -1.0),)},
        {"draw": "origin", "shares": (("web", float("nan")),)},
        {"draw": "origin", "shares": (("ours", 1.0),)},
        {"draw": "origin", "shares": (("synthetic", 0.5), ("Web", 0.5))},
        {"draw": "origin", "shares": (("synthetic", 0.0), ("web", 0.0))},
    ],
)
def test_what_cannot_be_drawn_by_is_refused(given):
    with pytest.raises(ValueError, match="captions"):
        Captions(**given)


def test_what_texts_lack_is_said_and_what_they_have():
    by_origin, by_score = Captions("origin", (("web", 1.0),)), Captions("score", score="clip")
    assert all(one.lacking(TEXTS) is None for one in (Captions(), Captions("first"), by_origin, by_score))
    plain = (Caption("a"), Caption("b", "unknown"))
    assert Captions().lacking(plain) is Captions("first").lacking(plain) is None
    assert by_origin.lacking(plain) == "an origin (web or synthetic)"
    assert by_score.lacking(plain) == "a score 'clip' (there are none)"
    assert Captions("score", score="clap").lacking(TEXTS) == "a score 'clap' (there are clip)"
