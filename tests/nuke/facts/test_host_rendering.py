"""nuke.execute: order of callbacks, cancel, what is refused and put back. Pixels are the renderer's matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fake_nuke.execution


@pytest.fixture
def host(make_host: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A host that writes a file's name instead of its pixels."""

    def write(core: Any, frame: int, view: str) -> None:
        Path(core.knobs["file"].evaluate()).write_text(f"{frame} {view}")

    monkeypatch.setattr(fake_nuke.execution, "write_picture", write)
    return make_host((15, 1), True, plugin=None)


@pytest.fixture
def write(host: Any, tmp_path: Path) -> Any:
    source = host.nuke.nodes.Constant()
    return host.nuke.nodes.Write(inputs=[source], file=f"{tmp_path.as_posix()}/%V.%04d.exr", file_type="exr")


def test_frames_and_views_are_written_and_time_is_put_back(host: Any, write: Any, tmp_path: Path) -> None:
    host.set_views(["left", "right"])
    host.nuke.frame(7)
    host.nuke.execute(write, 1001, 1005, 2, ["right"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"right.{n}.exr" for n in (1001, 1003, 1005)]
    assert (host.nuke.frame(), host.nuke.thisView()) == (7, "left")
    host.nuke.execute(write.name(), 1, 1)
    assert (tmp_path / "left.0001.exr").read_text() == "1 left"
    assert (tmp_path / "right.0001.exr").is_file()
    host.nuke.execute(write, host.nuke.FrameRanges("2 4-5"), ["left"])
    assert (tmp_path / "left.0005.exr").is_file()
    assert not (tmp_path / "left.0003.exr").exists()


def test_callbacks_come_in_order_with_the_write_and_the_frame(host: Any, write: Any) -> None:
    order: list[Any] = []
    nuke = host.nuke
    for event in ("BeforeRender", "BeforeFrameRender", "AfterFrameRender", "AfterRender"):
        getattr(nuke, f"add{event}")(
            lambda event=event: order.append((event, nuke.thisNode().name(), nuke.frame()))
        )
    write["beforeRender"].setValue("nuke.tprint(nuke.thisNode().name(), 'is about to render')")
    nuke.execute(write, 1, 2)
    assert [event for event, _, _ in order] == [
        "BeforeRender",
        *("BeforeFrameRender", "AfterFrameRender") * 2,
        "AfterRender",
    ]
    assert [frame for event, _, frame in order if event == "BeforeFrameRender"] == [1, 2]
    assert {name for _, name, _ in order} == {"Write1"}
    assert host.printed == ["Write1 is about to render"]


@pytest.mark.parametrize("event", ["BeforeRender", "BeforeFrameRender"])
def test_an_exception_before_aborts_the_render(host: Any, write: Any, tmp_path: Path, event: str) -> None:
    def refuse() -> None:
        raise ValueError("frame 1001 is missing")

    getattr(host.nuke, f"add{event}")(refuse)
    with pytest.raises(RuntimeError, match="frame 1001 is missing"):
        host.nuke.execute(write, 1001, 1001)
    assert list(tmp_path.iterdir()) == []
    assert not host.nuke.executing()


def test_cancel_raises_and_keeps_what_is_written(host: Any, write: Any, tmp_path: Path) -> None:
    host.cancel_render(after=2)
    with pytest.raises(RuntimeError, match=r"(?i)cancel"):
        host.nuke.execute(write, 1, 10)
    assert len(list(tmp_path.iterdir())) == 2
    host.nuke.execute(write, 1, 3)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_nested_render_is_refused(host: Any, write: Any) -> None:
    host.nuke.addBeforeFrameRender(lambda: host.nuke.execute(write, 5, 5))
    with pytest.raises(RuntimeError, match="already executing"):
        host.nuke.execute(write, 1, 1)


def test_what_cannot_be_rendered_is_refused(host: Any, write: Any, tmp_path: Path) -> None:
    nuke = host.nuke
    with pytest.raises(RuntimeError, match="cannot be executed"):
        nuke.execute(nuke.nodes.Dot(), 1, 1)
    with pytest.raises(RuntimeError, match="not a Write"):
        nuke.execute(nuke.nodes.Group(), 1, 1)
    with pytest.raises(RuntimeError, match="no node named"):
        nuke.execute("Nothing", 1, 1)
    with pytest.raises(RuntimeError, match="unknown view"):
        nuke.execute(write, 1, 1, 1, ["right"])
    with pytest.raises(TypeError):
        nuke.execute(write, 1, 1, 1, "main")
    with pytest.raises(TypeError):
        nuke.execute(write, 1.5, 2)
    with pytest.raises(TypeError):
        nuke.execute(write, 1, 1, wrong=True)
    write["disable"].setValue(True)
    with pytest.raises(RuntimeError, match="disabled"):
        nuke.execute(write, 1, 1)
    write["disable"].setValue(False)
    write["file"].setValue(f"{tmp_path.as_posix()}/new/a.exr")
    with pytest.raises(RuntimeError, match="No such file or directory"):
        nuke.execute(write, 1, 1)
    write["create_directories"].setValue(True)
    nuke.execute(write, 1, 1)
    assert (tmp_path / "new" / "a.exr").is_file()
    write["file"].setValue("")
    with pytest.raises(RuntimeError, match="no filename"):
        nuke.execute(write, 1, 1)
