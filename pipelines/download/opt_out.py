"""Does the answer's header say that its owner does not want it in a training set?

Read are X-Robots-Tag (https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag, with the
noai and noimageai of DeviantArt), TDMRep (https://www.w3.org/community/reports/tdmrep/CG-FINAL-tdmrep-20240510/)
and the draft Content-Usage of IETF aipref. What one header refuses, no other header can allow.
"""

import re
from collections.abc import Collection, Iterable

REFUSING_DIRECTIVES = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none", "noml"})

# Usages of the aipref drafts, older spellings included, that cover training. `n` after one of them refuses.
REFUSING_USAGES = frozenset({"train-ai", "train-genai", "genai", "ai", "tdm", "all", "bots"})

# Directives with a value: their colon does not end the name of a user agent.
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_EVERYONE = frozenset({"*", "all"})
_PRODUCT = re.compile(r"[a-z*][a-z0-9_.+-]*(?:/[0-9a-z.+-]*)?")
_LONGEST = 500


def refusal(headers: Iterable[tuple[str, str]], agent_names: Collection[str]) -> str | None:
    """The first header that refuses, word for word, or None. `agent_names` are ours, in lower case."""
    for name, value in headers:
        if _refuses(name.strip().lower(), value.lower(), agent_names):
            return f"{name}: {value}"[:_LONGEST]
    return None


def _refuses(name: str, value: str, agent_names: Collection[str]) -> bool:
    match name:
        case "x-robots-tag":
            return _robots_refuses(value, agent_names)
        case "tdm-reservation":
            return any(item.strip() == "1" for item in value.split(","))
        case "content-usage":
            return any(_usage_refuses(item) for item in value.split(","))
    return False


def _robots_refuses(value: str, agent_names: Collection[str]) -> bool:
    """Directives hold for the agent named before them, in this header, and for all if none is.

    A date may contain commas and colons ("Fri, 25 Jun 2010 15:00:00 PST"): what stands before a colon is an
    agent only if it could be a product's name.
    """
    concerns_us = True
    for item in value.split(","):
        item = item.strip()
        while ":" in item:
            before, _, rest = item.partition(":")
            before = before.strip()
            if before in _WITH_VALUE:
                break
            if _PRODUCT.fullmatch(before):
                agent = before.partition("/")[0]
                concerns_us = agent in agent_names or agent in _EVERYONE
            item = rest.strip()
        if concerns_us and item in REFUSING_DIRECTIVES:
            return True
    return False


def _usage_refuses(item: str) -> bool:
    usage, _, preference = item.partition(";")[0].partition("=")
    return usage.strip() in REFUSING_USAGES and preference.strip() in ("n", "?0", "no")
