"""`report.html` of a run, written again only when what it shows has changed."""

from curate.files import canonical_json, sha256
from curate.manifest import Entry
from curate.report.page import render_page
from curate.uid import fingerprint
from pipelines import decide
from pipelines.evidence import gather
from pipelines.ledger import read_all
from pipelines.recipe import Recipe
from pipelines.workspace import REPORT, Workspace

VERSION = 2
ENTRY = "report"


def publish_report(recipe: Recipe, workspace: Workspace) -> str:
    """Returns the report's path."""
    root = workspace.manifest("")
    answer = root.entries[decide.ENTRY]
    records = [sha256(canonical_json(record)) for record in read_all(workspace)]
    mark = fingerprint(VERSION, answer.fingerprint, answer.content(), recipe.resolved(), records)
    entry = root.entries.get(ENTRY)
    if entry is None or entry.fingerprint != mark or root.damage(ENTRY) is not None:
        data = render_page(gather(recipe, workspace)).encode()
        workspace.folder.write(REPORT, data)
        root.entries[ENTRY] = Entry(mark, 0, {}, {REPORT: {"sha256": sha256(data), "bytes": len(data)}})
        root.save()
    return workspace.folder.url(REPORT)
