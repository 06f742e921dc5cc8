"""The hosts and URLs of the planted web. URLs never name a port, so they are the same for every server."""

import random

from curate.planted.answers import Behaviour
from curate.planted.rows import Draft
from curate.uid import draw_int

DOMAIN = "planted.example"
HOSTS = tuple(
    f"{kind}{number:02d}.{DOMAIN}"
    for kind, most in (("img", 12), ("cdn", 6), ("blog", 8), ("shop", 4))
    for number in range(1, most + 1)
)
NO_SUCH_HOSTS = 20


def sample_host(rng: random.Random) -> str:
    """A few hosts have most of the images."""
    return rng.choices(HOSTS, [1 / (rank + 1) for rank in range(len(HOSTS))])[0]


def addresses(seed: int, drafts: list[Draft], formats: list[str]) -> list[str]:
    """One URL per row, of its own unless the row is about another row's URL."""
    urls: list[str] = []
    taken: set[str] = set()
    for draft, format in zip(drafts, formats, strict=True):
        rng = random.Random(draw_int(seed, draft.name, "url"))
        url = _address(draft, format, rng)
        while url in taken:
            url = _address(draft, format, rng)
        taken.add(url)
        urls.append(url)
    for draft in drafts:
        if draft.same_url and draft.source is not None:
            urls[draft.number] = urls[draft.source]
    return urls


def _address(draft: Draft, format: str, rng: random.Random) -> str:
    host = sample_host(rng)
    if draft.behaviour is Behaviour.NO_SUCH_HOST:
        host = f"nosuch-{rng.randint(1, NO_SUCH_HOSTS):02d}.invalid"
    suffix = {Behaviour.SVG: "svg", Behaviour.PIXEL_BOMB: "png"}.get(draft.behaviour, format)
    if suffix == "jpg":
        suffix = rng.choice(("jpg",) * 8 + ("jpeg", "JPG"))
    name = draft.shown.main.concept.replace(" ", "-")
    query = rng.choice(("",) * 18 + ("?w=640", "?v=2&fit=max"))
    date = f"{rng.randint(2008, 2024)}/{rng.randint(1, 12):02d}"
    return f"http://{host}/{date}/{name}-{rng.randint(1000, 99999)}.{suffix}{query}"
