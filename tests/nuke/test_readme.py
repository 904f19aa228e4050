"""The manual's examples do what it says, and what it names is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path(__file__).parent.parent.parent / "nuke_plugin"
TEXT = (PLUGIN / "README.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", TEXT, re.DOTALL))


def run(name: str) -> dict[str, Any]:
    """Run an example as the Script Editor would; its variables."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(EXAMPLES[name], f"README.md, example {name}", "exec"), variables)
    return variables


def test_every_block_is_an_example() -> None:
    assert TEXT.count("```python\n") == len(EXAMPLES) == 2


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert links
    assert [link for link in links if not link.startswith("http") and not (PLUGIN / link).is_file()] == []


def test_it_says_at_the_top_what_was_not_tried() -> None:
    assert "nothing of it has been run in a real Nuke" in " ".join(TEXT[:1500].replace(">", "").split())


def test_the_node_example(
    terminal: Any, worker_place: Any, plate: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    pattern = plate(worker_place.work / "plates", (96, 96), (1001, 1002))
    read = terminal.nuke.nodes.Read(file=pattern, first=1001, last=1002)
    read.setName("Read1")
    terminal.save(worker_place.work / "shot.nk")
    variables = run("node")
    said = capsys.readouterr().out
    assert "person" in said
    assert [one.title for one in variables["sm"].instances(variables["node"])] == ["Hero"]
    assert [one.layer for one in variables["sm"].instances(variables["node"])] == ["sm_hero"]


def test_the_client_example(
    worker_place: Any,
    plate: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = worker_place.work
    plate(folder, (96, 96), (1001, 1002))
    monkeypatch.chdir(folder)
    variables = run("client")
    assert len(variables["shot"]) == 2
    assert "sm_person_01" in capsys.readouterr().out
    shutil.rmtree(folder / "mattes")
