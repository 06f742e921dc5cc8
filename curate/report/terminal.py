"""The statistics on a terminal of 100 columns. All text from data goes through `printable`, never as markup."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from curate.report.counts import adds_up
from curate.report.numbers import measured, number, percent
from curate.report.printable import printable
from curate.report.records import CURATED
from curate.report.rounds import circumstances, ends, table
from curate.report.verdicts import UNCLEAR, WORSE, verdicts

__all__ = ["printable", "render_terminal", "rounds_table"]

BLOCKS = " ▁▂▃▄▅▆▇█"
SPARKS = 24  # characters of a histogram
FIRST = 5  # rows of a corpus pass's table
LONGEST = 44  # characters of a word from the web
LEVEL_STYLE = {"error": "bold red", "warning": "yellow", "note": "dim"}
VERDICT_STYLE = {WORSE: "bold red", UNCLEAR: "yellow"}


def render_terminal(stats: dict) -> RenderableType:
    """Totals, alerts, funnel, outcomes, signals, hosts and words, one under the other."""
    parts: list[RenderableType] = [_headline(stats)]
    if stats["alerts"]:
        parts += [_title("Alerts"), *(_alert(alert) for alert in stats["alerts"])]
    parts += [_title("Funnel"), _funnel(stats["funnel"])]
    if stats["outcomes"]:
        parts += [_title("Download"), _outcomes(stats["outcomes"])]
    blocks = [block for block in {**stats["sizes"], **stats["signals"]}.values() if block["histogram"]]
    if blocks:
        parts += [_title("Signals"), _signals(blocks)]
    if stats["duplicates"]["pairs"]:
        parts.append(_duplicates(stats["duplicates"]))
    if stats["hosts"]["top"]:
        parts += [_title(f"Hosts ({stats['hosts']['hosts']:,})"), _hosts(stats["hosts"]["top"][:5])]
    for title, rows in stats["corpus"].items():
        parts += [_title(title), _corpus(rows[:FIRST])]
    parts += _captions(stats)
    return Group(*parts)


def rounds_table(records: Sequence[dict]) -> RenderableType:
    """The arms of each round, each evaluation by its main metric; then what follows from it, in sentences."""
    parts: list[RenderableType] = []
    rows = [row for row in table(records) if row["main"]]
    if rows:
        parts.append(_arms(rows))
    for verdict in verdicts(records):
        parts += [Text(""), Text(printable(verdict.text), VERDICT_STYLE.get(verdict.kind, ""))]  # never cut at the edge
    told = [Text(printable(sentence), "dim") for sentence in circumstances(records)]
    return Group(*parts, *([Text("")] if told else []), *told)


def _arms(rows: Sequence[dict]) -> Table:
    shown = _table(
        ("round", True), ("eval", False), ("arm", False), ("samples", True), ("mean ± sd", True), ("95% interval", True)
    )
    before: tuple[int, str] | None = None
    for row in rows:
        here = (row["round"], row["eval"])
        mean = measured(row["mean"], row["share"]) + ("" if row["sd"] is None else f" ± {_spread(row)}")
        shown.add_row(
            str(row["round"]) if before is None or before[0] != here[0] else "",
            _plain(f"{row['eval']} {row['metric']}" if before != here else "", "bold", 28),
            _plain(row["arm"], "bold" if row["arm"] == CURATED else "", 16),
            number(row["samples"]),
            mean,
            Text(f"[{ends(row)}]" if ends(row) else ""),
        )
        before = here
    return shown


def _spread(row: dict) -> str:
    """Under the mean's own percent sign."""
    return f"{100 * row['sd']:.1f}" if row["share"] else number(row["sd"])


def _title(text: str) -> RenderableType:
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


def _plain(value: object, style: str = "", longest: int = LONGEST) -> Text:
    """A cell that is never read as markup and never wider than its column."""
    text = printable(value)
    return Text(text if len(text) <= longest else text[: longest - 1] + "…", style=style)


