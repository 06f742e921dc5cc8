"""The one function that text from the web goes through before a person sees it."""

JOINERS = "\u200c\u200d"  # Persian, Hindi and emoji need them, and they cannot reorder a line


def printable(text: object) -> str:
    """The text with every control, bidi, format and unpaired surrogate character spelled out.

    An escape sequence then cannot paint a terminal, and a right-to-left override cannot turn a line round.
    Spaces of any width become a plain one.
    """
    return "".join(
        character if character.isprintable() or character in JOINERS else _spelled(character) for character in str(text)
    )


def _spelled(character: str) -> str:
    # U+2028 and U+2029 are spaces to `isspace`, but they break lines.
    if character.isspace() and character.splitlines() != [""]:
        return " "
    return character.encode("unicode_escape").decode("ascii")
