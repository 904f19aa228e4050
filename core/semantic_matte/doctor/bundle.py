"""A file for a bug report: what the doctor found, packages, the worker's logs; nothing private in it."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from semantic_matte.doctor.finding import Finding
from semantic_matte.doctor.packages import installed_distributions
from semantic_matte.doctor.scrubbing import Scrubber
from semantic_matte.errors import UsageError
from semantic_matte.outputs.atomic import replacing

# The end of each log: what went wrong stands there.
MOST_LINES = 2000

_LOG = re.compile(r"worker-[\w-]+\.log(\.\d+)?")
# A version, without what a studio may have added to it for itself (PEP 440).
_VERSION = re.compile(r"\d+(?:[.!]\d+)*(?:(?:a|b|rc|\.post|\.dev|-)\d+)*")
_LOCAL = re.compile(r"\+(?:cpu|cu\d+|rocm[\d.]+|xpu)")

# Members are no older than the format.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_bundle(path: Path, rows: Sequence[Finding], scrubber: Scrubber | None = None) -> list[str]:
    """Write the file, whole or not at all; returns the names of what is in it.

    rows: what the doctor found. scrubber: that of this machine if None. Raises UsageError for another ending
    than .zip, OutputError.
    """
    if path.suffix.lower() != ".zip":
        raise UsageError(f"The bundle is a .zip file, got '{path}': give it that ending.")
    packages = installed_distributions()
    if scrubber is None:
        scrubber = Scrubber.of_this_machine([version for _, version in packages])
    members = bundle_members(rows, packages, worker_logs(), scrubber)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, _NO_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            # The same, whichever system made it.
            member.create_system = 3
            member.external_attr = 0o600 << 16
            archive.writestr(member, content)
    return list(members)


def bundle_members(
    rows: Sequence[Finding],
    packages: Iterable[tuple[str, str]],
    logs: Sequence[str],
    scrubber: Scrubber,
) -> dict[str, bytes]:
    """Name -> content of each file of the bundle. packages: (name, version) each. logs: the text of each."""
    told = [{key: scrubber.text(value) for key, value in row.as_dict().items()} for row in rows]
    texts = {
        "doctor.json": json.dumps(told, indent=2, ensure_ascii=False) + "\n",
        "packages.txt": "".join(f"{scrubber.text(line)}\n" for line in package_lines(packages)),
        "controls.sha256": f"{controls_checksum()}  controls.json\n",
    }
    texts |= {f"logs/worker-{number}.log": scrubber.text(text) for number, text in enumerate(logs, 1)}
    return {name: text.encode("utf-8", "replace") for name, text in texts.items()}


def package_lines(packages: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each package: its name and its public version."""
    lines = []
    for name, version in packages:
        if not re.fullmatch(r"[\w.-]+", name, re.ASCII):
            continue
        public = _VERSION.match(version)
        local = _LOCAL.search(version)
        lines.append(f"{name} {public[0] if public else '?'}{local[0] if local else ''}")
    return lines


def worker_logs() -> list[str]:
    """The end of each log of the user's workers, the newest of a worker first; none where there is no log."""
    from semantic_matte.worker.client_places import log_folder

    folder = log_folder()
    found = sorted(path for path in folder.glob("worker-*") if _LOG.fullmatch(path.name))
    texts = []
    for path in found:
        try:
            with path.open(encoding="utf-8", errors="replace", newline="\n") as stream:
                texts.append("".join(deque(stream, MOST_LINES)))
        except OSError as reason:
            texts.append(f"this log can't be read ({reason.strerror})\n")
    return texts


def controls_checksum() -> str:
    """The sha256 of the client's controls.json, which tells whether client and engine belong together."""
    from semantic_matte.worker.client_places import client_folder

    return hashlib.sha256((client_folder() / "controls.json").read_bytes()).hexdigest()
