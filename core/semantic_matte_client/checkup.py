"""`doctor()`: what can be seen from the host's side, and then what the engine says of itself."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, List, Optional

from semantic_matte_client.errors import ClientError
from semantic_matte_client.launch import PACKAGE, EngineCommand, clean_environment, find_engine
from semantic_matte_client.results import DoctorReport, Finding
from semantic_matte_client.runtime import runtime_folder
from semantic_matte_client.version import VERSION

if TYPE_CHECKING:
    from semantic_matte_client.request_checks import AnyPath

_SHOWN_LINES = 3


def examine(python: Optional[AnyPath], seconds: float) -> DoctorReport:
    """Every check of this side, then the engine's own. Never raises for what it finds."""
    from semantic_matte_client.client import host_name

    findings = [
        Finding("host", "ok", f"{host_name()}: Python {platform.python_version()} ('{sys.executable}')"),
        Finding("client", "ok", f"{VERSION} ('{Path(__file__).parent}')"),
        *_runtime(),
    ]
    try:
        engine = find_engine(python)
    except ClientError as error:
        return DoctorReport((*findings, Finding("engine's Python", "error", str(error))))
    findings.append(Finding("engine's Python", "ok", f"'{engine.python}', named by {engine.found}"))
    told = _engine(engine, seconds)
    return DoctorReport((*findings, *_versions(told), *told))


def _runtime() -> List[Finding]:
    """A row where no worker could be met from here; otherwise the engine tells of the folder."""
    try:
        runtime_folder()
    except ClientError as error:
        return [Finding("runtime folder", "error", str(error))]
    return []


def _versions(told: List[Finding]) -> List[Finding]:
    """A warning if client and engine differ: they may speak different protocols."""
    theirs = next((row.found for row in told if row.what == "semantic-matte"), VERSION)
    if theirs.split()[0] == VERSION:
        return []
    return [
        Finding(
            "versions",
            "warning",
            f"the client is {VERSION}, the engine {theirs}: run 'semantic-matte install' of the engine again",
        )
    ]


def _engine(engine: EngineCommand, seconds: float) -> List[Finding]:
    """The engine's own checks, in a process of its own; its output goes into files, which can't fill up."""
    try:
        with tempfile.TemporaryDirectory(prefix="sm-") as scratch:
            folder = Path(scratch)
            problem = _run(engine, folder, seconds)
            said = (folder / "errors").read_text(encoding="utf-8", errors="replace")
            rows = _parsed((folder / "rows").read_text(encoding="utf-8", errors="replace"))
    except OSError as reason:
        return [Finding("engine", "error", f"'{engine.python}' can't be run ({reason.strerror or reason})")]
    if rows:
        return rows
    last = " ".join(line.strip() for line in said.splitlines()[-_SHOWN_LINES:])
    return [Finding("engine", "error", f"'{engine.python}' {problem}: {last or 'it said nothing'}")]


def _run(engine: EngineCommand, folder: Path, seconds: float) -> str:
    """Run it with its output in `rows` and `errors`. Returns how it ended. Raises OSError."""
    with (folder / "rows").open("wb") as rows, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - the user's own Python
            engine.command(PACKAGE, "doctor", "--json"),
            stdin=subprocess.DEVNULL,
            stdout=rows,
            stderr=errors,
            cwd=folder,
            env=clean_environment(),
        )
    try:
        return f"ended with code {process.wait(seconds)}"
    except subprocess.TimeoutExpired:
        return f"was not done within {seconds:g} seconds"
    finally:
        # Also when this call is interrupted.
        if process.poll() is None:
            process.kill()
            process.wait()


def _parsed(text: str) -> List[Finding]:
    """Rows of `doctor --json`; none if it is something else."""
    try:
        rows: Any = json.loads(text)
        return [Finding(str(row["what"]), str(row["status"]), str(row["found"])) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
