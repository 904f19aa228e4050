"""The jobs that wait: clients take turns, and each client's jobs go in the order in which they came."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator

from semantic_matte.worker.job_record import JobRecord


class FairQueue:
    """Waiting jobs by owner. The owner whose turn has come stands first; after its turn it stands last."""

    def __init__(self) -> None:
        self._owners: OrderedDict[Hashable, deque[JobRecord]] = OrderedDict()
        self._length = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._length

    @property
    def bytes(self) -> int:
        """How much memory the waiting orders take."""
        return self._bytes

    def put(self, job: JobRecord) -> None:
        """Add a job behind its owner's others; an owner without any comes after all others' next ones."""
        self._owners.setdefault(job.owner, deque()).append(job)
        self._length += 1
        self._bytes += len(job.order)

    def take(self) -> JobRecord | None:
        """The next job, which then waits no more; None where none waits."""
        if not self._owners:
            return None
        owner = next(iter(self._owners))
        job = self._owners[owner].popleft()
        self._owners.move_to_end(owner)
        self._count_out(job)
        return job

    def remove(self, job: JobRecord) -> None:
        """Take out a job that waits. Raises ValueError if it does not wait."""
        waiting = self._owners.get(job.owner)
        if waiting is None:
            raise ValueError(f"{job.identity} does not wait")
        waiting.remove(job)
        self._count_out(job)

    def __iter__(self) -> Iterator[JobRecord]:
        """All waiting jobs in the order in which they would be taken if no other came."""
        rows = [iter(waiting) for waiting in self._owners.values()]
        while rows:
            left = []
            for row in rows:
                job = next(row, None)
                if job is not None:
                    yield job
                    left.append(row)
            rows = left

    def _count_out(self, job: JobRecord) -> None:
        self._length -= 1
        self._bytes -= len(job.order)
        if not self._owners[job.owner]:
            del self._owners[job.owner]
