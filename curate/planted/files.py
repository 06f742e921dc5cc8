"""Says which picture, and which file of it, each row's URL serves; a picture's copies are files of it too."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from curate.planted.answers import FAILING, NEEDS_PICTURE
from curate.planted.composition import Duplicate, Kind
from curate.planted.pictures import Picture
from curate.planted.rows import Draft


@dataclass(frozen=True)
class File:
    """The `index`-th file of a picture: 0 is the original."""

    picture: str
    index: int


def assign(
    drafts: Sequence[Draft], objects: Sequence[Picture]
) -> tuple[list[Picture], list[Picture], list[File | None]]:
    """The evaluation pictures with their leaked copies, the pool's pictures, and the file of each row."""
    originals: dict[str, Picture] = {picture.name: picture for picture in objects}
    for draft in drafts:
        if _has_own_picture(draft):
            originals[draft.name] = Picture(draft.name, draft.shown, draft.size, draft.format)
    files: list[File | None] = []
    for draft in drafts:
        if draft.kind is Kind.LEAKED and draft.leak is not None:
            kind = Duplicate.EXACT if draft.number % 2 else Duplicate.REENCODED
            files.append(_add_copy(originals, objects[draft.leak].name, kind))
        elif draft.kind is Kind.COPY and draft.source is not None:
            files.append(_add_copy(originals, drafts[draft.source].name, draft.duplicate))
        elif draft.same_url and draft.source is not None:
            files.append(File(drafts[draft.source].name, 0))
        else:
            files.append(File(draft.name, 0) if _has_own_picture(draft) else None)
    pictures = list(originals.values())
    return pictures[: len(objects)], pictures[len(objects) :], files


def _has_own_picture(draft: Draft) -> bool:
    if draft.source is not None or draft.kind is Kind.LEAKED:
        return False
    return draft.behaviour not in FAILING or draft.behaviour in NEEDS_PICTURE


def _add_copy(originals: dict[str, Picture], name: str, kind: Duplicate) -> File:
    picture = originals[name]
    originals[name] = replace(picture, copies=(*picture.copies, kind))
    return File(name, len(picture.copies) + 1)
