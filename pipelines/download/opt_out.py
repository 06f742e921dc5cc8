"""Does an answer's header refuse that its image is used for training? One parser for every known form.

X-Robots-Tag (repeated, comma lists, scoped to an agent, dated), tdm-reservation (W3C TDMRep) and
Content-Usage (IETF aipref, a draft: its vocabulary is data). The text that refused is the consent record.
"""

import re
from collections.abc import Iterable

AGENT = "curate"
REFUSING = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none", "noml"})
# Directives of X-Robots-Tag that take a value after a colon; every other `word:` names an agent.
VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
USAGE_REFUSED = frozenset({("train-ai", "n"), ("bots", "n"), ("train-genai", "n")})
_SCOPE = re.compile(r"\s*([A-Za-z0-9_*./-]+)\s*:\s*(.*)", re.DOTALL)


def refusal(headers: Iterable[tuple[str, str]], agents: Iterable[str] = (AGENT,)) -> str | None:
    """The header that refuses, word for word, or None. `headers` may repeat a name."""
    ours = {agent.lower() for agent in agents} | {"*"}
    for name, value in headers:
        lowered = name.lower()
        refused = (
            (lowered == "x-robots-tag" and _robots(value, ours))
            or (lowered == "tdm-reservation" and value.strip() == "1")
            or (lowered == "content-usage" and _usage(value))
        )
        if refused:
            return f"{name}: {value}"[:300]
    return None


def _robots(value: str, ours: set[str]) -> bool:
    concerns_us = True
    for part in value.split(","):
        scope = _SCOPE.fullmatch(part)
        if scope and scope.group(1).lower() not in VALUED:
            concerns_us = scope.group(1).lower() in ours
            part = scope.group(2)
        elif scope:
            continue
        if concerns_us and part.strip().lower() in REFUSING:
            return True
    return False


def _usage(value: str) -> bool:
    for part in re.split(r"[,;]", value):
        key, _, answer = part.partition("=")
        if (key.strip().lower(), answer.strip().lower()) in USAGE_REFUSED:
            return True
    return False
