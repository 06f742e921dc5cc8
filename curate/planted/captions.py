"""English alt-texts for a scene, in the phrasings of photo sites, shops and blogs.

An alt-text says what the main thing is and leaves out much of the rest, as people do. Clean ones have 3 to
20 words, whether words are split at blanks or counted as runs of letters and digits.
"""

import random
import re

from curate.planted.scenes import Scene, Thing

NUMBERS = {2: "two", 3: "three", 4: "four"}
PLURALS = {"cross": "crosses", "fish": "fish", "crescent": "crescents"}
FILL_WORDS = {
    "solid": ("", "", "", "plain"),
    "striped": ("striped", "stripy"),
    "dotted": ("spotted", "polka dot", "dotted"),
    "checked": ("checkered", "checked"),
    "shaded": ("shaded", "gradient"),
}
BEHIND = {
    "plain": ("on a {} background", "on {}", "isolated on {}", "against a {} wall"),
    "gradient": ("on a soft {} gradient", "on a {} background", "with a {} fade behind"),
    "grain": ("on grainy {}", "on {} sandpaper", "on a rough {} surface"),
    "meadow": ("on the grass", "in a green meadow", "outdoors under a blue sky", "in the field"),
    "beach": ("at the beach", "by the sea", "on the sand", "in front of the ocean"),
    "wood": ("on a wooden table", "on wood", "on old wooden planks"),
    "paper": ("on graph paper", "on squared paper", "in a notebook"),
    "night": ("at night", "in the night sky", "under the moon and stars"),
    "lights": ("in front of blurred lights", "with bokeh lights", "before city lights"),
    "bricks": ("on a brick wall", "in front of red bricks", "on the bricks"),
}
BESIDE = {
    "left of": ("to the left of {}", "left of {}", "beside {}", "and {}"),
    "right of": ("to the right of {}", "right of {}", "beside {}", "and {}"),
    "above": ("above {}", "over {}", "on top of {}", "and {}"),
    "below": ("below {}", "under {}", "beneath {}", "and {}"),
    "next to": ("next to {}", "beside {}", "with {}", "and {}"),
    "around": ("with {} inside", "around {}", "with {} in the middle"),
}
PHRASINGS = (  # {a} has its article, {b} has none; the first are the most usual
    "{a}",
    "a photo of {a}",
    "{b} - stock photo",
    "picture of {a}",
    "{b}",
    "{a}, close up",
    "an image of {a}",
    "{b} illustration",
    "{b} vector clip art",
    "drawing of {a}",
    "buy {b} print online",
    "{b} poster, free shipping",
    "my drawing of {a}",
    "{b} sticker for laptops",
    "here is {a} that we painted",
    "handmade {b} wall art",
    "photograph showing {a}",
    "{b} wallpaper for desktop",
    "how to paint {a}",
    "day {n}: {a}",
    "{b} greeting card design",
    "royalty free {b} picture",
    "{b} (detail)",
    "we saw {a} last summer",
    "{a} seen in town",
    "{b} / photo no {n}",
    "the best {b} of {year}",
    "item {n}, {b}, like new",
)
FILLERS = (
    "We made it ourselves over several weekends and are happy with how it turned out in the end.",
    "Please read the full description before you order and write to us about any other size you may need.",
    "It was taken on a slow afternoon with an old camera that my uncle gave me many years ago.",
    "Delivery takes three to five working days and every order comes with a small gift from our shop.",
    "Scroll down for the whole story, the list of materials and a step by step guide for beginners.",
)
WORD = re.compile(r"\w+")


def word_range(text: str) -> tuple[int, int]:
    """The word count by two usual definitions, the smaller one first."""
    counts = sorted((len(text.split()), len(WORD.findall(text))))
    return counts[0], counts[1]


def noun(thing: Thing, count: int, fill: str) -> str:
    """ "red striped circle", or its plural."""
    shape = thing.shape if count == 1 else PLURALS.get(thing.shape, thing.shape + "s")
    return " ".join(part for part in (thing.colour, fill, shape) if part)


def with_article(words: str, count: int = 1) -> str:
    if count > 1:
        return f"{NUMBERS[count]} {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def describe(scene: Scene, rng: random.Random, *, full: bool = False) -> str:
    """An alt-text; a `full` one says everything about the scene that words can."""
    while True:
        text = _phrase(scene, rng, full)
        low, high = word_range(text)
        if low >= 3 and high <= 20:
            return text


def describe_shortly(scene: Scene, rng: random.Random) -> str:
    """One or two words."""
    colour, shape = scene.main.colour, scene.main.shape
    adjectives = [w for w in FILL_WORDS[scene.main.fill] if w and " " not in w]
    texts = [
        f"{colour} {shape}",
        f"{shape}, {colour}",
        f"{colour} {shape}!",
        shape,
        f"my {shape}",
        f"#{shape}",
    ]
    texts += [f"{word} {shape}" for word in adjectives] + [f"{shape} {rng.randint(1, 99)}"]
    return _cased(rng.choice(texts), rng)


def describe_at_length(scene: Scene, rng: random.Random) -> str:
    """21 words or more."""
    text = describe(scene, rng).rstrip(".") + "."
    for filler in rng.sample(FILLERS, len(FILLERS)):
        text = f"{text} {filler}"
        if word_range(text)[0] >= 21 and rng.random() < 0.7:
            break
    return text


def _phrase(scene: Scene, rng: random.Random, full: bool) -> str:
    def says(chance: float) -> bool:
        return full or rng.random() < chance

    fill = rng.choice(FILL_WORDS[scene.main.fill]) if says(0.7) else ""
    bare = noun(scene.main, scene.count, fill)
    rest = []
    if scene.other is not None and scene.relation is not None and says(0.75):
        other_fill = rng.choice(FILL_WORDS[scene.other.fill]) if says(0.3) else ""
        other = with_article(noun(scene.other, 1, other_fill))
        rest.append(rng.choice(BESIDE[scene.relation]).format(other))
    if says(0.45):
        rest.append(rng.choice(BEHIND[scene.background]).format(scene.backdrop))
    weights = [1 / (rank + 2) for rank in range(len(PHRASINGS))]
    phrasing = rng.choices(PHRASINGS, weights)[0]
    tail = " ".join(["", *rest])
    # With no article a count still has to be said: "two red circles poster".
    b = bare if scene.count == 1 else with_article(bare, scene.count)
    a, n, year = with_article(bare, scene.count), rng.randint(2, 999), rng.randint(2009, 2024)
    text = phrasing.format(a=a + tail, b=b + tail, n=n, year=year)
    return _cased(text, rng)


def _cased(text: str, rng: random.Random) -> str:
    style = rng.random()
    if style < 0.45:
        return text
    if style < 0.85:
        return text[:1].upper() + text[1:] + ("." if rng.random() < 0.2 else "")
    return text.title() if style < 0.97 else text.upper()
