"""What headers say, also in the words of an OpenImageIO that reads less out of them than the one at hand."""

from __future__ import annotations

import pytest

from semantic_matte.colour_tags import ColourTags, space_said

AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)


@pytest.fixture(autouse=True)
def _no_studio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


@pytest.mark.parametrize(
    ("tags", "space"),
    [
        # OpenImageIO up to 3.0 calls every EXR so, whatever else its header says.
        (ColourTags("openexr", "lin_rec709"), None),
        (ColourTags("openexr", "Linear"), None),
        (ColourTags("openexr", "scene_linear"), None),
        (ColourTags("openexr", "lin_rec709", interop="lin_ap1_scene"), "acescg"),
        (ColourTags("openexr", "lin_rec709", interop="lin_rec709_scene"), "scene_linear_rec709"),
        (ColourTags("openexr", "lin_rec709", aces_container=True), "aces2065_1"),
        (ColourTags("openexr", "lin_rec709", chromaticities=AP1), "acescg"),
        (ColourTags("openexr", "lin_rec709", interop="Unknown", chromaticities=AP1), "acescg"),
        (ColourTags("openexr", "unknown"), None),
        # The surer word goes first.
        (ColourTags("openexr", "sRGB", interop="lin_ap1_scene", aces_container=True), "acescg"),
        (ColourTags("openexr", "sRGB"), "srgb"),
        # Elsewhere linear is a word of the file's own.
        (ColourTags("png", "lin_srgb"), "scene_linear_rec709"),
        (ColourTags("hdr", "lin_rec709"), "scene_linear_rec709"),
        (ColourTags("tiff", ""), None),
        # A profile goes before the name that OpenImageIO gives to every JPEG, not before a real one.
        (ColourTags("jpeg", "sRGB", profile="Display P3"), "display_p3"),
        (ColourTags("png", "g22_rec709", profile="Display P3"), "Gamma 2.2 Rec.709 - Texture"),
        (ColourTags("jpeg", "sRGB", profile="sRGB IEC61966-2.1"), None),
    ],
)
def test_plain_words(tags: ColourTags, space: str | None) -> None:
    notices: list[str] = []
    assert space_said(tags, "srgb", notices) == space
    assert notices == []


@pytest.mark.parametrize(
    ("tags", "space", "notice"),
    [
        (ColourTags("dpx", "KodakLog", dpx_transfer="Logarithmic"), "cineon", "logarithmic ('KodakLog')"),
        (ColourTags("dpx", "", dpx_transfer="Printing density"), "cineon", "give the camera's colour space"),
        (ColourTags("png", "Data"), None, "data, not colours; it was read as srgb"),
        (
            ColourTags("png", "g24_rec2020_look"),
            None,
            "'g24_rec2020_look', which is not known; it was read as srgb",
        ),
        (
            ColourTags("tiff", "", profile="ProPhoto RGB"),
            None,
            "'ProPhoto RGB' is not applied; it was read as srgb",
        ),
    ],
)
def test_doubtful_words_are_told(tags: ColourTags, space: str | None, notice: str) -> None:
    notices: list[str] = []
    assert space_said(tags, "srgb", notices) == space
    assert len(notices) == 1
    assert notice in notices[0]