def _table(*columns: tuple[str, bool]) -> Table:
    """Columns as (title, whether it holds numbers)."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title, numeric in columns:
        table.add_column(title, justify="right" if numeric else "left", no_wrap=numeric)
    return table


def _headline(stats: dict) -> Text:
    counts = stats["counts"]
    line = Text.assemble(
        (printable(stats["name"]), "bold"),
        f"   {counts['asked']:,} asked",
        f"   {counts['downloaded']:,} downloaded",
        *([f"   {counts['synthetic']:,} synthetic"] if counts["synthetic"] else []),
        (f"   {counts['kept']:,} kept", "bold green" if counts["kept"] else "bold red"),
        f"   {counts['images']:,} images",
    )
    return line


def _alert(alert: dict) -> Text:
    style = LEVEL_STYLE[alert["level"]]
    return Text.assemble(
        (f"{alert['level']}: ", style), printable(alert["text"]), ("\n  -> " + printable(alert["command"]), "dim")
    )


def _funnel(funnel: Sequence[dict]) -> Table:
    table = _table(
        ("stage", False),
        ("rule", False),
        *((title, True) for title in ("in", "added", "dropped", "kept", "kept %", "images")),
    )
    before = None
    for row in funnel:
        stage = _plain(row["stage"] if row["stage"] != before else "", "bold", 20)
        before = row["stage"]
        numbers = [f"{row[name]:,}" if row[name] else "·" for name in ("in", "added", "dropped")]
        shares = [f"{row['kept']:,}", percent(row["kept_share"]), f"{row['images']:,}"]
        table.add_row(stage, _plain(row["rule"], longest=26), *numbers, *shares)
    if funnel:
        sums = [f"{sum(row[name] for row in funnel):,}" for name in ("added", "dropped")]
        last = [f"{funnel[-1]['kept']:,}", percent(funnel[-1]["of_asked"]), f"{funnel[-1]['images']:,}"]
        verdict = "adds up" if adds_up(funnel) else "DOES NOT ADD UP"
        table.add_row("all", verdict, f"{funnel[0]['in']:,}", *sums, *last, style="bold")
    return table


def _outcomes(rows: Sequence[dict]) -> Table:
    table = _table(("outcome", False), ("rows", True), ("share", True), ("", False))
    for row in rows:
        table.add_row(_plain(row["outcome"]), f"{row['count']:,}", percent(row["share"]), _plain(row["class"], "dim"))
    return table


def _signals(blocks: Sequence[dict]) -> Table:
    table = _table(
        ("column", False), *((name, True) for name in ("p5", "median", "p95", "null")), ("", False), ("near", True)
    )
    for block in blocks:
        near = ", ".join(f"{cut['near']:,} at {number(cut['value'])}" for cut in block["thresholds"])
        quantiles = [number(block["quantiles"][name]) for name in ("p5", "median", "p95")]
        nulls = f"{block['nulls']:,}" if block["nulls"] else "·"
        spark = Text(sparkline(block["histogram"]), style="cyan")
        table.add_row(_plain(block["column"], longest=22), *quantiles, nulls, spark, near)
    return table


def sparkline(histogram: dict) -> str:
    """The histogram in one line; a bin with anything in it is never blank."""
    totals = [kept + dropped for kept, dropped in zip(histogram["kept"], histogram["dropped"], strict=True)]
    width = -(-len(totals) // SPARKS)
    merged = [sum(totals[start : start + width]) for start in range(0, len(totals), width)]
    top = max(merged) or 1
    return "".join(BLOCKS[-(-total * 8 // top)] for total in merged)


def _duplicates(found: dict) -> RenderableType:
    text = (
        f"Duplicates: {found['pairs']:,} pairs join {found['grouped']:,} samples into {found['groups']:,} groups,"
        f" the largest of {found['largest'][0]['size']:,}."
    )
    return Padding(Text(text), (1, 0, 0, 0))


def _hosts(rows: Sequence[dict]) -> Table:
    table = _table(("host", False), *((name, True) for name in ("asked", "share", "success", "kept")))
    for row in rows:
        shares = percent(row["share"]), percent(row["ok_share"])
        table.add_row(_plain(row["host"]), f"{row['asked']:,}", *shares, f"{row['kept']:,}")
    return table


def _corpus(rows: Sequence[dict]) -> Table:
    """The first rows of a corpus pass's table."""
    numeric = {name: isinstance(value, int | float) for name, value in rows[0].items()}
    shown = _table(*((name.replace("_", " "), numbers) for name, numbers in numeric.items()))
    for row in rows:
        shown.add_row(*(number(v) if numeric[n] else _plain("" if v is None else v) for n, v in row.items()))
    return shown


def _captions(stats: dict) -> list[RenderableType]:
    words, concepts = stats["words"], stats["concepts"]
    if not words["distinct"]:
        return []
    title = f"Words kept: {words['distinct']:,} distinct, {words['once']:,} of them in one caption only"
    parts = [_title(title), _terms("frequent", [(row["term"], f"{row['kept']:,}") for row in words["frequent"]])]
    for name in ("favoured", "lost"):
        rows = [(r["term"], f"{percent(r['pool_share'])}→{percent(r['kept_share'])}") for r in concepts[name]]
        if rows:
            parts.append(_terms(name, rows))
    return parts


def _terms(name: str, rows: Sequence[tuple[str, str]], limit: int = 8) -> Text:
    text = Text(f"{name:<9} ", style="dim")
    for term, count in rows[:limit]:
        text.append(_plain(term, "default not dim", 24)).append(f" {count}   ")
    return text
