"""Numbers that options can have: a recipe with another is refused at the door. Holds no torch."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, Predicate

MOST = 1e9  # of anything: infinity is not a setting

Positive = Annotated[float, Gt(0), Le(MOST)]
NotNegative = Annotated[float, Ge(0), Le(MOST)]
Count = Annotated[int, Ge(1), Le(MOST)]
CountOrNone = Annotated[int, Ge(0), Le(MOST)]  # 0: none at all
Share = Annotated[float, Ge(0), Le(1)]
SomeShare = Annotated[float, Gt(0), Le(1)]
BelowOne = Annotated[float, Ge(0), Lt(1)]
Span = Annotated[tuple[SomeShare, SomeShare], Predicate(lambda pair: pair[0] <= pair[1])]  # of an area or a share
