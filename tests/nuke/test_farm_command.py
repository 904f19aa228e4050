"""The engine's command line for a plain Read: read back by a shell's rules and by the command's own parser."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_nuke import FakeNuke

from .shown_mattes import FRAMES, ShownMattes

_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(plates=_TEXTS, out=_TEXTS, find=st.lists(_TEXTS, max_size=3))
def test_a_shell_reads_what_was_meant(plates: str, out: str, find: list[str]) -> None:
    from semantic_matte_nuke.farm_commands import as_shell, command

    words = command(plates, out, "1-3", {"find": find})
    assert shlex.split(as_shell(words)) == words
    assert words[:5] == ["semantic-matte", "matte", plates, "-o", out]
    assert (f"--find={','.join(find)}" in words) is bool(find)


def test_the_engine_takes_every_option() -> None:
    """By the command's own parser, for a value of each control that is not its default."""
    import typer.main

    from semantic_matte.cli import app
    from semantic_matte_client.nodes.control_rows import control_rows
    from semantic_matte_nuke.farm_commands import command

    values = {
        row.name: (
            ["x"]
            if row.kind == "names"
            else (not row.default)
            if row.kind == "bool"
            else next(one for one in row.choices if one != row.default)
            if row.kind == "choice"
            else "x"
            if row.kind == "string"
            else row.default + 1
        )
        for row in control_rows()
    }
    words = command("-p.####.exr", "out", "1-3", values, "srgb", "hint.png")
    matte = typer.main.get_command(app).commands["matte"]  # type: ignore[attr-defined]
    parsed = matte.make_context("matte", [*words[3:], "--", words[2]]).params
    assert {name: parsed[name] for name in values if not isinstance(values[name], list)} == {
        name: value for name, value in values.items() if not isinstance(value, list)
    }
    assert all(parsed[name] == "x" for name, value in values.items() if isinstance(value, list))


@pytest.mark.parametrize(
    ("colorspace", "raw", "expected"),
    [
        ("default (sRGB)", False, "srgb"),
        ("linear", False, "scene_linear_rec709"),
        ("ACES - ACEScg", False, "acescg"),
        ("sRGB\tColorspaces/sRGB", False, "srgb"),
        ("AlexaV3LogC", False, None),
        ("AlexaV3LogC", True, "acescg"),
    ],
)
def test_a_reads_colour_space(colorspace: str, raw: bool, expected: str | None) -> None:
    from semantic_matte_nuke.farm_commands import space_of

    assert space_of(colorspace, raw, "acescg") == expected


@pytest.fixture
def comp(host: FakeNuke, plate: Callable[..., str], tmp_path: Path) -> ShownMattes:
    return ShownMattes(host, plate(tmp_path / "my plates", (8, 8), FRAMES), tmp_path)


def test_the_command_of_a_node(comp: ShownMattes) -> None:
    import semantic_matte_nuke as sm

    comp.node.setInput(0, comp.read)
    comp.read["colorspace"].setValue("linear")
    comp.node["find"].setValue("person, dog")
    words = shlex.split(sm.farm_command(comp.node, "1001-1003"))
    assert words[2] == comp.read["file"].value()
    assert words[words.index("--frames") + 1] == "1001-1003"
    assert words[words.index("--colour-space") + 1] == "scene_linear_rec709"
    assert "--find=person,dog" in words
    out = Path(words[words.index("-o") + 1])
    assert out.name == "main"
    assert out.parent.parent == comp.job.parent


def test_a_graph_that_only_nuke_renders_has_none(comp: ShownMattes) -> None:
    import semantic_matte_nuke as sm
    from semantic_matte_nuke import cache_actions

    with pytest.raises(cache_actions.CacheActionError, match="is no plain Read"):
        sm.farm_command(comp.node, "1001-1003")
