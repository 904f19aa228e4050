"""Where the engine's Python is written down: folders by platform, what wins, and broken files."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte_client import engine_place
from semantic_matte_client.engine_place import EnginePlace, read_engine_place, with_installed
from semantic_matte_client.errors import EngineNotFoundError

GOOD = {"python": sys.executable, "version": "1.2.3", "installed": ["/somewhere"]}


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """(beside the client, in the configuration folder), neither of them there."""
    config = tmp_path / "my configuration é"
    monkeypatch.setenv("SEMANTIC_MATTE_CONFIG", str(config))
    monkeypatch.setattr(engine_place, "__file__", str(tmp_path / "client" / "engine_place.py"))
    (tmp_path / "client").mkdir()
    config.mkdir()
    return tmp_path / "client" / "engine.json", config / "engine.json"


def test_nothing_installed_is_none() -> None:
    assert engine_place.find() is None


def test_the_configuration_folder_tells(places: tuple[Path, Path]) -> None:
    places[1].write_text(json.dumps(GOOD), encoding="utf-8")
    assert engine_place.config_file() == places[1]
    assert engine_place.find() == sys.executable


def test_beside_the_client_wins(places: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "another python"
    other.touch()
    places[0].write_text(json.dumps({**GOOD, "python": str(other)}), encoding="utf-8")
    places[1].write_text(json.dumps(GOOD), encoding="utf-8")
    assert engine_place.beside_client() == places[0]
    assert engine_place.find() == str(other)


BROKEN = {
    b"": "no JSON",
    b"{": "no JSON",
    b"\xff\xfe": "no JSON",
    b"[" * 100_000: "no JSON",
    b"[]": "no JSON object",
    b"{}": "'python'",
    b'{"python": 3, "version": "1"}': "'python'",
    b'{"python": "python3", "version": "1"}': "'python'",
    b'{"python": "", "version": "1"}': "'python'",
    b'{"python": "/p"}': "'version'",
    b'{"python": "/p", "version": "1", "installed": "all"}': "'installed'",
    b'{"python": "/p", "version": "1", "installed": [1]}': "'installed'",
    b" " * ((1 << 20) + 1): "larger than a megabyte",
}


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize(("content", "said"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_broken_file_is_an_error(places: tuple[Path, Path], beside: bool, content: bytes, said: str) -> None:
    """And never a reason to ask the next place."""
    if beside:
        places[1].write_text(json.dumps(GOOD), encoding="utf-8")
    path = places[0 if beside else 1]
    path.write_bytes(content)
    with pytest.raises(EngineNotFoundError) as raised:
        engine_place.find()
    message = str(raised.value)
    assert said in message
    assert str(path) in message
    assert "semantic-matte install" in message
    assert message.endswith(".")


@pytest.mark.parametrize("gone", ["/no/such/python", "/" + "long" * 2000, "/zero\0inside"])
def test_a_python_that_is_gone_is_an_error(places: tuple[Path, Path], gone: str) -> None:
    places[1].write_text(json.dumps({**GOOD, "python": gone}), encoding="utf-8")
    with pytest.raises(EngineNotFoundError, match="not there"):
        engine_place.find()


def test_a_folder_in_its_place_is_an_error(places: tuple[Path, Path]) -> None:
    places[1].mkdir()
    with pytest.raises(EngineNotFoundError, match="can't be read"):
        engine_place.find()


def test_a_byte_order_mark_is_no_harm(places: tuple[Path, Path]) -> None:
    places[1].write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert engine_place.find() == sys.executable


paths = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).map("/".__add__)


@given(paths, st.text(), st.lists(paths))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, python: str, version: str, installed: list[str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "written.json"
    place = EnginePlace(python, version.encode("utf-8", "ignore").decode(), tuple(installed))
    file.write_text(place.as_json(), encoding="utf-8", newline="")
    assert read_engine_place(file) == place


def test_folders_are_listed_once_in_order() -> None:
    place = EnginePlace("/p", "1", ("/a", "/b"))
    assert with_installed(place, ["/b", "/c", "/c"]).installed == ("/a", "/b", "/c")


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "HOME/.config/semantic-matte"),
        ("linux", {"XDG_CONFIG_HOME": "/x y"}, "/x y/semantic-matte"),
        ("linux", {"XDG_CONFIG_HOME": "relative"}, "HOME/.config/semantic-matte"),
        ("freebsd14", {}, "HOME/.config/semantic-matte"),
        ("darwin", {"XDG_CONFIG_HOME": "/x"}, "HOME/Library/Application Support/semantic-matte"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming/semantic-matte"),
        ("win32", {}, "HOME/AppData/Roaming/semantic-matte"),
        ("linux", {"SEMANTIC_MATTE_CONFIG": "~/mine", "XDG_CONFIG_HOME": "/x"}, "HOME/mine"),
        ("win32", {"SEMANTIC_MATTE_CONFIG": "/mine"}, "/mine"),
        ("linux", {"SEMANTIC_MATTE_CONFIG": " "}, "HOME/.config/semantic-matte"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="the expected paths are written as POSIX writes them")
def test_the_configuration_folder_by_platform(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    platform: str,
    environment: dict[str, str],
    expected: str,
) -> None:
    for name in ("SEMANTIC_MATTE_CONFIG", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert engine_place.config_folder() == Path(expected.replace("HOME", str(tmp_path)))
