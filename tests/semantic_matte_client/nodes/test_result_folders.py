"""Where results lie, what they are called by, and that clearing takes nothing that somebody needs."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from semantic_matte_client.nodes import result_folders
from semantic_matte_client.nodes.result_folders import ResultFolderError

IDENTITY = "0123456789abcdef" * 2
JOBS = ("a" * 16, "b" * 16, "c" * 16)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node's folder with three jobs of 10, 20 and 30 bytes, and things of others."""
    folder = result_folders.node_folder(tmp_path / "shot.semantic_matte", IDENTITY)
    for number, job in enumerate(JOBS, start=1):
        (folder / job / "thumbnails").mkdir(parents=True)
        (folder / job / "thumbnails" / "x.png").write_bytes(b"0" * 10 * number)
    (folder / "my own mattes").mkdir()
    (folder / "notes.txt").write_text("keep")
    return folder


def test_a_files_cache_lies_beside_it() -> None:
    place = result_folders.folder_beside(Path("/shots/Größe 1/shot.v003.blend"))
    assert place == Path("/shots/Größe 1/shot.v003.semantic_matte")


@pytest.mark.parametrize("identity", ["", "..", "0123", IDENTITY.upper(), IDENTITY + "/x"])
def test_only_an_identity_names_a_folder(identity: str) -> None:
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        result_folders.node_folder("/cache", identity)


def test_a_job_is_called_by_its_settings_and_its_plates(tmp_path: Path) -> None:
    first, second = tmp_path / "plate.1001.exr", tmp_path / "plate.1002.exr"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    settings = {"find": ["person"], "passes": 4}
    name = result_folders.job_name(settings, [first, second])
    assert result_folders.job_folder("/cache", IDENTITY, name) == Path(f"/cache/{IDENTITY}/{name}")
    assert name == result_folders.job_name({"passes": 4, "find": ["person"]}, [first, second])
    assert name != result_folders.job_name({**settings, "passes": 5}, [first, second])
    assert name != result_folders.job_name(settings, [first])
    copies = tmp_path / "elsewhere"
    copies.mkdir()
    for one in (first, second):
        shutil.copy(one, copies)
    assert name == result_folders.job_name(settings, sorted(copies.iterdir()))
    second.write_bytes(b"tw0")
    assert name != result_folders.job_name(settings, [first, second])
    with pytest.raises(OSError, match="1003"):
        result_folders.job_name(settings, [tmp_path / "plate.1003.exr"])


def test_a_folder_is_made_and_tried(tmp_path: Path) -> None:
    place = tmp_path / "new" / "größe"
    result_folders.check_writable(place)
    assert place.is_dir()
    assert list(place.iterdir()) == []


def test_a_folder_that_cannot_be_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultFolderError, match=r"can't be written into .*another cache folder"):
        result_folders.check_writable(tmp_path / "file" / "cache")
    with pytest.raises(ResultFolderError, match=r"choose another cache folder\.$"):
        result_folders.new_capture_folder(tmp_path / "file", IDENTITY)


def test_a_sentence_says_where_another_folder_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ask = r"choose another cache folder in the preferences\.$"
    with pytest.raises(ResultFolderError, match=ask):
        result_folders.check_writable(tmp_path / "file" / "cache", "in the preferences")
    with pytest.raises(ResultFolderError, match=ask):
        result_folders.new_capture_folder(tmp_path / "file", IDENTITY, "in the preferences")
    with pytest.raises(ResultFolderError, match=ask):
        result_folders.check_space(tmp_path, 10**18, "in the preferences")


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    result_folders.check_space(tmp_path, 1000)
    with pytest.raises(ResultFolderError, match=r"is full: .* are free, and a plate may need"):
        result_folders.check_space(tmp_path, free * 2 + 10**9)


def test_captures_come_and_go(tmp_path: Path) -> None:
    cache = tmp_path / "shot.semantic_matte"
    first, second = (result_folders.new_capture_folder(cache, IDENTITY) for _ in range(2))
    assert first != second
    (first / "plate.0001.exr").write_bytes(b"0")
    result_folders.remove_capture(first)
    assert (first.exists(), second.exists()) == (False, True)
    result_folders.remove_capture(second)
    # With the last of them goes what was made for them.
    assert not cache.exists()
    assert tmp_path.exists()


def test_only_captures_are_removed_as_such(node: Path) -> None:
    result_folders.remove_capture(node / JOBS[0])
    assert (node / JOBS[0]).is_dir()


def test_a_capture_of_a_crashed_host_goes_after_a_day(node: Path) -> None:
    old, new = node / "capture_old", node / "capture_new"
    for place in (old, new):
        place.mkdir()
    before = time.time() - result_folders.ABANDONED_SECONDS - 60
    os.utime(old, (before, before))
    assert old in result_folders.clearable(node, JOBS)
    result_folders.remove_capture(result_folders.new_capture_folder(node.parent, IDENTITY))
    assert (old.exists(), new.exists()) == (False, True)


def test_what_is_shown_or_not_ours_is_never_cleared(node: Path) -> None:
    link = node.parent / "link"
    link.symlink_to(node, target_is_directory=True)
    found = result_folders.clearable(node, [link / JOBS[1]])
    assert found == [node / JOBS[0], node / JOBS[2]]
    assert result_folders.clear(found) == 40
    assert sorted(one.name for one in node.iterdir()) == sorted([JOBS[1], "my own mattes", "notes.txt"])


def test_a_linked_folder_is_not_followed(node: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "work.exr").write_bytes(b"0" * 99)
    (node / ("d" * 16)).symlink_to(precious, target_is_directory=True)
    assert node / ("d" * 16) not in result_folders.clearable(node, [])
    assert result_folders.size_of(node) < 99 + 60 + 200
    result_folders.clear(result_folders.clearable(node, []))
    assert (precious / "work.exr").is_file()


def test_clearing_all_leaves_no_empty_folders(tmp_path: Path) -> None:
    folder = result_folders.node_folder(tmp_path / "shot.semantic_matte", IDENTITY)
    (folder / JOBS[0]).mkdir(parents=True)
    assert result_folders.clear(result_folders.clearable(folder, [])) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_has_nothing(tmp_path: Path) -> None:
    assert result_folders.size_of(tmp_path / "none") == 0
    assert result_folders.clearable(tmp_path / "none", []) == []


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1400, "1.4 kB"), (2_500_000, "2.5 MB"), (10**16, "10000.0 TB")],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert result_folders.size_text(size) == text
