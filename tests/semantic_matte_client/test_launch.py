"""Which Python is taken for the engine's, what is said where none will do, and what environment it gets."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte_client import engine_place
from semantic_matte_client.engine_place import EnginePlace
from semantic_matte_client.errors import EngineNotFoundError
from semantic_matte_client.launch import clean_environment, find_engine


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable, no installed engine, an empty PATH."""
    monkeypatch.delenv("SEMANTIC_MATTE_PYTHON", raising=False)
    monkeypatch.setenv("SEMANTIC_MATTE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(engine_place, "beside_client", lambda: tmp_path / "nowhere" / "engine.json")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def install(tmp_path: Path, python: Path) -> None:
    path = tmp_path / "config" / "engine.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(EnginePlace(str(python), "0.1.0").as_json(), encoding="utf-8")


def test_the_first_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named, variable, installed, path = (program(tmp_path / name / "python") for name in "abcd")
    assert find_engine().python == sys.executable
    program(tmp_path / "bin" / "semantic-matte", f"#!{path}\nimport sys\n")
    assert find_engine() == (str(path), "'semantic-matte' on PATH")
    install(tmp_path, installed)
    assert find_engine() == (str(installed), "what 'semantic-matte install' wrote")
    monkeypatch.setenv("SEMANTIC_MATTE_PYTHON", str(variable))
    assert find_engine() == (str(variable), "$SEMANTIC_MATTE_PYTHON")
    assert find_engine(named) == (str(named), "the argument 'python'")


@pytest.mark.parametrize("how", ["argument", "variable"])
@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "is not there"),
        (lambda path: path.mkdir(), "is a folder, not a Python"),
        (lambda path: path.write_text("no program"), "can't be run (it is not executable)"),
    ],
)
def test_a_named_python_that_will_not_do_is_an_error_and_no_other_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str, make: object, problem: str
) -> None:
    path = tmp_path / "named"
    make(path)  # type: ignore[operator]
    if how == "variable":
        monkeypatch.setenv("SEMANTIC_MATTE_PYTHON", str(path))
    with pytest.raises(EngineNotFoundError) as caught:
        find_engine(path if how == "argument" else None)
    assert problem in str(caught.value)
    assert str(path) in str(caught.value)
    assert ("$SEMANTIC_MATTE_PYTHON" if how == "variable" else "the argument 'python'") in str(caught.value)


def test_an_installed_python_that_is_gone_is_an_error(tmp_path: Path) -> None:
    install(tmp_path, tmp_path / "gone")
    with pytest.raises(EngineNotFoundError, match="gone"):
        find_engine()


def test_a_bare_name_is_looked_up_as_a_shell_does(tmp_path: Path) -> None:
    python = program(tmp_path / "bin" / "python3.99")
    assert find_engine("python3.99").python == str(python)
    with pytest.raises(EngineNotFoundError, match=r"python3\.98.*is not there"):
        find_engine("python3.98")


def test_home_is_expanded_and_relative_paths_are_made_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = program(tmp_path / "home" / "bin" / "python")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_engine("~/bin/python").python == str(python)
    monkeypatch.chdir(tmp_path)
    assert find_engine("home/bin/python").python == str(python)


def test_a_python_that_is_a_link_stays_one(tmp_path: Path) -> None:
    """In a virtual environment it leads to the system's, which has no engine."""
    (tmp_path / "venv").mkdir()
    link = tmp_path / "venv" / "python"
    link.symlink_to(sys.executable)
    assert find_engine(link).python == str(link)


LONG_SHEBANG = "#!/bin/sh\n'''exec' \"{}\" \"$0\" \"$@\"\n' '''\nimport sys\n"


@pytest.mark.parametrize("line", ["#!{}\nimport sys\n", LONG_SHEBANG])
def test_the_script_on_path_tells_its_python(tmp_path: Path, line: str) -> None:
    """pip writes one or the other; a python that lies beside it by chance is not taken."""
    python = program(tmp_path / "environment with spaces" / "bin" / "python3.11")
    if "exec" not in line:
        python = program(tmp_path / "environment" / "bin" / "python3.11")
    program(tmp_path / "bin" / "semantic-matte", line.format(python))
    program(tmp_path / "bin" / "python")
    assert find_engine().python == str(python)


def test_a_script_that_is_a_link_is_followed_to_its_environment(tmp_path: Path) -> None:
    python = program(tmp_path / "venv" / "bin" / "python")
    script = program(tmp_path / "venv" / "bin" / "semantic-matte", "#!/usr/bin/env something\n")
    (tmp_path / "bin" / "semantic-matte").symlink_to(script)
    program(tmp_path / "bin" / "python")
    assert find_engine().python == str(python)


def test_a_script_whose_python_cant_be_told_is_an_error(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "semantic-matte", "#!/bin/sh\nexec something\n")
    with pytest.raises(EngineNotFoundError, match="not the Python that runs it"):
        find_engine()


@pytest.mark.parametrize("executable", ["", "/opt/Nuke15.1/Nuke15.1", "/opt/blender/blender"])
def test_a_host_is_no_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, executable: str) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(EngineNotFoundError) as caught:
        find_engine()
    for place in ("SEMANTIC_MATTE_PYTHON", "engine.json", "PATH", executable, "3.10"):
        assert place in str(caught.value)


def test_a_python_without_the_engine_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineNotFoundError, match="No Python with the engine was found"):
        find_engine()


HOSTS_OWN = """
    PYTHONPATH PYTHONHOME BLENDER_USER_RESOURCES NUKE_PATH NUKE_TEMP_DIR FN_CPU LD_LIBRARY_PATH LD_PRELOAD
    DYLD_LIBRARY_PATH VIRTUAL_ENV __PYVENV_LAUNCHER__ QT_PLUGIN_PATH OCIO TMPDIR
"""
EVERYBODYS = """
    HOME PATH XDG_RUNTIME_DIR CUDA_VISIBLE_DEVICES https_proxy LANG SEMANTIC_MATTE_OFFLINE SEMANTIC_MATTE_PYTHON
    OMP_NUM_THREADS OCIO_LIKE
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps TEMP")
def test_what_a_host_set_for_itself_is_dropped_and_all_else_kept() -> None:
    kept = dict.fromkeys(EVERYBODYS.split(), "/value")
    assert clean_environment({**dict.fromkeys(HOSTS_OWN.split(), "/value"), **kept}) == kept


@given(st.dictionaries(st.from_regex(r"[A-Za-z_]{1,12}", fullmatch=True), st.text(max_size=5)))
def test_a_clean_environment_stays_as_it_is(environment: dict[str, str]) -> None:
    once = clean_environment(environment)
    assert clean_environment(once) == once
    assert set(once) <= set(environment)


def test_the_engines_own_folders_do_not_hang_on_the_hosts_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"SEMANTIC_MATTE_{name}" for name in ("RUNTIME", "LOGS", "WEIGHTS", "CONFIG")]
    assert clean_environment(dict.fromkeys(names, "here")) == dict.fromkeys(names, str(tmp_path / "here"))
    assert clean_environment({"SEMANTIC_MATTE_WEIGHTS": ""}) == {"SEMANTIC_MATTE_WEIGHTS": ""}


def test_this_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/host")
    monkeypatch.setenv("KEPT_FOR_SURE", "1")
    found = clean_environment()
    assert "PYTHONPATH" not in found
    assert found["KEPT_FOR_SURE"] == "1"
    assert os.environ["PYTHONPATH"] == "/host"
