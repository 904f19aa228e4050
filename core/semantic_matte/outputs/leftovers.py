"""Temporaries of processes that were killed: found by their names, and removed once they are surely nobody's.

A temporary's name says which process writes it: a mark of its machine, its number, and when it was started.
Standard library alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import sys
from pathlib import Path

# A file that nobody has written to for so long is abandoned, whoever made it: for processes of other machines
# and containers, which can't be seen from here.
ABANDONED_SECONDS = 7 * 24 * 3600.0

_OURS = re.compile(r"\..*\.semantic_matte-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{8}(\.[^.]*)?", re.DOTALL)

# Mark of a machine on which nothing certain can be said about processes.
_UNKNOWN = "0" * 8

# Bytes of the final name that a temporary repeats, for people; file systems take 255 in all.
_LONGEST_STEM = 80


def temporary_beside(place: Path) -> Path:
    """A hidden name in the folder of `place`, with its suffix, that no file has and no other call gives."""
    stem = place.stem.encode("utf-8", "ignore")[:_LONGEST_STEM].decode("utf-8", "ignore")
    writer = f"{_machine()}-{os.getpid()}-{_started(os.getpid()) or 0}"
    return place.with_name(f".{stem}.semantic_matte-{writer}-{secrets.token_hex(4)}{place.suffix}")


def remove_abandoned(folder: Path, now: float) -> None:
    """Remove temporaries in a folder whose process is gone or that are untouched for ABANDONED_SECONDS.

    now: seconds as the folder's file system counts them, from a file written just now: its clock may be
    another machine's. Names of others are left alone, and so is what can't be removed.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            named = _OURS.fullmatch(entry.name)
            if named is None:
                continue
            with contextlib.suppress(OSError):
                age = now - entry.stat(follow_symlinks=False).st_mtime
                if _is_gone(named[1], int(named[2]), int(named[3])) or age > ABANDONED_SECONDS:
                    Path(entry).unlink()


def _is_gone(machine: str, process: int, started: int) -> bool:
    """Whether the process that wrote such a name has surely ended; False where it can't be known."""
    # On Windows, os.kill ends the process that it is asked about.
    if sys.platform == "win32" or machine == _UNKNOWN or machine != _machine():
        return False
    try:
        # Signal 0 only asks. Unlike /proc it also answers for other users' processes, whatever is hidden.
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    # The number may have been given to another process since.
    now = _started(process)
    return now is not None and started != 0 and now != started


def _machine() -> str:
    """A mark that is the same for processes which see each other's numbers: of one container on one machine,
    since it was started. Not kept: a process can move to another container and fork there."""
    try:
        if sys.platform == "linux":
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            told = f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
        else:
            import uuid

            told = f"{sys.platform} {uuid.getnode()}"
    except OSError:
        return _UNKNOWN
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def _started(process: int) -> int | None:
    """When a process was started, in the kernel's ticks since boot; None if it isn't told.

    A process that has ended but was not waited for yet counts as another one: 0.
    """
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        # The program's name stands in parentheses and may hold anything (proc(5)).
        fields = text.rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None
