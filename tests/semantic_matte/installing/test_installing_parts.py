"""Parts of an install: where Blenders look, the line in init.py, receipts that can be trusted."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.errors import UsageError
from semantic_matte.installing import host_folders, nuke_init
from semantic_matte.installing.host_folders import HOSTS, blender_places
from semantic_matte.installing.receipts import RECEIPT, Receipt, is_inside, read_receipt, stand

EXTENSION = "extensions/user_default/semantic_matte"
CLIENT = "scripts/modules/semantic_matte_client"


@pytest.fixture(params=[False, True], ids=["no add-on yet", "an add-on"])
def has_addon(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bool:
    """Whether the adapter is one that Blender takes: a copy of it is given a manifest, or loses it."""
    adapter = tmp_path / "package" / "embedded" / "blender_addon"
    shutil.copytree(HOSTS["blender"].adapter_folder(), adapter)
    manifest = adapter / "blender_manifest.toml"
    manifest.unlink(missing_ok=True)
    if request.param:
        manifest.touch()
    monkeypatch.setattr(host_folders, "_PACKAGE", tmp_path / "package")
    return bool(request.param)


@pytest.mark.parametrize(
    ("platform", "base"),
    [
        ("linux", ".config/blender"),
        ("darwin", "Library/Application Support/Blender"),
        ("win32", "AppData/Roaming/Blender Foundation/Blender"),
    ],
)
def test_each_blender_since_4_2(
    home: Path, monkeypatch: pytest.MonkeyPatch, has_addon: bool, platform: str, base: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("APPDATA", raising=False)
    for name in ("2.93", "4.1", "4.2", "4.10", "5.0", "10.0", "4.2.1", "beta", "5"):
        (home / base / name).mkdir(parents=True)
    (home / base / "5.1").touch()
    found = blender_places(None)
    expected = []
    for version in ("4.2", "4.10", "5.0", "10.0"):
        expected += [home / base / version / EXTENSION] * has_addon
        expected.append(home / base / version / CLIENT)
    assert [place.folder for place in found] == expected
    assert {place.for_what for place in found} == {f"Blender {v}" for v in ("4.2", "4.10", "5.0", "10.0")}
    for place in found:
        assert (place.adapter, place.client) == (
            (False, "") if "modules" in str(place.folder) else (True, "semantic_matte_client")
        )


def folders_with(environment: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(sys, "platform", "linux")
    for name, value in environment.items():
        monkeypatch.setenv(name, value.replace("HOME", str(home)))
    return [str(place.folder.relative_to(home)) for place in blender_places(None)]


RESOURCES = {"BLENDER_USER_RESOURCES": "HOME/own res"}
SCRIPTS = {"BLENDER_USER_SCRIPTS": "HOME/own scripts"}
EXTENSIONS = {"BLENDER_USER_EXTENSIONS": "HOME/own extensions"}
OWN_CLIENT = "own scripts/modules/semantic_matte_client"
OWN_EXTENSION = "own extensions/user_default/semantic_matte"


# As real Blenders answer to bpy.utils.user_resource: see tests/blender/test_client_in_blender.py.
@pytest.mark.parametrize(
    ("environment", "addon", "client"),
    [
        (RESOURCES, f"own res/{EXTENSION}", f"own res/{CLIENT}"),
        ({**RESOURCES, **SCRIPTS}, f"own res/{EXTENSION}", OWN_CLIENT),
        ({**RESOURCES, **EXTENSIONS}, OWN_EXTENSION, f"own res/{CLIENT}"),
        ({**SCRIPTS, **EXTENSIONS}, OWN_EXTENSION, OWN_CLIENT),
        (SCRIPTS, None, OWN_CLIENT),
        ({"XDG_CONFIG_HOME": "HOME/x"}, f"x/blender/4.5/{EXTENSION}", f"x/blender/4.5/{CLIENT}"),
    ],
)
def test_what_blenders_variables_name(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_addon: bool,
    environment: dict[str, str],
    addon: str | None,
    client: str,
) -> None:
    (home / "x" / "blender" / "4.5").mkdir(parents=True)
    expected = [addon] * (has_addon and addon is not None) + [client]
    assert folders_with(environment, home, monkeypatch) == expected


def test_versions_share_scripts_that_a_variable_names(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("4.2", "5.2"):
        (home / ".config" / "blender" / version).mkdir(parents=True)
    folders = folders_with(SCRIPTS, home, monkeypatch)
    assert folders.count(OWN_CLIENT) == 1
    assert not any("modules" in folder for folder in folders if folder != OWN_CLIENT)


def test_a_named_folder_stands_for_a_version(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says."""
    for name, value in {**RESOURCES, **SCRIPTS, **EXTENSIONS}.items():
        monkeypatch.setenv(name, value)
    assert home / "to" / CLIENT in [place.folder for place in blender_places(home / "to")]


