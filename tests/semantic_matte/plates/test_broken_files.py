"""Files that are cut, damaged, no pictures or not there: an error of one sentence, and nothing printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semantic_matte.errors import PlateError
from semantic_matte.plates import read_plate

RANDOM = np.random.default_rng(5)
BYTES = RANDOM.integers(0, 256, (21, 34, 3), dtype=np.uint8)


def cut(path: Path, share: float) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.995])
@pytest.mark.parametrize("name", ["p.jpg", "progressive.jpg", "p.png", "p.tif", "p.exr", "p.dpx"])
def test_a_cut_file_is_an_error_and_nothing_is_printed(
    write_oiio: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, share: float
) -> None:
    noise = RANDOM.random((120, 130, 3)).astype(np.float32)
    extra = {"jpeg__progressive": 1} if name.startswith("progressive") else {}
    path = write_oiio(tmp_path / name, noise, "half" if name.endswith("exr") else "uint8", **extra)
    read_plate(path)
    with pytest.raises(PlateError, match=r"^The plate '.*' is .*\.$") as raised:
        read_plate(cut(path, share))
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_png_with_a_flipped_bit_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(BYTES).save(tmp_path / "p.png")
    content = bytearray((tmp_path / "p.png").read_bytes())
    content[len(content) // 2] ^= 0x10
    (tmp_path / "p.png").write_bytes(content)
    with pytest.raises(PlateError, match="damaged or incomplete"):
        read_plate(tmp_path / "p.png")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".exr", ".tif", ".dpx", ".txt", ""])
@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"hello world " * 99, "not a picture")])
def test_what_is_not_a_picture(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], suffix: str, content: bytes, said: str
) -> None:
    path = tmp_path / f"p{suffix}"
    path.write_bytes(content)
    with pytest.raises(PlateError, match=said):
        read_plate(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "nowhere.exr", "does not exist: check"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "file.png" / "inside.png", "can't be opened"),
        (lambda folder: folder / ("x" * 300), "can't be opened"),
        (lambda folder: folder / "zero\0byte.png", "can't be opened"),
        (lambda folder: Path("/dev/null"), "not a regular file"),
    ],
)
def test_paths_that_lead_nowhere(tmp_path: Path, make: Any, said: str) -> None:
    Image.fromarray(BYTES).save(tmp_path / "file.png")
    with pytest.raises(PlateError, match=said):
        read_plate(make(tmp_path))


def test_a_forbidden_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(BYTES).save(tmp_path / "p.png")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PlateError, match="may not be read"):
        read_plate(tmp_path / "p.png")
