"""The light that a configuration says Blender computes in."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from blender_addon.colour_configuration import scene_linear_of


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("roles:\n  scene_linear: ACEScg\n", "ACEScg"),
        ("roles:\n  # scene_linear: no\n  scene_linear: ACES - ACEScg  # the working space\n", "ACES - ACEScg"),
        ("roles:\n  scene_linear: 'lin: rec709'\n", "lin: rec709"),
        ('roles:\n  scene_linear: "a, b"\n', "a, b"),
        ("roles: {reference: raw, scene_linear: lin_ap1, data: raw}\n", "lin_ap1"),
        ("roles:\n  compositing_linear: x\n", ""),
        ("", ""),
    ],
)
def test_texts_of_configurations(text: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.ocio"
    path.write_text(text, encoding="utf-8")
    assert scene_linear_of(str(path)) == name


def test_archives(tmp_path: Path) -> None:
    path = tmp_path / "studio.ocioz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.ocio", "roles:\n  scene_linear: ACEScg\n")
    assert scene_linear_of(str(path)) == "ACEScg"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other", "")
    assert scene_linear_of(str(path)) == ""


def test_what_is_no_file(tmp_path: Path) -> None:
    assert scene_linear_of("") == ""
    assert scene_linear_of(str(tmp_path)) == ""
    assert scene_linear_of(str(tmp_path / "none.ocio")) == ""
    assert scene_linear_of("ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3") == "ACEScg"


def test_the_engine_knows_blenders_names() -> None:
    from blender_addon.colour_configuration import SCENE_LINEAR

    from semantic_matte.colour import space_name

    names = ("Linear Rec.709", "ACEScg", "Linear Rec.2020", SCENE_LINEAR)
    assert [space_name(name) for name in names] == [SCENE_LINEAR, "acescg", "linear_rec2020", SCENE_LINEAR]
