"""An install that fails or is killed at any point: what was there before works on, or the new one does."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from semantic_matte.errors import OutputError
from semantic_matte.installing import Plan, host_folders, installs, plan_install, plan_uninstall
from semantic_matte.installing.receipts import RECEIPT, read_receipt, stand

Tree = Callable[[Path], "dict[str, bytes | str | None]"]

CORE = Path(__file__).parent.parent.parent.parent / "core"
CHANGES = ("mkdir", "rename", "replace", "write_bytes", "write_text", "touch", "unlink", "rmdir", "symlink_to")
EMPTY = hashlib.sha256(b"").hexdigest()


@contextlib.contextmanager
def each_change(act: Callable[[int, str, Callable[[], Any]], Any]) -> Iterator[list[str]]:
    """Calls act(number, name, the change itself) in place of every change of the file system through a Path."""
    done: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        real = getattr(Path, name)

        def change(self: Path, *given: Any, **named: Any) -> Any:
            # The lock is nobody's result.
            if "cache" in self.parts:
                return real(self, *given, **named)
            done.append(f"{name} {self}")
            return act(len(done) - 1, name, lambda: real(self, *given, **named))

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(Path, name, watched(name))
        yield done


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Adapters and a client of three files each: each file is several changes, and each change a run or two."""
    package = tmp_path / "package"
    for adapter, names in {
        "embedded/nuke_plugin": ("menu.py", "README.md", "inner/node.py"),
        "embedded/blender_addon": ("blender_manifest.toml", "__init__.py", "inner/node.py"),
        "client": ("__init__.py", "client.py", "inner/controls.json"),
    }.items():
        for name in names:
            (package / adapter / name).parent.mkdir(parents=True, exist_ok=True)
            (package / adapter / name).write_text(f"{adapter} {name}", encoding="utf-8")
    monkeypatch.setattr(host_folders, "_PACKAGE", package)
    monkeypatch.setattr(installs, "client_folder", lambda: package / "client")


@pytest.fixture
def hosts(home: Path, few_files: None) -> Path:
    """A home with two Blenders and a Nuke that has an init.py."""
    for version in ("4.2", "5.2"):
        (home / ".config" / "blender" / version).mkdir(parents=True)
    (home / ".nuke").mkdir()
    (home / ".nuke" / "init.py").write_bytes(b"mine\n")
    return home


def make_older(home: Path) -> None:
    """Make what is installed an older version with another file, and give it files of the user's."""
    for path in list(home.rglob(RECEIPT)):
        receipt = read_receipt(path.parent)
        assert receipt is not None
        (path.parent / "old.py").touch()
        (path.parent / "mine.py").write_bytes(b"mine")
        older = replace(receipt, version="0.0.9", files={**receipt.files, "old.py": EMPTY})
        path.write_text(older.as_json(), encoding="utf-8")


def plan(host: str, kind: str) -> Plan:
    return plan_uninstall(host) if kind == "uninstall" else plan_install(host, edit=True, link=kind == "link")


@pytest.mark.parametrize("fault", ["refused", "interrupted before", "interrupted after"])
@pytest.mark.parametrize("kind", ["new", "link", "upgrade", "uninstall"])
@pytest.mark.parametrize("host", ["nuke", "blender"])
def test_a_fault_at_any_point_leaves_all_as_it_was(
    hosts: Path, tree: Tree, host: str, kind: str, fault: str
) -> None:
    """For every single change of the file system in turn. Only what comes last, when all is done, may stay."""
    if kind in ("upgrade", "uninstall"):
        plan(host, "new").carry_out()
        make_older(hosts)
    before = tree(hosts)
    faults = 0
    for wanted in range(1000):

        def act(number: int, _name: str, change: Callable[[], Any], wanted: int = wanted) -> Any:
            if number != wanted:
                return change()
            if fault == "refused":
                raise OSError(errno.ENOSPC, "full")
            if fault == "interrupted after":
                change()
            raise KeyboardInterrupt

        steps = plan(host, kind)
        with each_change(act) as done:
            try:
                steps.carry_out()
            except (OutputError, KeyboardInterrupt) as error:
                said = str(error)
            else:
                break
        assert ("the disk is full" in said) == (fault == "refused")
        if len(done) <= wanted:
            break
        if tree(hosts) != before:
            # Interrupted in the very end: all is done, but for what was kept to undo it.
            assert fault != "refused", done[-1]
            assert "rmdir" in done[wanted], (wanted, done)
            break
        faults += 1
    assert faults > 5


