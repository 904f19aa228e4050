"""The worker: whether one runs now, and whether one can be started and mattes."""

from __future__ import annotations

from collections.abc import Iterator

from semantic_matte import __version__
from semantic_matte.doctor.finding import Finding


def running() -> Finding:
    """The user's worker, if one runs; none is started."""
    from semantic_matte.worker.client_places import ClientError
    from semantic_matte.worker.trial import worker_status

    try:
        found = worker_status()
    except ClientError as error:
        return Finding("worker", "error", str(error))
    if found is None:
        return Finding("worker", "ok", "none runs: hosts start it when they need it")
    text = f"process {found['pid']}, version {found['version']}, {len(found['jobs'])} jobs"
    if found["version"] != __version__:
        advice = (
            f"this engine is {__version__}: 'semantic-matte worker stop', and the next job starts the new one"
        )
        return Finding("worker", "warning", f"{text}; {advice}")
    return Finding("worker", "ok", text)


def trial() -> Iterator[Finding]:
    """A throw-away worker and a tiny matte, end to end: a row for each part, with its seconds."""
    from semantic_matte.worker.trial import try_worker

    for part in try_worker():
        found = f"{part.seconds:.2f} s: {part.found}" if part.good else part.found
        yield Finding(f"worker {part.name}", "ok" if part.good else "error", found)
