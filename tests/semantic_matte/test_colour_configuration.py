"""Colour spaces of OpenColorIO configurations: the built-in one, and a studio's own in $OCIO."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semantic_matte.colour import convert, from_scene_linear, linear_space_of, space_name, to_scene_linear
from semantic_matte.colour_configuration import (
    BUILT_IN,
    configuration_name,
    configurations,
    linear_space_like,
    rival,
    space_by_rule,
)
from semantic_matte.errors import UnknownNameError, UsageError

RANDOM = np.random.default_rng(11)
# What a camera's log holds, a little beyond both ends; and light far above white and below black.
CODES = RANDOM.uniform(-0.1, 1.1, (40, 50, 3)).astype(np.float32)
LIGHT = (RANDOM.uniform(-0.05, 1, (40, 50, 3)) * 10 ** RANDOM.uniform(-3, 3, (40, 50, 1))).astype(np.float32)

STUDIO = """ocio_profile_version: 2
roles: {aces_interchange: aces, scene_linear: house_linear, data: numbers, default: house_linear}
file_rules:
  - !<Rule> {name: footage, colorspace: house_log, pattern: "*footage*", extension: "*"}
  - !<Rule> {name: Default, colorspace: house_linear}
displays:
  screen: [!<View> {name: plain, colorspace: numbers}]
colorspaces:
  - !<ColorSpace> {name: aces, aliases: [ACES2065-1]}
  - !<ColorSpace>
    name: house_linear
    to_scene_reference: !<MatrixTransform> {matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}
  - !<ColorSpace>
    name: house_log
    aliases: [Haus-Log]
    to_scene_reference: !<LogTransform> {base: 1000, direction: inverse}
  - !<ColorSpace>
    name: Rec709
    to_scene_reference: !<ExponentTransform> {value: [3, 3, 3, 1]}
  - !<ColorSpace>
    name: sRGB
    to_scene_reference: !<GroupTransform>
      children:
        - !<ExponentWithLinearTransform>
          {gamma: [2.4, 2.4, 2.4, 1], offset: [0.055, 0.055, 0.055, 0], direction: forward}
        - !<MatrixTransform>
          matrix:
            [0.4396, 0.3830, 0.1774, 0, 0.0898, 0.8134, 0.0968, 0, 0.0175, 0.1116, 0.8709, 0, 0, 0, 0, 1]
  - !<ColorSpace> {name: numbers, isdata: true}
