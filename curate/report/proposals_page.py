"""The page on which a person judges proposed pairs: offline, with one script of our own that exports the verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from curate import schema as c
from curate.report.environment import environment, own
from curate.report.numbers import number
from curate.report.thumbnails import Thumbnail

MOST = 2_000  # pairs of one page


def render_proposals(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    pictures: Sequence[Thumbnail | None],
    facts: Mapping[str, Any],
    column: str,
) -> str:
    """`rows` as a table of proposals has them, `pictures` theirs. `column`: the score that ordered them."""
    css, css_hash = own("page.css", "proposals.css")
    script, script_hash = own("proposals.js")
    made = environment()
    # Exactly as it is, for the export: what people see is spelled out, this is not.
    made.filters |= {"number": number, "exact": lambda text: Markup(escape(text or ""))}
    known = {c.UID, c.IMAGE_UID, c.ORIGIN, c.CAPTION, c.PROPOSED, c.ACCEPT, c.EDITED, c.BY}
    shown = list(zip(rows, pictures, strict=True))[:MOST]
    return made.get_template("proposals.html.j2").render(
        css=css,
        css_hash=css_hash,
        script=script,
        script_hash=script_hash,
        name=name,
        facts={key: number(value) if isinstance(value, float | int) else value for key, value in facts.items()},
        unsure=[pair for pair in shown if not pair[0][c.ACCEPT]],
        sure=[pair for pair in shown if pair[0][c.ACCEPT]],
        scores=sorted((set(rows[0]) if rows else set()) - known, key=lambda score: (score != column, score)),
        synthetic=c.SYNTHETIC,
    )