def test_no_blender_is_a_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"No Blender since 4\.2 was found in .*--to FOLDER"):
        blender_places(None)


def test_a_missing_adapter_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host_folders, "_PACKAGE", tmp_path / "core" / "semantic_matte")
    with pytest.raises(UsageError, match="Install semantic-matte again"):
        HOSTS["nuke"].adapter_folder()


lines = st.lists(
    st.sampled_from([b"", b"x = 1", b"\xff\xfe", nuke_init.ADDED.encode(), b"# " + nuke_init.ADDED.encode()])
    | st.binary(max_size=20)
)


@given(lines, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans())
def test_the_line_goes_in_and_out_to_the_byte(parts: list[bytes], newline: bytes, ends: bool) -> None:
    content = newline.join(parts) + newline * ends
    if nuke_init.has_line(content):
        return
    added = nuke_init.with_line(content)
    assert nuke_init.has_line(added)
    assert added.startswith(content)
    assert added.count(nuke_init.ADDED.encode()) == content.count(nuke_init.ADDED.encode()) + 1
    assert nuke_init.without_line(added) == content


@pytest.mark.parametrize("content", [b"a\r\n", b"a\r\nb"])
def test_the_line_ends_as_the_others_do(content: bytes) -> None:
    assert b"\n" not in nuke_init.with_line(content).replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        (b"a\n", b"b\n", b"a\nb\n"),
        (b"a", b"\nb\n", b"a\nb\n"),
        (b"", b"b\n", b"b\n"),
        (b"a\r\n", b"b\r\n", b"a\r\nb\r\n"),
    ],
)
def test_what_was_written_after_it_stays(before: bytes, after: bytes, left: bytes) -> None:
    assert nuke_init.without_line(nuke_init.with_line(before) + after) == left


def test_a_file_of_ours_that_somebody_went_on_with_stays() -> None:
    assert nuke_init.without_line(nuke_init.new_file()) is None
    assert nuke_init.without_line(nuke_init.new_file() + b"mine\n") == b"mine\n"


@pytest.mark.parametrize(
    ("content", "has"),
    [
        (b'nuke.pluginAddPath("./semantic_matte")\n', True),
        (b"x = 1\n  nuke.pluginAddPath(os.path.join(here, 'semantic_matte'))", True),
        (b'#nuke.pluginAddPath("./semantic_matte")\n', False),
        (b'nuke.pluginAddPath("./tools")  # semantic_matte\n', False),
        (b'nuke.pluginAddPath("./semantic_matte_client")\n', False),
        (b"", False),
    ],
)
def test_a_line_by_hand_is_seen(content: bytes, has: bool) -> None:
    assert nuke_init.has_line(content) == has


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("a.py", True),
        ("a/b c/ü.py", True),
        ("a/..b/c", True),
        ("", False),
        (".", False),
        ("..", False),
        ("a/../b", False),
        ("/etc/passwd", False),
        ("//host/share", False),
        ("C:/x", False),
        ("C:x", False),
        ("a\\..\\..\\b", False),
        ("a\0b", False),
    ],
)
def test_paths_of_a_receipt_stay_inside(tmp_path: Path, name: str, inside: bool) -> None:
    assert is_inside(name) == inside
    receipt = Receipt("nuke", "1", 0, {name: "0" * 64})
    (tmp_path / RECEIPT).write_text(receipt.as_json(), encoding="utf-8")
    if inside:
        assert read_receipt(tmp_path) == receipt
    else:
        with pytest.raises(UsageError, match="not inside the folder"):
            read_receipt(tmp_path)