"""


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "studio.ocio"
    path.write_text(STUDIO)
    monkeypatch.setenv("OCIO", str(path))
    return path


@pytest.fixture
def built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


def by_opencolorio(pixels: np.ndarray, source: str, target: str) -> np.ndarray:
    """The same conversion by OpenColorIO itself, without shortcuts in its arithmetic."""
    ocio = pytest.importorskip("PyOpenColorIO", reason="the package opencolorio is not installed")
    config = ocio.Config.CreateFromFile(BUILT_IN[0])
    processor = config.getProcessor(source, target).getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE)
    result = pixels.copy()
    processor.applyRGB(result)
    return result


LOGS = ["ARRI LogC3 (EI800)", "ARRI LogC4", "S-Log3 S-Gamut3", "S-Log3 S-Gamut3.Cine", "ACEScct"]
HUB = "Linear Rec.709 (sRGB)"


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize("space", LOGS)
def test_logs_agree_with_opencolorio(space: str) -> None:
    theirs = by_opencolorio(CODES, space, HUB)
    # Against the brightest channel: a matrix leaves an error of that size in all three.
    scale = np.abs(theirs).max(axis=2, keepdims=True) + 1e-2
    assert (np.abs(to_scene_linear(CODES, space) - theirs) / scale).max() < 2e-5
    assert theirs.max() > 10
    assert theirs.min() < 0


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize(
    "space", ["ACEScg", "ACES2065-1", "Linear P3-D65", "Linear Rec.2020", "Linear V-Gamut"]
)
def test_linear_spaces_agree_with_opencolorio(space: str) -> None:
    for source, target, ours in ((space, HUB, to_scene_linear), (HUB, space, from_scene_linear)):
        theirs = by_opencolorio(LIGHT, source, target)
        scale = np.abs(LIGHT).max(axis=2, keepdims=True)
        assert (np.abs(ours(LIGHT, space) - theirs) / scale).max() < 2e-5
    assert LIGHT.max() > 500
    assert LIGHT.min() < -1


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize(
    "space", ["sRGB - Texture", "sRGB Encoded P3-D65 - Texture", "Rec.1886 Rec.709 - Display"]
)
def test_encoded_spaces_agree_with_opencolorio(space: str) -> None:
    values = RANDOM.uniform(0, 4, (20, 30, 3)).astype(np.float32)
    theirs = by_opencolorio(values, space, HUB)
    np.testing.assert_allclose(to_scene_linear(values, space), theirs, rtol=3e-4, atol=1e-4)
    if "Display" not in space:
        np.testing.assert_allclose(
            from_scene_linear(values, space), by_opencolorio(values, HUB, space), rtol=2e-4
        )


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize(
    ("space", "grey"),
    # The makers' own figures for a grey card: ARRI 2012 and 2022, Sony 2014 (420 of 1023).
    [("ARRI LogC3 (EI800)", 0.391007), ("ARRI LogC4", 0.278396), ("S-Log3 S-Gamut3.Cine", 420 / 1023)],
)
def test_logs_put_a_grey_card_where_their_makers_do(space: str, grey: float) -> None:
    card = to_scene_linear(np.full((1, 1, 3), grey, np.float32), space)
    np.testing.assert_allclose(card, 0.18, rtol=1e-3)
    np.testing.assert_allclose(from_scene_linear(np.full((1, 1, 3), 0.18, np.float32), space), grey, rtol=1e-4)


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize("space", [*LOGS, "Linear V-Gamut", "Gamma 2.2 Rec.709 - Texture"])
def test_there_and_back(space: str) -> None:
    # Not far from grey: beside a channel a thousand times as bright, a float has no digits for the darkest.
    codes = (CODES[..., :1].clip(0.1, 0.9) + 0.1 * (CODES - 0.5)).astype(np.float32)
    light = to_scene_linear(codes, space)
    np.testing.assert_allclose(from_scene_linear(light, space), codes, atol=5e-5)


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize(
    ("asked", "space"),
    [
        ("ARRI LogC4", "ARRI LogC4"),
        ("arri logc4", "ARRI LogC4"),
        ("ARRI_LOGC3_EI800", "ARRI LogC3 (EI800)"),
        ("Input - ARRI - V3 LogC (EI800) - Wide Gamut", "ARRI LogC3 (EI800)"),
        ("slog3_sgamut3cine", "S-Log3 S-Gamut3.Cine"),
        ("ocio:ARRI LogC4", "ARRI LogC4"),
        ("g22_rec709_scene", "Gamma 2.2 Rec.709 - Texture"),
        ("compositing_log", "ACEScct"),
        ("Scene_Linear", "acescg"),
        ("ocio:ACEScg", "acescg"),
        ("aces_interchange", "aces2065_1"),
        ("Raw", "scene_linear_rec709"),
        ("Linear Display P3", "linear_p3_d65"),
        ("SRGB", "srgb"),
    ],
)
def test_names_in_any_case_with_aliases_and_roles(asked: str, space: str) -> None:
    assert space_name(asked) == space


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize(
    ("space", "linear"),
    [
        ("acescg", "acescg"),
        ("ACES2065-1", "aces2065_1"),
        ("linear", "scene_linear_rec709"),
        ("Linear ARRI Wide Gamut 4", "Linear ARRI Wide Gamut 4"),
        ("srgb", "scene_linear_rec709"),
        ("rec709", "scene_linear_rec709"),
        ("display_p3", "scene_linear_rec709"),
        ("cineon", "scene_linear_rec709"),
        ("Gamma 2.2 Rec.709 - Texture", "scene_linear_rec709"),
        ("Camera Rec.709", "scene_linear_rec709"),
        ("sRGB Encoded AP1 - Texture", "scene_linear_rec709"),
        *((log, "acescg") for log in LOGS),
        ("CanonLog3 CinemaGamut D55", "acescg"),
        ("Log3G10 REDWideGamutRGB", "acescg"),
        ("Raw", "scene_linear_rec709"),
    ],
)
def test_the_linear_space_that_a_plate_is_handed_back_in(space: str, linear: str) -> None:
    assert linear_space_of(space) == linear


@pytest.mark.usefixtures("built_in")
def test_a_newer_space_is_found_where_the_library_has_it() -> None:
    if len(configurations()) < len(BUILT_IN):
        pytest.skip("this OpenColorIO has only the older built-in configuration")
    for name in ("Apple Log", "ocio:arrilogc4_awg4_scene", "Gamma 2.2 Encoded Rec.709"):
        assert linear_space_of(name)


@pytest.mark.usefixtures("built_in")
def test_the_built_in_configurations_are_named_with_their_version() -> None:
    assert [configuration.source for configuration in configurations()] == list(
        BUILT_IN[: len(configurations())]
    )
    assert all("aces-v" in name and "config-v" in name for name in BUILT_IN)
    assert configuration_name() == BUILT_IN[0]


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize(
    ("chromaticities", "space"),
    [
        ((0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, 0.3127, 0.3290), "Linear ARRI Wide Gamut 4"),
        ((0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, 0.3127, 0.3290), "Linear ARRI Wide Gamut 3"),
        ((0.730, 0.280, 0.140, 0.855, 0.100, -0.05, 0.3127, 0.3290), "Linear S-Gamut3"),
        ((0.766, 0.275, 0.225, 0.800, 0.089, -0.087, 0.3127, 0.3290), "Linear S-Gamut3.Cine"),
        ((0.5, 0.3, 0.2, 0.6, 0.1, 0.1, 0.33, 0.33), None),
    ],
)
def test_linear_spaces_are_known_by_their_primaries(
    chromaticities: tuple[float, ...], space: str | None
) -> None:
    assert linear_space_like(chromaticities) == space


@pytest.mark.usefixtures("built_in")
def test_an_unknown_name_is_refused_with_names_that_are_known() -> None:
    with pytest.raises(UnknownNameError, match=r"'ARRI LogC9'.*Known: .*acescg.*ARRI LogC4") as raised:
        to_scene_linear(CODES, "ARRI LogC9")
    assert "\n" not in str(raised.value)


def test_a_studios_spaces_go_by_its_own_configuration(studio: Path) -> None:
    assert [configuration.source for configuration in configurations()] == [str(studio)]
    assert configuration_name() == str(studio)
    assert space_name("haus-log") == "house_log"
    grey = np.full((1, 1, 3), 0.25, np.float32)
    np.testing.assert_allclose(to_scene_linear(grey, "house_linear"), 0.5, rtol=1e-5)
    np.testing.assert_allclose(to_scene_linear(grey, "Haus-Log"), 1000**0.25, rtol=1e-4)
    with pytest.raises(UnknownNameError, match="house_log"):
        to_scene_linear(grey, "ARRI LogC4")


def test_a_studios_log_is_handed_back_in_its_scene_linear(studio: Path) -> None:
    assert linear_space_of("house_log") == "house_linear"
    assert linear_space_of("house_linear") == "house_linear"
    assert linear_space_of("acescg") == "acescg"
    neutral = np.full((1, 1, 3), 0.5, np.float32)
    np.testing.assert_allclose(convert(neutral, "house_log", "house_linear"), 1000**0.5 / 2, rtol=1e-4)


def test_a_configuration_that_changes_on_disk_is_read_again(studio: Path) -> None:
    assert space_name("house_log") == "house_log"
    studio.write_text(STUDIO.replace("house_log", "new_log"))
    assert space_name("new_log") == "new_log"


def test_a_studios_other_meaning_of_a_known_name_is_noticed(studio: Path) -> None:
    # Its sRGB is ours with rounded figures; its Rec709 has a gamma of 3.
    assert rival("rec709") == "Rec709"
    assert rival("srgb") is None
    assert rival("acescg") is None
    grey = np.full((1, 1, 3), 0.5, np.float32)
    np.testing.assert_allclose(to_scene_linear(grey, "rec709"), 0.5**2.4, rtol=1e-5)
    assert space_name("ocio:rec709") == "ocio:Rec709"
    np.testing.assert_allclose(to_scene_linear(grey, "ocio:rec709"), 0.5**3, rtol=1e-4)
    assert linear_space_of("ocio:rec709") == "scene_linear_rec709"


def test_only_a_rule_of_its_own_speaks_for_a_file(studio: Path) -> None:
    assert space_by_rule("/shots/footage_010.dpx") == "house_log"
    assert space_by_rule("/shots/render_010.exr") is None


@pytest.mark.usefixtures("built_in")
def test_the_built_in_configuration_has_no_rules_for_files() -> None:
    assert space_by_rule("/shots/acescg_render.exr") is None
    assert rival("rec709") is None


def test_a_broken_configuration_does_not_hinder_the_known_spaces(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OCIO", "/nowhere/config.ocio")
    assert space_by_rule("footage.exr") is None
    assert rival("rec709") is None
    assert linear_space_of("acescg") == "acescg"
    assert to_scene_linear(CODES, "srgb").shape == CODES.shape
    for ask in (space_name, linear_space_of):
        with pytest.raises(UsageError, match=r"/nowhere/config\.ocio.*unset"):
            ask("ARRI LogC4")
    assert capfd.readouterr() == ("", "")


def test_a_configuration_without_an_anchor_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = STUDIO.replace("aces_interchange: aces, ", "").replace(
        "name: aces, aliases: [ACES2065-1]", "name: one"
    )
    (tmp_path / "lost.ocio").write_text(lines)
    monkeypatch.setenv("OCIO", str(tmp_path / "lost.ocio"))
    with pytest.raises(UsageError, match="neither a linear"):
        to_scene_linear(CODES, "house_log")


def test_codes_beyond_a_log_curve_give_infinities_and_no_warning() -> None:
    wild = np.full((2, 2, 3), 65504, np.float32)
    assert np.isinf(to_scene_linear(wild, "cineon")).all()
