"""How numbers are written for people."""


def number(value: float | int | None) -> str:
    """A count with separators, a measurement with four digits, a dash for nothing."""
    if value is None:
        return "\u2013"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def percent(value: float) -> str:
    """0.1234 -> 12.3%; something tiny is not shown as nothing."""
    if 0 < value < 0.0005:
        return "<0.1%"
    if 0.9995 <= value < 1:
        return ">99.9%"
    return f"{100 * value:.1f}%"


def short(value: float) -> str:
    """1500 -> 1.5k; what fits under a tick."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{value:.4g}"


def measured(value: float | None, share: bool) -> str:
    """A metric: a percentage when it is a share, else a number; a dash for nothing."""
    return number(value) if value is None or not share else percent(value).replace("-", "\u2212")


def change(value: float | None, share: bool) -> str:
    """A difference with its sign, of shares in percentage points: 0.695 -> +69.5."""
    if value is None:
        return number(value)
    text = f"{100 * value:+.1f}" if share else f"{value:+.4g}"
    return text[1:] if not float(text) else text.replace("-", "\u2212")


def interval(low: str | None, high: str | None) -> str:
    """64 to 74; an end that is missing is unbounded, and said to be."""
    if low is None or high is None:
        known = f"below {high}" if high is not None else f"above {low}"
        return "unbounded" if low is high else f"{known}, unbounded on the other side"
    return f"{low} to {high}"