def places(home: Path) -> Iterator[tuple[str, set[str]]]:
    """(version, its files) of each place where something is installed; it must be as its receipt says."""
    for path in home.rglob(RECEIPT):
        if path.parent.name.startswith("."):
            continue
        receipt = read_receipt(path.parent)
        assert receipt is not None
        found = stand(path.parent, receipt)
        assert not found.changed
        assert not found.gone
        yield receipt.version, set(found.others)


def killed_at(wanted: int, steps: Plan) -> bool:
    """Carry out a plan in a process that is killed before its change of that number; False if it had fewer."""

    def act(number: int, _name: str, change: Callable[[], Any]) -> Any:
        if number == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        return change()

    child = os.fork()
    if child == 0:
        # Whatever happens, the child must not go on with the tests.
        with contextlib.suppress(BaseException):
            with each_change(act):
                steps.carry_out()
            os._exit(0)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("kind", ["upgrade", "uninstall"])
@pytest.mark.parametrize("host", ["nuke", "blender"])
def test_a_kill_at_any_point_is_mended_by_the_next_run(hosts: Path, host: str, kind: str) -> None:
    plan(host, "new").carry_out()
    make_older(hosts)
    kills = 0
    for wanted in range(1000):
        if not killed_at(wanted, plan(host, kind)):
            break
        kills += 1
        for version, others in places(hosts):
            assert others == {"mine.py"} if version == "0.0.9" else {"mine.py"} <= others
        assert (hosts / ".nuke" / "init.py").read_bytes().startswith(b"mine\n")
        # The next run of any kind puts it in order, and loses nothing of the user's.
        plan(host, "new").carry_out()
        found = list(places(hosts))
        # Each Blender has the add-on and the client.
        assert len(found) == (1 if host == "nuke" else 4)
        assert all("mine.py" in others for _, others in found)
        left = [path for path in hosts.rglob(".*") if path.name.endswith((".installing", ".earlier"))]
        assert left == []
        make_older(hosts)
    assert kills > 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file sizes")
def test_a_disk_that_takes_no_more(hosts: Path, tree: Tree) -> None:
    """A real refusal by the system, in the middle of the largest file."""
    before = tree(hosts)
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "from semantic_matte.installing import plan_install\n"
        "from semantic_matte.errors import OutputError\n"
        "try:\n    plan_install('nuke').carry_out()\nexcept OutputError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(CORE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "can't be written" in done.stdout, done.stderr
    assert tree(hosts) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(hosts: Path, tree: Tree) -> None:
    before = tree(hosts)
    (hosts / ".nuke").chmod(0o500)
    try:
        with pytest.raises(OutputError, match="not permitted"):
            plan_install("nuke").carry_out()
    finally:
        (hosts / ".nuke").chmod(0o700)
    assert tree(hosts) == before


def test_a_file_where_a_folder_should_be(home: Path, tree: Tree) -> None:
    (home / "file").touch()
    before = tree(home)
    with pytest.raises(OutputError, match="is a file, not a folder"):
        plan_install("nuke", to=home / "file").carry_out()
    assert tree(home) == before


def test_one_of_two_places_refused_leaves_the_other_as_it_was(hosts: Path, tree: Tree) -> None:
    (hosts / ".config" / "blender" / "5.2" / "scripts").touch()
    before = tree(hosts)
    with pytest.raises(OutputError):
        plan_install("blender").carry_out()
    assert tree(hosts) == before
    assert not (hosts / ".config" / "semantic-matte").exists()
    assert json.dumps(sorted(before)) == json.dumps(sorted(tree(hosts)))