def test_an_uninstall_never_follows_a_receipt_out_of_its_folder(home: Path) -> None:
    """A receipt that somebody else could write names the user's own file."""
    from semantic_matte.installing import plan_install, plan_uninstall

    (home / ".nuke").mkdir()
    plan_install("nuke").carry_out()
    precious = home / "precious"
    precious.write_bytes(b"precious")
    place = home / ".nuke" / "semantic_matte"
    receipt = read_receipt(place)
    assert receipt is not None
    mark = receipt.files["README.md"]
    for name in ("../../precious", str(precious)):
        bad = replace(receipt, files={**receipt.files, name: mark})
        (place / RECEIPT).write_text(bad.as_json(), encoding="utf-8")
        with pytest.raises(UsageError, match="nothing in its folder is touched"):
            plan_uninstall("nuke")
    # A folder inside that is a link to one outside is one file: the link.
    (home / "outside").mkdir()
    (home / "outside" / "file").write_bytes(b"precious")
    (place / "link").symlink_to(home / "outside")
    linked = replace(receipt, files={**receipt.files, "link/file": "0" * 64})
    (place / RECEIPT).write_text(linked.as_json(), encoding="utf-8")
    plan_uninstall("nuke").carry_out()
    assert (home / "outside" / "file").read_bytes() == b"precious"
    assert precious.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"semantic_matte_receipt": 2, "host": "nuke", "version": "1", "made": 0, "files": {}}',
        b'{"semantic_matte_receipt": 1, "host": 3, "version": "1", "made": 0, "files": {}}',
        b'{"semantic_matte_receipt": 1, "host": "nuke", "version": "1", "made": -1, "files": {}}',
        b'{"semantic_matte_receipt": 1, "host": "nuke", "version": "1", "made": true, "files": {}}',
        b'{"semantic_matte_receipt": 1, "host": "nuke", "version": "1", "made": 0, "files": {"a": 1}}',
        b'{"semantic_matte_receipt": 1, "host": "nuke", "version": "1", "made": 0, "files": 5}',
    ],
)
def test_a_broken_receipt_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RECEIPT).write_bytes(content)
    with pytest.raises(UsageError, match="can't be used"):
        read_receipt(tmp_path)


names = st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=5)


@given(st.dictionaries(names, st.binary(max_size=4)), st.dictionaries(names, st.binary(max_size=4)))
def test_a_folder_against_its_receipt(
    tmp_path_factory: pytest.TempPathFactory, installed: dict[str, bytes], present: dict[str, bytes]
) -> None:
    """The four kinds are what sets say, and every file is of one kind."""
    import hashlib

    folder = tmp_path_factory.mktemp("standing")
    for name, content in present.items():
        (folder / name).write_bytes(content)
    marks = {name: hashlib.sha256(content).hexdigest() for name, content in installed.items()}
    found = stand(folder, Receipt("nuke", "1", 0, marks))
    same = {name for name in installed if present.get(name) == installed[name]}
    assert set(found.unchanged) == same
    assert set(found.changed) == installed.keys() & present.keys() - same
    assert set(found.gone) == installed.keys() - present.keys()
    assert set(found.others) == present.keys() - installed.keys()


def test_bytecode_goes_with_its_source_alone(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    for name in ("ours.cpython-311.pyc", "mine.cpython-311.pyc", "ours.txt"):
        (tmp_path / "__pycache__" / name).touch()
    found = stand(tmp_path, Receipt("nuke", "1", 0, {"ours.py": "0" * 64}))
    assert found.others == ("__pycache__/mine.cpython-311.pyc", "__pycache__/ours.txt")


def test_a_receipt_is_read_as_it_was_written(tmp_path: Path) -> None:
    receipt = Receipt("blender", "1.2.3", 2, {"b/ü.py": "0" * 64, "a.py": "link:/x y"})
    (tmp_path / RECEIPT).write_text(receipt.as_json(), encoding="utf-8")
    assert read_receipt(tmp_path) == receipt
    assert list(json.loads(receipt.as_json())["files"]) == ["a.py", "b/ü.py"]
