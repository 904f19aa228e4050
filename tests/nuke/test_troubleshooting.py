"""Troubleshoot and Copy Log: told by a dialog from the main thread, or printed; nothing is left running."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from fake_nuke import FakeNuke


def doctor_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "semantic-matte-doctor"]


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An engine's Python that is none: the examination is quick, and finds an error."""
    monkeypatch.setenv("SEMANTIC_MATTE_PYTHON", str(tmp_path / "no python"))


def test_findings_come_in_a_dialog(host: FakeNuke) -> None:
    from semantic_matte_nuke import troubleshooting

    troubleshooting.start()
    host.pump(until=lambda: bool(host.messages), seconds=60)
    (said,) = host.messages
    assert said.startswith("1 thing to mend:")
    assert "no python" in said
    assert doctor_threads() == []


def test_a_terminal_prints_them(terminal: FakeNuke) -> None:
    from semantic_matte_nuke import troubleshooting

    troubleshooting.start()
    assert terminal.messages == []
    assert any("1 thing to mend:" in line for line in terminal.printed)
    assert doctor_threads() == []


def test_the_log_has_what_a_report_needs(host: FakeNuke) -> None:
    import semantic_matte_nuke as sm
    from semantic_matte_client.version import VERSION
    from semantic_matte_nuke import host as host_module
    from semantic_matte_nuke import troubleshooting

    sm.create()
    host_module.say("something\nhappened")
    path = Path(troubleshooting.copy_log())
    try:
        text = path.read_text(encoding="utf-8")
        assert f"Semantic Matte {VERSION}" in text
        assert sys.version.split()[0] in text
        assert "node 'SemanticMatte1'" in text
        assert "something\n          happened" in text
        assert path.as_posix() in host.messages[-1]
    finally:
        path.unlink()


def test_the_log_is_bounded() -> None:
    from semantic_matte_nuke import session_log

    session_log.clear()
    threads = [
        threading.Thread(target=lambda: [session_log.add("line") for _ in range(1000)]) for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(session_log.text().splitlines()) == session_log.MOST_LINES
    session_log.clear()
    session_log.add("a" * 10_000 + "end")
    assert len(session_log.text()) < 5000
    assert session_log.text().endswith("end")
    session_log.clear()
