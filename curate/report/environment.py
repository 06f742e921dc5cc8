"""How templates are filled: words from data are escaped and spelled out, and a missing one is an error."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from curate.report.printable import printable

HERE = Path(__file__).parent


def environment() -> Environment:
    def shown(value: object) -> object:
        return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def own(*names: str) -> tuple[Markup, str]:
    """Our own style sheets or scripts as one text, and the hash by which a page's policy knows it."""
    text = "".join((HERE / name).read_text(encoding="utf-8") for name in names)
    return Markup(text), base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
