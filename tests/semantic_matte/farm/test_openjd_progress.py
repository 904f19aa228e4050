"""Progress as OpenJD's own session reads it from a task's output."""

from __future__ import annotations

import os
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from openjd.model import create_job, decode_job_template
from openjd.sessions import ActionState, ActionStatus, Session

from semantic_matte.openjd_progress import OpenJDProgress, is_wanted
from semantic_matte.ports import ProgressEvent

CORE = Path(__file__).parent.parent.parent.parent / "core"


def statuses(tmp_path: Path, body: str) -> list[ActionStatus]:
    """What a session hears of a task that runs some Python."""
    script = tmp_path / "task.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(CORE)!r})\n"
        "from semantic_matte.openjd_progress import OpenJDProgress, write_failure\n"
        "from semantic_matte.ports import ProgressEvent\n" + textwrap.dedent(body)
    )
    template: dict[str, Any] = {
        "specificationVersion": "jobtemplate-2023-09",
        "name": "test",
        "steps": [
            {
                "name": "Only",
                "script": {"actions": {"onRun": {"command": sys.executable, "args": [str(script)]}}},
            }
        ],
    }
    job = create_job(job_template=decode_job_template(template=template), job_parameter_values={})
    heard: list[ActionStatus] = []
    ended = threading.Event()

    def listen(_: str, status: ActionStatus) -> None:
        heard.append(status)
        if status.state != ActionState.RUNNING:
            ended.set()

    with Session(
        session_id="test", job_parameter_values={}, callback=listen, os_env_vars=dict(os.environ)
    ) as session:
        session.run_task(step_script=job.steps[0].script, task_parameter_values={})
        assert ended.wait(60)
    return heard


def test_a_session_sees_how_far_a_task_is_and_why_it_failed(tmp_path: Path) -> None:
    heard = statuses(
        tmp_path,
        """
        progress = OpenJDProgress()
        progress.advance(ProgressEvent("matting", 1, 8, "person 1\\nopenjd_progress: 99"))
        progress.advance(ProgressEvent("writing", 8, 8))
        write_failure("The plate 'shöt'\\ncan't be read.")
        sys.exit(1)
        """,
    )
    told = [(status.progress, status.status_message) for status in heard if status.state == ActionState.RUNNING]
    assert told[-1] == (100.0, "writing")
    assert (12.0, "matting person 1 openjd_progress: 99") in told
    assert 99.0 not in {progress for progress, _ in told}
    assert heard[-1].state == ActionState.FAILED
    assert heard[-1].fail_message == "The plate 'shöt' can't be read."


def test_lines_are_few_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    progress = OpenJDProgress()
    progress.advance(ProgressEvent("reading", 0, 0))
    for done in range(2001):
        progress.advance(ProgressEvent("matting", done, 2000, "cat"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "openjd_status: matting cat"
    assert lines[1:] == [f"openjd_progress: {percent}" for percent in range(101)]


@pytest.mark.parametrize(("value", "wanted"), [("openjd", True), ("", False), ("json", False)])
def test_only_a_task_of_openjd_tells_it_so(monkeypatch: pytest.MonkeyPatch, value: str, wanted: bool) -> None:
    monkeypatch.setenv("SEMANTIC_MATTE_PROGRESS", value)
    assert is_wanted() is wanted
