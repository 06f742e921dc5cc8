"""Alt-texts that say nothing about the picture, and decoration that attackers and editors leave."""

import random

BOILERPLATE = (  # one or two words
    "image", "IMG_{n}.JPG", "photo", "logo", "{w}x{h}", "DSC_{n}.jpg", "thumbnail", "picture", "untitled",
    "banner", "alt_img", "icon", "header image", "placeholder", "slide {d}", "avatar", "img{n}", "null",
    "screenshot", "Image {d}", "default.png", "product photo", "background",
)  # fmt: skip
WORDY_BOILERPLATE = ("click to enlarge", "no image available")  # only their count tells
SHARED = (
    "Share on Facebook and Twitter today",
    "Subscribe to our newsletter for weekly updates",
    "Click here to see the full size picture",
    "Image may be subject to copyright",
    "Photo courtesy of the original owner",
    "You may also like these posts",
    "Sponsored content from our partners",
    "Visit our store for more great offers",
    "Please enable cookies to view this content",
    "Read more about this story here",
    "Posted by the editor in news",
    "Welcome to our online shop",
)
HOSTILE = (
    "<b>{t}</b><script>alert(1)</script>",
    "\x1b[31m{t}\x1b[0m",
    '=HYPERLINK("http://evil.example/x","{t}")',
    "\u202e{t}\u202c",
    'He said: "{t}", didn\'t he?',
    "{t},\nsecond line,\r\nthird",
    "🎉✨ {t} 😀👩‍👩‍👧",
    "'; DROP TABLE images; -- {t}",
    "{t}\twith\ttabs",
    "&lt;{t}&gt; &amp; more",
    "@SUM(1+1) {t}",
    '<img src="x" onerror="alert(1)"> {t}',
    "\ufeff{t}\u200b",
)


def boilerplate(rng: random.Random) -> str:
    weights = [1 / (rank + 2) for rank in range(len(BOILERPLATE))]
    text = rng.choices(BOILERPLATE, weights)[0]
    width, height = rng.choice(((1920, 1080), (1280, 720), (800, 600), (1024, 768), (640, 480)))
    return text.format(n=f"{rng.randint(1, 9999):04d}", d=rng.randint(1, 20), w=width, h=height)


def hostile(text: str, form: int) -> str:
    """The text in the `form`-th kind of hostile dress; the words stay."""
    return HOSTILE[form % len(HOSTILE)].format(t=text)
