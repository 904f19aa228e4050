"""Each node of the renderer against arrays worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nuke_render import RenderError, describe, render

NAMES = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")


@pytest.fixture
def nuke(make_host: Any) -> Any:
    host = make_host((15, 1), True, plugin=None)
    host.nuke.addFormat("8 6 1 small")
    host.nuke.root()["format"].setValue("small")
    return host.nuke


def plain(nuke: Any, *colour: float) -> Any:
    """A Constant with all four channels."""
    node = nuke.nodes.Constant(channels="rgba")
    node["color"].setValue(list(colour))
    return node


def colours(picture: Any) -> list:
    """The four values of a picture that is one colour."""
    found = [picture.channel(name) for name in NAMES]
    assert all(np.all(channel == channel[0, 0]) for channel in found)
    return [pytest.approx(float(channel[0, 0]), abs=1e-6) for channel in found]


def test_constant_fills_its_format(nuke):
    picture = render(plain(nuke, 0.1, 0.2, 0.3, 0.4), 1)
    assert picture.data_window == picture.display_window == (0, 0, 8, 6)
    assert picture.channels["rgba.red"].shape == (6, 8)
    assert picture.channels["rgba.red"].dtype == np.float32
    assert colours(picture) == [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("operation", "colour"),
    [
        ("over", [0.8 + 0.1 * 0.5, 0.4 + 0.2 * 0.5, 0.3 * 0.5, 0.5 + 1 * 0.5]),
        ("plus", [0.9, 0.6, 0.3, 1.5]),
        ("multiply", [0.08, 0.08, 0, 0.5]),
        ("max", [0.8, 0.4, 0.3, 1]),
        ("min", [0.1, 0.2, 0, 0.5]),
        ("mask", [0.05, 0.1, 0.15, 0.5]),
        ("stencil", [0.05, 0.1, 0.15, 0.5]),
        ("in", [0.8, 0.4, 0, 0.5]),
        ("matte", [0.8 * 0.5 + 0.05, 0.4 * 0.5 + 0.1, 0.15, 0.25 + 0.5]),
    ],
)
def test_merge_puts_a_onto_b(nuke, operation, colour):
    base, other = plain(nuke, 0.1, 0.2, 0.3, 1), plain(nuke, 0.8, 0.4, 0, 0.5)
    merge = nuke.nodes.Merge2(inputs=[base, other], operation=operation)
    assert colours(render(merge, 1)) == colour
    merge["mix"].setValue(0.25)
    earlier = [0.1, 0.2, 0.3, 1]
    assert colours(render(merge, 1)) == [b * 0.75 + m * 0.25 for b, m in zip(earlier, colour, strict=True)]


def test_copy_takes_named_channels_and_joins_boxes(nuke):
    nuke.Layer("sm_person_01", ["sm_person_01.alpha"])
    base = nuke.nodes.Crop(inputs=[plain(nuke, 0.1, 0.2, 0.3, 0.4)], box=[0, 0, 4, 3])
    other = nuke.nodes.Crop(inputs=[plain(nuke, 0.5, 0.6, 0.7, 0.8)], box=[2, 1, 8, 6])
    copy = nuke.nodes.Copy(inputs=[base, other])
    copy["from0"].setValue("rgba.green")
    copy["to0"].setValue("sm_person_01.alpha")
    copy["from1"].setValue("rgba.alpha")
    copy["to1"].setValue("rgba.red")
    picture = render(copy, 1)
    assert picture.data_window == (0, 0, 8, 6)
    matte = np.zeros((6, 8), np.float32)
    # Nuke's rows 1 to 5 counted from below are the array's 0 to 4 from above.
    matte[0:5, 2:8] = 0.6
    assert np.array_equal(picture.channels["sm_person_01.alpha"], matte)
    assert np.array_equal(picture.channels["rgba.red"], np.where(matte > 0, np.float32(0.8), 0))
    green = np.zeros((6, 8), np.float32)
    green[3:6, 0:4] = 0.2
    assert np.array_equal(picture.channels["rgba.green"], green)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("clamp(r + a)", 1.0),
        ("r * 2 + g", 0.7),
        ("r > g ? 5 : b", 0.1),
        ("min(r, g, b) - max(r, b)", -0.2),
        ("-r + 1", 0.7),
        ("(r + g) / b", 4.0),
        ("r >= 0.25 && g != 0.1", 0.0),
        ("!b", 0.0),
        ("rgba.alpha", 0.9),
        ("alpha * frame", 9.0),
        ("red == 0.3 || 0", 1.0),
        ("lerp(r, a, 0.5)", 0.6),
        ("half * 2", 0.9),
        ("2 - 1 - 1", 0.0),
        ("8 / 4 / 2", 1.0),
    ],
)
def test_expressions_by_hand(nuke, text, wanted):
    wanted = 5.0 if text.startswith("r > g") else wanted
    node = nuke.nodes.Expression(inputs=[plain(nuke, 0.3, 0.1, 0.1, 0.9)])
    node["temp_name0"].setValue("half")
    node["temp_expr0"].setValue("a / 2")
    node["expr3"].setValue(text)
    picture = render(node, 10)
    assert picture.channels["rgba.alpha"] == pytest.approx(np.full((6, 8), wanted), abs=1e-5)
    assert colours(picture)[:3] == [0.3, 0.1, 0.1]


def test_expression_knows_places(nuke):
    node = nuke.nodes.Expression(
        inputs=[plain(nuke, 0, 0, 0, 0)], expr0="x", expr1="y", expr2="width*100+height"
    )
    picture = render(node, 1)
    assert np.array_equal(picture.channels["rgba.red"][2], np.arange(8))
    assert np.array_equal(picture.channels["rgba.green"][:, 3], np.arange(5, -1, -1))
    assert np.all(picture.channels["rgba.blue"] == 806)


@pytest.mark.parametrize(
    "text", ["r +", "(r", "r r", "__import__(1)", "nothing", "clamp(", "min()", "r $ 2", "1 ? 2"]
)
def test_bad_expressions_are_told(nuke, text):
    node = nuke.nodes.Expression(inputs=[plain(nuke, 0, 0, 0, 0)], expr0=text)
    for way in (render, describe):
        with pytest.raises(RenderError):
            way(node, 1)


def test_description_agrees_with_the_picture(nuke):
    nuke.Layer("sm_person_01", ["sm_person_01.alpha"])
    node = nuke.nodes.Expression(inputs=[plain(nuke, 0.1, 0.2, 0.3, 0.4)], expr0="x + r", expr1="clamp(g)")
    node["channel1"].setValue("sm_person_01.alpha")
    crop = nuke.nodes.Crop(inputs=[node], box=[1, 1, 5, 5])
    seen, picture = describe(crop, 1), render(crop, 1)
    assert list(seen.channels) == list(picture.channels)
    assert "sm_person_01.alpha" in seen.channels
    assert {name: pixels.shape for name, pixels in seen.channels.items()} == {
        name: pixels.shape for name, pixels in picture.channels.items()
    }
    assert (seen.data_window, seen.display_window) == (picture.data_window, picture.display_window)


def test_switch_follows_its_group(nuke):
    group = nuke.nodes.Group()
    group.addKnob(nuke.Enumeration_Knob("show", "show", ["one", "two"]))
    first, second = plain(nuke, 0.1, 0, 0, 0), plain(nuke, 0.2, 0, 0, 0)
    with group:
        inputs = [nuke.nodes.Input(name=name) for name in ("Source", "Hint")]
        switch = nuke.nodes.Switch(inputs=inputs)
        switch["which"].setExpression("parent.show")
        nuke.nodes.Output(inputs=[switch])
    group.setInput(0, first)
    group.setInput(1, second)
    assert colours(render(group, 1))[0] == 0.1
    group["show"].setValue("two")
    assert colours(render(group, 1))[0] == 0.2


def test_crop_remove_and_disabled_nodes(nuke):
    crop = nuke.nodes.Crop(inputs=[plain(nuke, 0.1, 0.2, 0.3, 0.4)], box=[-2, 1, 5, 4])
    picture = render(crop, 1)
    assert (picture.data_window, picture.display_window) == ((-2, 1, 5, 4), (0, 0, 8, 6))
    assert np.array_equal(picture.channels["rgba.red"], np.array([[0, 0] + [0.1] * 5] * 3, np.float32))
    crop["intersect"].setValue(True)
    assert render(crop, 1).data_window == (0, 1, 5, 4)
    crop["reformat"].setValue(True)
    assert render(crop, 1).display_window == (0, 0, 5, 3)
    remove = nuke.nodes.Remove(inputs=[crop], channels="rgb")
    assert list(render(remove, 1).channels) == ["rgba.alpha"]
    remove["operation"].setValue("keep")
    assert list(render(remove, 1).channels) == list(NAMES[:3])
    remove["disable"].setValue(True)
    assert list(render(remove, 1).channels) == list(NAMES)


def test_reformat_keeps_the_middle_of_squeezed_pixels(nuke):
    nuke.addFormat("4 6 2 squeezed")
    node = nuke.nodes.Reformat(inputs=[nuke.nodes.Expression(inputs=[plain(nuke, 0, 0, 0, 1)], expr0="x")])
    node["format"].setValue("squeezed")
    picture = render(node, 1)
    assert (picture.display_window, picture.pixel_aspect) == ((0, 0, 4, 6), 2.0)
    # Half as wide in pixels, as high as before: each pixel is twice as wide.
    assert picture.data_window == (0, 0, 4, 6)
    assert np.array_equal(picture.channels["rgba.red"][0], [1, 3, 5, 7])


def test_proxy_is_smaller(nuke):
    nuke.root()["proxy_scale"].setValue(0.5)
    nuke.root()["proxy"].setValue(True)
    picture = render(plain(nuke, 0.1, 0.2, 0.3, 1), 1)
    assert picture.display_window == picture.data_window == (0, 0, 4, 3)


def test_grade_premult_and_frames(nuke):
    node = nuke.nodes.Grade(inputs=[plain(nuke, 0.2, 0.4, 0.6, 0.5)], multiply=2.0, add=0.1)
    assert colours(render(node, 1)) == [0.5, 0.9, 1.3, 0.5]
    assert colours(render(nuke.nodes.Premult(inputs=[node]), 1)) == [0.25, 0.45, 0.65, 0.5]
    back = nuke.nodes.Unpremult(inputs=[nuke.nodes.Premult(inputs=[node])])
    assert colours(render(back, 1)) == [0.5, 0.9, 1.3, 0.5]
    framed = nuke.nodes.Expression(inputs=[node], expr0="frame")
    assert colours(render(nuke.nodes.TimeOffset(inputs=[framed], time_offset=10), 25))[0] == 15
    assert colours(render(nuke.nodes.FrameHold(inputs=[framed], first_frame=7), 25))[0] == 7


def test_views_are_joined_and_picked(nuke):
    nuke.root().addView("right")
    left, right = plain(nuke, 0.1, 0, 0, 0), plain(nuke, 0.2, 0, 0, 0)
    joined = nuke.nodes.JoinViews(inputs=[left, right])
    assert [colours(render(joined, 1, view))[0] for view in nuke.views()] == [0.1, 0.2]
    one = nuke.nodes.OneView(inputs=[joined])
    one["view"].setValue("right")
    assert colours(render(one, 1, "main"))[0] == 0.2


def test_unknown_node_says_so(nuke):
    with pytest.raises(RenderError, match="knows no Blur"):
        render(nuke.nodes.Blur(inputs=[plain(nuke, 0, 0, 0, 0)], size=3), 1)


def test_nothing_connected_is_black(nuke):
    picture = render(nuke.nodes.Dot(), 1)
    assert picture.channels == {}
    assert picture.display_window == (0, 0, 8, 6)
