"""Every case of the suite ends as it is stated to end."""

import importlib
from collections.abc import Mapping
from functools import cache

import pytest

from tests.hostile.__main__ import KINDS
from tests.hostile.cases import Case, Facts

LEAST = {"answers": 150, "pictures": 120, "tables": 60, "headers": 60, "ssrf": 60, "needles": 12}


def cases() -> list[object]:
    found = []
    for kind in KINDS:
        for case in importlib.import_module(f"tests.hostile.{kind}").CASES:
            marks = [pytest.mark.xfail(reason=case.known, strict=True)] if case.known else []
            found.append(pytest.param(kind, case, id=f"{kind}-{case.name[:60]}", marks=marks))
    return found


@cache
def results(kind: str) -> Mapping[str, Facts]:
    return importlib.import_module(f"tests.hostile.{kind}").results()


@pytest.mark.parametrize(("kind", "case"), cases())
def test_as_stated(kind: str, case: Case) -> None:
    found = results(kind)[case.name]
    assert not case.wrong(found), f"instead of {dict(case.expected)}; {found.get('message')}"


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_as_many_cases_as_promised(kind: str) -> None:
    assert len(importlib.import_module(f"tests.hostile.{kind}").CASES) >= LEAST[kind]
