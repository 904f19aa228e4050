"""`semantic-matte install nuke`, its upgrade and its undoing, on a real file system and by a plain Python."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from semantic_matte import __version__, cli_install
from semantic_matte.cli_install import install
from semantic_matte.errors import UnknownNameError, UsageError
from semantic_matte.installing import host_folders, nuke_init, plan_install, plan_uninstall, plans
from semantic_matte.installing.receipts import RECEIPT, read_receipt
from semantic_matte.worker.client_places import client_folder

Tree = Callable[[Path], "dict[str, bytes | str | None]"]

app = typer.Typer()
app.command()(install)


@pytest.fixture
def nuke(home: Path) -> Path:
    """Nuke's folder of the user."""
    (home / ".nuke").mkdir()
    return home / ".nuke"


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def source_names(folder: Path) -> set[str]:
    """A second reading of which files belong to a package: git's ignored ones and hidden ones do not."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    }


def test_what_lies_where(nuke: Path, home: Path, tree: Tree) -> None:
    plan_install("nuke").carry_out()
    client = {f"semantic_matte_client/{name}" for name in source_names(client_folder())}
    # All but what is read before anything is installed.
    names = source_names(host_folders.HOSTS["nuke"].adapter_folder())
    adapter = {name for name in names if not name.startswith("docs/")}
    written = {name for name, content in tree(nuke / "semantic_matte").items() if content is not None}
    assert written == client | adapter | {"semantic_matte_client/engine.json", RECEIPT}
    for name in source_names(client_folder()):
        copied = nuke / "semantic_matte" / "semantic_matte_client" / name
        assert copied.read_bytes() == (client_folder() / name).read_bytes()
    beside = json.loads(
        (nuke / "semantic_matte" / "semantic_matte_client" / "engine.json").read_text(encoding="utf-8")
    )
    assert beside == {"python": sys.executable, "version": __version__, "installed": []}
    config = json.loads((home / ".config" / "semantic-matte" / "engine.json").read_text(encoding="utf-8"))
    assert config == {**beside, "installed": [str(nuke / "semantic_matte")]}
    assert (nuke / "init.py").read_bytes() == nuke_init.new_file()


@pytest.mark.parametrize("link", [False, True])
def test_a_plain_python_can_do_what_nuke_does(nuke: Path, link: bool) -> None:
    """Nuke runs init.py and puts each plugin path on sys.path; the client then knows its engine."""
    plan_install("nuke", link=link).carry_out()
    script = """
import sys, types
nuke = types.ModuleType("nuke")
nuke.pluginAddPath = lambda path: sys.path.insert(0, sys.argv[1] + path[1:])
sys.modules["nuke"] = nuke
with open(sys.argv[1] + "/init.py", encoding="utf-8") as stream:
    exec(compile(stream.read(), "init.py", "exec"))
