"""One rule's answer for every row, as small integers: words only where a table is written.

`codes` is 0 where the rule keeps a row, else 1 plus the place in `words` of the reason why not: the rule's
name, with `:null` where it could not be measured; of branches, those that did not keep the row.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from curate.corpus import Tables
from curate.filters.rule import Branches, Rule

NULL = ":null"


@dataclass(frozen=True)
class Answer:
    codes: np.ndarray  # (rows,) uint8, or uint16 where there are more than 255 words
    words: tuple[str, ...]
    copies: np.ndarray | None = None  # (rows,) int32, of a rule that answers with numbers


@dataclass(frozen=True)
class Question:
    """What a rule is asked of. `pool` and `survivors`: (rows,) bool, who counts for a rule that says so."""

    frame: pl.DataFrame
    tables: dict[str, Tables]
    pool: np.ndarray
    survivors: np.ndarray

    def asked(self, rule: Rule) -> np.ndarray:
        return self.survivors if rule.of == "survivors" else self.pool


def ask(rule: Rule, question: Question, name: str) -> Answer:
    """`name` begins the reason: `stage.rule`."""
    if rule.branches is not None:
        return _combined(rule.branches, question, name)
    answer = _series(rule, question)
    if answer.dtype == pl.Null:
        answer = answer.cast(pl.Boolean)
    if answer.dtype.is_integer():
        copies = answer.fill_null(0).cast(pl.Int32).to_numpy()
        keeps = answer > 0
    else:
        copies, keeps = None, answer
    codes = (~keeps.fill_null(True)).to_numpy().view(np.uint8)
    if keeps.null_count():
        codes = codes + keeps.is_null().to_numpy().view(np.uint8) * np.uint8(2)
    return Answer(codes, (name, name + NULL), copies)


def _series(rule: Rule, question: Question) -> pl.Series:
    frame = question.frame
    if rule.compare is not None:
        return rule.compare(frame, pl.Series(question.asked(rule)), question.tables)
    assert rule.keep is not None
    answer = frame.select(rule.keep.alias("keep"))["keep"]
    if len(answer) != len(frame):  # a condition without columns gives one row
        answer = answer.extend_constant(answer[0], len(frame) - len(answer))
    return answer


def _combined(branches: Branches, question: Question, name: str) -> Answer:
    """Kleene's three values as 0 keep, 2 null, 1 drop per branch; the reason lists those that did not keep."""
    dropped = np.zeros((len(branches.rules), len(question.frame)), bool)
    unknown = np.zeros_like(dropped)
    for i, (_, rules) in enumerate(branches.rules):
        for rule in rules:
            # As in a recipe: a rule of survivors is asked of what the rules before it, in its own branch, left.
            left = replace(question, survivors=question.survivors & ~dropped[i] & ~unknown[i])
            codes = verdict(ask(rule, left, rule.name))
            dropped[i] |= codes == 1
            unknown[i] |= codes == 2
    unknown &= ~dropped
    kept = ~dropped & ~unknown
    no: np.ndarray
    if branches.need == "all":
        no, open_, shown = np.any(dropped, 0), np.any(unknown, 0), dropped
    elif branches.need == "any":
        no, open_, shown = np.all(dropped, 0), np.any(unknown, 0) & ~np.any(kept, 0), dropped
    else:
        no, open_, shown = np.any(kept, 0), np.any(unknown, 0), kept
    open_ = np.asarray(open_ & ~no)
    return _listed([branch for branch, _ in branches.rules], no, open_, shown, unknown, name)


def verdict(answer: Answer) -> np.ndarray:
    """0 keep, 1 drop, 2 unmeasured."""
    state = np.array([0] + [2 if word.endswith(NULL) else 1 for word in answer.words], np.uint8)
    return state[answer.codes]


def _listed(
    branches: list[str], no: np.ndarray, open_: np.ndarray, shown: np.ndarray, unknown: np.ndarray, name: str
) -> Answer:
    """A word per combination of branches that there is: `name(a, b)`, or `name(a):null`."""
    key = np.zeros(len(no), np.uint32)  # a bit per branch, and one more: unmeasured
    for i in range(len(branches)):
        key |= np.where(open_, unknown[i], shown[i] & no).astype(np.uint32) << np.uint32(i)
    key |= open_.astype(np.uint32) << np.uint32(len(branches))
    seen = np.bincount(key, minlength=2) > 0
    seen[0] = False
    lines = []
    for pattern in np.flatnonzero(seen).tolist():
        those = ", ".join(branch for i, branch in enumerate(branches) if pattern >> i & 1)
        lines.append(f"{name}({those})" + (NULL if pattern >> len(branches) & 1 else ""))
    code = np.where(seen, np.cumsum(seen), 0)
    return Answer(code.astype(np.uint8 if len(lines) < 256 else np.uint16)[key], tuple(lines))
