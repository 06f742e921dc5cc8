"""One attempt at a unit, in whatever process runs it. The only place that catches every exception."""

import errno
import posixpath
import traceback

from curate.errors import CurateError, MachineError
from curate.files import Folder, content_sha256
from pipelines.engine.unit import Failure, Job, Part, StagedPart, Task


def attempt(task: Task, job: Job, folder: Folder) -> list[StagedPart] | Failure:
    """Run the task and stage what it made. An error becomes a Failure; a crash is the crew's to notice."""
    try:
        parts = task.run(job.unit, job.rows)
        if job.probe:
            return []
        return [_stage(part, job, folder) for part in parts]
    except CurateError as error:
        return Failure(str(error), error)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fatal = MachineError(f"the disk is full: {error}", "free some space, also in TMPDIR; then run again")
        return Failure(traceback.format_exc(), fatal if full else None)
    except Exception:
        return Failure(traceback.format_exc())


def _stage(part: Part, job: Job, folder: Folder) -> StagedPart:
    if sum(part.states.values()) != part.rows:
        raise ValueError(f"{part.under}: states {dict(part.states)} do not sum to {part.rows} rows")
    files = {}
    for base, data in part.files.items():
        staged = folder.stage(posixpath.join(part.under, base), job.attempt, data)
        files[base] = (staged, *content_sha256(data))
    return StagedPart(part.under, part.rows, part.states, files, part.stands_for)