import semantic_matte_client
from semantic_matte_client import engine_place
from semantic_matte_client.nodes.frame_spans import text_of
print(semantic_matte_client.__file__)
print(text_of([1001, 1002, 1003]))
print(engine_place.find())
"""
    environment = {"HOME": "/nowhere", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script, str(nuke)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = nuke / "semantic_matte" / "semantic_matte_client" / "__init__.py"
    assert done.stdout.splitlines() == [str(expected), "1001-1003", sys.executable]


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("init", [None, b"", b"x = 1", b"x = 1\r\ny = 2\r\n", "# Grüße\n".encode()])
def test_an_undone_install_leaves_nothing(
    nuke: Path, home: Path, init: bytes | None, link: bool, tree: Tree
) -> None:
    if init is not None:
        (nuke / "init.py").write_bytes(init)
        (nuke / "init.py").chmod(0o640)
    before = tree(nuke)
    plan_install("nuke", edit=True, link=link).carry_out()
    assert (nuke / "semantic_matte").is_dir()
    assert nuke_init.has_line((nuke / "init.py").read_bytes())
    # What the host's Python leaves behind goes along.
    client = nuke / "semantic_matte" / "semantic_matte_client"
    for source in (client / "errors.py", client / "nodes" / "frame_spans.py"):
        bytecode = source.parent / "__pycache__"
        bytecode.mkdir()
        (bytecode / f"{source.stem}.cpython-311.pyc").touch()
    plan_uninstall("nuke").carry_out()
    assert tree(nuke) == before
    assert not (home / ".config" / "semantic-matte").exists()
    if init is not None and os.name == "posix":
        assert (nuke / "init.py").stat().st_mode & 0o777 == 0o640


def test_a_linked_install_follows_the_clone(nuke: Path) -> None:
    plan_install("nuke", link=True).carry_out()
    client = nuke / "semantic_matte" / "semantic_matte_client"
    assert not client.is_symlink()
    assert (client / "errors.py").is_symlink()
    assert (client / "errors.py").resolve() == (client_folder() / "errors.py").resolve()
    assert not (client / "engine.json").is_symlink()
    assert not (client_folder() / "engine.json").exists()


def test_a_file_of_somebody_else_is_not_edited_unasked(nuke: Path) -> None:
    (nuke / "init.py").write_bytes(b"mine\n")
    plan = plan_install("nuke")
    plan.carry_out()
    assert (nuke / "init.py").read_bytes() == b"mine\n"
    assert plan.question == (nuke / "init.py", nuke_init.ADDED)
    assert f"    {nuke_init.ADDED}" in plan.lines
    told = next(line for line in plan.lines if "init.py" in line)
    assert "--yes" in told
    assert "NUKE_PATH" in told


def test_a_linked_init_stays_a_link(nuke: Path, home: Path) -> None:
    kept = home / "dotfiles.py"
    kept.write_bytes(b"mine\n")
    (nuke / "init.py").symlink_to(kept)
    plan_install("nuke", edit=True).carry_out()
    assert (nuke / "init.py").is_symlink()
    assert nuke_init.has_line(kept.read_bytes())
    plan_uninstall("nuke").carry_out()
    assert (nuke / "init.py").is_symlink()
    assert kept.read_bytes() == b"mine\n"


def test_an_upgrade_takes_old_files_away_and_keeps_what_is_the_users(
    nuke: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_install("nuke").carry_out()
    folder = nuke / "semantic_matte"
    receipt = read_receipt(folder)
    assert receipt is not None
    # An older version, as far as anybody can tell.
    old = {**receipt.files, "old/module.py": sha256_of(b"old"), "README.md": sha256_of(b"told")}
    (folder / "old").mkdir()
    (folder / "old" / "module.py").write_bytes(b"old")
    (folder / "README.md").write_bytes(b"told")
    older = type(receipt)("nuke", "0.0.9", receipt.made, old)
    (folder / RECEIPT).write_text(older.as_json(), encoding="utf-8")
    (folder / "mine.py").write_bytes(b"mine")
    (folder / "semantic_matte_client" / "errors.py").write_bytes(b"hacked")
    plan = plan_install("nuke")
    assert "in place of version 0.0.9" in plan.lines[0]
    assert "  kept: mine.py, which no install wrote" in plan.lines
    kept = "semantic_matte_client/errors.py"
    assert f"  kept as {kept}.changed: {kept}, which was changed after it was installed" in plan.lines
    plan.carry_out()
    assert not (folder / "old").exists()
    assert (folder / "mine.py").read_bytes() == b"mine"
    assert (folder / f"{kept}.changed").read_bytes() == b"hacked"
    assert (folder / kept).read_bytes() == (client_folder() / "errors.py").read_bytes()
    assert (folder / "README.md").read_bytes() != b"told"
    again = read_receipt(folder)
    assert again == receipt
    # A second change is kept besides the first.
    (folder / kept).write_bytes(b"hacked again")
    plan_install("nuke").carry_out()
    assert (folder / f"{kept}.changed").read_bytes() == b"hacked"
    assert (folder / f"{kept}.changed1").read_bytes() == b"hacked again"


def test_a_link_of_the_users_stays_a_link(nuke: Path, home: Path) -> None:
    (home / "tools").mkdir()
    (home / "tools" / "tool.py").touch()
    plan_install("nuke").carry_out()
    mine = nuke / "semantic_matte" / "mine"
    mine.symlink_to(home / "tools")
    plan_install("nuke").carry_out()
    assert mine.is_symlink()
    plan_uninstall("nuke").carry_out()
    assert mine.is_symlink()
    assert (home / "tools" / "tool.py").is_file()


def test_an_uninstall_keeps_what_was_changed_or_added(nuke: Path, tree: Tree) -> None:
    plan_install("nuke").carry_out()
    folder = nuke / "semantic_matte"
    (folder / "README.md").write_bytes(b"my notes")
    (folder / "mine").mkdir()
    (folder / "mine" / "tool.py").write_bytes(b"tool")
    (folder / "semantic_matte_client" / "errors.py").unlink()
    plan = plan_uninstall("nuke")
    assert "  kept: README.md, which was changed after it was installed" in plan.lines
    assert "  kept: mine/tool.py, which no install wrote" in plan.lines
    plan.carry_out()
    assert tree(nuke) == {
        "semantic_matte": None,
        "semantic_matte/README.md": b"my notes",
        "semantic_matte/mine": None,
        "semantic_matte/mine/tool.py": b"tool",
    }
    with pytest.raises(UsageError, match="move it away"):
        plan_install("nuke")
    # What is in nobody's way stays through an install, and another uninstall.
    (folder / "README.md").rename(folder / "notes.md")
    before = tree(folder)
    plan_install("nuke").carry_out()
    plan_uninstall("nuke").carry_out()
    assert tree(folder) == before


@pytest.mark.parametrize("edit", [False, True])
@pytest.mark.parametrize("init", [None, b"mine\n"])
def test_a_dry_run_says_the_same_and_touches_nothing(
    nuke: Path, tmp_path: Path, init: bytes | None, edit: bool, tree: Tree
) -> None:
    if init is not None:
        (nuke / "init.py").write_bytes(init)
    before = tree(tmp_path)
    options = ["nuke"] + ["--yes"] * edit
    dry = CliRunner().invoke(app, [*options, "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert tree(tmp_path) == before
    real = CliRunner().invoke(app, options)
    assert real.exit_code == 0, real.output
    assert dry.stdout == real.stdout
    assert "nothing was touched" in dry.stderr
    before = tree(tmp_path)
    dry = CliRunner().invoke(app, ["nuke", "--uninstall", "--dry-run"])
    assert tree(tmp_path) == before
    real = CliRunner().invoke(app, ["nuke", "--uninstall"])
    assert dry.stdout == real.stdout
    assert "removed" in real.stdout


@pytest.mark.parametrize(("answer", "added"), [("y\n", True), ("n\n", False)])
def test_a_terminal_is_asked(nuke: Path, monkeypatch: pytest.MonkeyPatch, answer: str, added: bool) -> None:
    (nuke / "init.py").write_bytes(b"mine\n")
    # The runner's own standard input is none.
    monkeypatch.setattr(cli_install, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    done = CliRunner().invoke(app, ["nuke"], input=answer)
    assert done.exit_code == 0, done.output
    assert nuke_init.ADDED in done.stdout
    assert nuke_init.has_line((nuke / "init.py").read_bytes()) == added


def test_another_folder(home: Path, tree: Tree) -> None:
    target = home / "studio tools" / "nüke"
    plan = plan_install("nuke", to=target)
    plan.carry_out()
    assert (target / "semantic_matte" / RECEIPT).is_file()
    assert f"--uninstall --to '{target}'" in plan.lines[-1]
    # The folder is remembered, so that it need not be named again.
    assert str(target / "semantic_matte") in "\n".join(plan_uninstall("nuke").lines)
    assert "nothing to remove" in plan_uninstall("nuke", to=home / "other").lines[0]
    assert "nothing to remove" in plan_uninstall("blender").lines[0]
    plan_uninstall("nuke", to=target).carry_out()
    assert tree(home / ".config") == {}
    assert not target.exists(), "folders that were made for it go with it"
    assert not target.parent.exists()


def test_folders_that_hold_more_stay(home: Path, tree: Tree) -> None:
    target = home / "studio" / "tools"
    plan_install("nuke", to=target).carry_out()
    (home / "studio" / "other").touch()
    plan_uninstall("nuke").carry_out()
    assert tree(home / "studio") == {"other": b""}


def test_nothing_to_remove_is_no_failure(nuke: Path) -> None:
    done = CliRunner().invoke(app, ["nuke", "--uninstall"])
    assert done.exit_code == 0
    assert "nothing to remove" in done.stdout


def test_an_install_that_was_removed_by_hand_is_forgotten(nuke: Path, home: Path) -> None:
    plan_install("nuke", to=home / "a").carry_out()
    plan_install("nuke", to=home / "b").carry_out()
    (home / "a").rename(home / "gone")
    plan_uninstall("nuke").carry_out()
    assert not (home / ".config" / "semantic-matte").exists()


def test_a_broken_engine_file_is_told_and_written_anew(nuke: Path, home: Path) -> None:
    config = home / ".config" / "semantic-matte" / "engine.json"
    config.parent.mkdir(parents=True)
    config.write_text("{", encoding="utf-8")
    plan = plan_install("nuke")
    assert "written anew" in plan.lines[0]
    plan.carry_out()
    assert json.loads(config.read_text(encoding="utf-8"))["python"] == sys.executable


def test_who_removes_one_leaves_the_others_their_engine(nuke: Path, home: Path) -> None:
    plan_install("nuke").carry_out()
    plan_install("nuke", to=home / "b").carry_out()
    config = home / ".config" / "semantic-matte" / "engine.json"
    other = home / "other python"
    other.touch()
    record = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**record, "python": str(other)}), encoding="utf-8")
    plan_uninstall("nuke", to=home / "b").carry_out()
    left = json.loads(config.read_text(encoding="utf-8"))
    assert left == {**record, "python": str(other), "installed": [str(nuke / "semantic_matte")]}


WRONG = [
    (["houdini"], "Known: nuke, blender", 2),
    (["nukee"], "Did you mean 'nuke'?", 2),
    (["nuke"], "start Nuke once, or name the folder with --to", 2),
    (["blender"], "start Blender once, or name its user folder with --to", 2),
]


@pytest.mark.parametrize(("arguments", "said", "code"), WRONG)
def test_wrong_calls(arguments: list[str], said: str, code: int) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code
    assert said in " ".join(done.stderr.split())


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Known: nuke, blender"):
        plan_install("maya")


@pytest.mark.parametrize("what", ["file", "folder", "link", "dead link"])
def test_what_no_install_wrote_is_not_touched(nuke: Path, home: Path, what: str, tree: Tree) -> None:
    place = nuke / "semantic_matte"
    if what == "file":
        place.touch()
    elif what == "folder":
        place.mkdir()
        (place / "README.md").touch()
    else:
        target = home / "elsewhere"
        if what == "link":
            target.mkdir()
        place.symlink_to(target)
    before = tree(home)
    with pytest.raises(UsageError, match="not written by"):
        plan_install("nuke")
    assert "nothing to remove" in plan_uninstall("nuke").lines[0]
    assert tree(home) == before


def test_an_empty_folder_is_taken(nuke: Path) -> None:
    (nuke / "semantic_matte").mkdir()
    plan_install("nuke").carry_out()
    assert (nuke / "semantic_matte" / RECEIPT).is_file()


def test_two_installs_at_once(nuke: Path, monkeypatch: pytest.MonkeyPatch, tree: Tree) -> None:
    import filelock

    from semantic_matte.weights_folders import cache_folder

    cache_folder().parent.mkdir(parents=True)
    monkeypatch.setattr(plans, "LOCK_SECONDS", 0.05)
    with (
        filelock.FileLock(cache_folder().parent / "install.lock"),
        pytest.raises(UsageError, match="Another install"),
    ):
        plan_install("nuke").carry_out()
    assert tree(nuke) == {}


def test_the_node_is_promised_to_nobody(nuke: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = host_folders.HOSTS["nuke"]
    said = any("no node in this version" in line for line in plan_install("nuke").lines)
    assert said is not (host.adapter_folder() / "menu.py").is_file()


def test_the_python_must_be_known(nuke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(UsageError, match="environment that semantic-matte is installed in"):
        plan_install("nuke")
