"""The light that a script computes in, told from the root's knobs; the engine knows it by that name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.colour import ACESCG, SCENE_LINEAR, linear_space_of, space_name

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "nuke_plugin"))

from semantic_matte_nuke.working_space import WorkingSpaceError, working_space

STUDIO = "fn-nuke_studio-config-v1.0.0_aces-v1.3_ocio-v2.1"
# As Nuke 15 gives the value of such a menu: fields behind tabs.
TABBED = f"{STUDIO}\tACES/{STUDIO}\t\tstudio-config-v1.0.0_aces-v1.3_ocio-v2.1"


def root(**values: str) -> dict[str, str]:
    return {"colorManagement": "OCIO", "OCIO_config": "custom", "workingSpaceLUT": "scene_linear", **values}


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    place = tmp_path / "config.ocio"
    place.write_text("ocio_profile_version: 2\n", encoding="utf-8")
    return str(place)


def test_nukes_own_management_is_linear_light_of_rec709_whatever_the_shell_says(configuration: str) -> None:
    nuke = {"colorManagement": "Nuke", "workingSpaceLUT": "linear"}
    assert working_space(nuke, "auto", {"OCIO": configuration}) == (SCENE_LINEAR, None)
    assert working_space({}, "", {}) == (SCENE_LINEAR, None)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (("nuke-default", "linear"), SCENE_LINEAR),
        (("nuke-default", "scene_linear"), SCENE_LINEAR),
        (("aces_1.2", "ACES - ACEScg"), ACESCG),
        (("aces_1.2", "scene_linear (ACES - ACEScg)"), ACESCG),
        ((STUDIO, "scene_linear"), ACESCG),
        ((TABBED, "ACEScg\tColorspaces/ACES/ACEScg\t\tACES - ACEScg,lin_ap1"), ACESCG),
        ((STUDIO, "Linear Rec.709 (sRGB)"), SCENE_LINEAR),
        (("aces_1.2", "ACES - ACES2065-1"), "aces2065_1"),
    ],
)
def test_a_configuration_that_nuke_brings_gives_a_name_that_the_engine_knows_without_it(
    settings: tuple[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = working_space(root(OCIO_config=settings[0], workingSpaceLUT=settings[1]), "auto", {})
    monkeypatch.delenv("OCIO", raising=False)
    assert found.ocio is None
    assert linear_space_of(found.colour_space) == space_name(found.colour_space) == wanted


def test_a_custom_configuration_travels_with_the_name(configuration: str) -> None:
    settings = root(customOCIOConfigPath=configuration, workingSpaceLUT="show_linear")
    assert working_space(settings, "auto", {}) == ("show_linear", configuration)


def test_one_that_nuke_brings_travels_where_nuke_says_its_place(configuration: str) -> None:
    settings = root(OCIO_config="nuke-default", OCIOConfigPath=configuration, workingSpaceLUT="linear")
    assert working_space(settings, "auto", {}) == ("linear", configuration)
    gone = {**settings, "OCIOConfigPath": f"{configuration}.gone"}
    assert working_space(gone, "auto", {}) == (SCENE_LINEAR, None)


def test_the_shells_configuration_comes_first(configuration: str) -> None:
    settings = root(customOCIOConfigPath="/elsewhere/config.ocio")
    assert working_space(settings, "auto", {"OCIO": configuration}) == ("scene_linear", configuration)
    built_in = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
    assert working_space(settings, "auto", {"OCIO": built_in}).ocio == built_in


def test_what_the_artist_names_is_taken_with_the_configuration_to_look_it_up(configuration: str) -> None:
    settings = root(customOCIOConfigPath=configuration)
    assert working_space(settings, " ARRI LogC3 ", {}) == ("ARRI LogC3", configuration)
    nuke = {"colorManagement": "Nuke"}
    assert working_space(nuke, "acescg", {}) == ("acescg", None)
    assert working_space(nuke, "acescg", {"OCIO": configuration}) == ("acescg", configuration)


@pytest.mark.parametrize(
    ("settings", "shell", "sentence"),
    [
        (root(customOCIOConfigPath=""), {}, "use a custom OCIO configuration and name no file"),
        (root(customOCIOConfigPath="/not/there.ocio"), {}, "'/not/there.ocio' that the project settings names"),
        (root(), {"OCIO": "/not/there.ocio"}, "the environment variable OCIO names is not there"),
        (root(OCIO_config="nuke-default", workingSpaceLUT=""), {}, "name no working space"),
        (root(OCIO_config="nuke-default", workingSpaceLUT="Cineon"), {}, "name the plate's colour space"),
        (root(OCIO_config="my_studio", workingSpaceLUT="scene_linear"), {}, "'my_studio' is"),
    ],
)
def test_what_cannot_be_told_is_said(settings: dict[str, str], shell: dict[str, str], sentence: str) -> None:
    with pytest.raises(WorkingSpaceError, match=sentence.replace(".", r"\.")):
        working_space(settings, "auto", shell)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "colorManagement": st.sampled_from(["OCIO", "Nuke", ""]),
            "OCIO_config": st.text(max_size=20),
            "customOCIOConfigPath": st.text(alphabet="abc/. ", max_size=20),
            "workingSpaceLUT": st.text(max_size=20),
        },
    ),
    st.text(max_size=10),
)
def test_it_is_a_space_with_a_name_or_a_sentence(settings: dict[str, str], named: str) -> None:
    said = ""
    try:
        said = working_space(settings, named, {}).colour_space.strip()
    except WorkingSpaceError as reason:
        said = str(reason)
        assert_sentence(said)
    assert said


def assert_sentence(text: str) -> None:
    assert text.endswith(".")
    assert " " in text
