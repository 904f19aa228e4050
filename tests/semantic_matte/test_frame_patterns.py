"""Frame patterns against printf, which says what each number is called, and a table of their odd ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.errors import PlateError, UsageError
from semantic_matte.frame_patterns import FramePattern, expand_plates


def place(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def found(folder: Path, pattern: str) -> list[str]:
    return [path.name for path in expand_plates([folder / pattern])]


FOUR = ["shot.-001.exr", "shot.0000.exr", "shot.0099.exr", "shot.1001.exr", "shot.10000.exr"]
# Look like frames, and are none of four digits.
OTHERS = [
    "shot.1.exr",
    "shot.00100.exr",
    "shot.-0002.exr",
    "shot.exr",
    "shot..exr",
    "shot.0100.exr.tmp",
    "shot.0100.png",
    "Xshot.0100.exr",
    "shot.+100.exr",
    "shot.٠١٠٠.exr",
    "shotX0100.exr",
    ".shot.0100.exr",
]


@pytest.mark.parametrize("pattern", ["shot.####.exr", "shot.%04d.exr", "shot.@@@@.exr", "shot.%4d.exr"])
def test_four_digits_or_more_in_the_order_of_their_numbers(tmp_path: Path, pattern: str) -> None:
    place(tmp_path, *FOUR, *OTHERS)
    (tmp_path / "shot.0500.exr").mkdir()
    assert found(tmp_path, pattern) == FOUR


@pytest.mark.parametrize(
    "pattern", ["shot.#.exr", "shot.%d.exr", "shot.@.exr", "shot.%01d.exr", "shot.%0d.exr"]
)
def test_any_number_of_digits(tmp_path: Path, pattern: str) -> None:
    place(
        tmp_path,
        "shot.1.exr",
        "shot.0002.exr",
        "shot.10.exr",
        "shot.-3.exr",
        "shot.100000.exr",
        "shot.x.exr",
        "shot.٣.exr",
    )
    wanted = ["shot.-3.exr", "shot.1.exr", "shot.0002.exr", "shot.10.exr", "shot.100000.exr"]
    assert found(tmp_path, pattern) == wanted
    place(tmp_path, "shot.0001.exr")
    with pytest.raises(UsageError, match="both frame 1"):
        found(tmp_path, pattern)


@given(
    numbers=st.sets(st.integers(-(10**7), 10**7), min_size=1, max_size=20),
    width=st.integers(2, 8),
    before=st.text("ab.-_1 ([+é", max_size=4),
    sign=st.sampled_from(["#", "@", "%"]),
)
def test_every_frame_that_printf_names_is_known_by_its_number(
    numbers: set[int], width: int, before: str, sign: str
) -> None:
    written = f"%0{width}d" if sign == "%" else sign * width
    pattern = FramePattern.of(Path("folder") / f"{before}{written}.exr")
    assert pattern is not None
    for number in numbers:
        assert pattern.number(f"{before}%0{width}d.exr" % number) == number
        # One zero more is another width, except where it is the last digit that is asked for.
        longer = f"{before}%0{width + 1}d.exr" % number
        assert pattern.number(longer) == (number if longer == f"{before}%0{width}d.exr" % number else None)


@pytest.mark.parametrize(
    ("pattern", "before", "after", "width"),
    [
        ("a#b.####.exr", "a#b.", ".exr", 4),
        ("####.####", "####.", "", 4),
        ("plate@2x.%03d.exr", "plate@2x.", ".exr", 3),
        ("me@home.exr", "me", "home.exr", 0),
        ("100%done.exr", "100", "one.exr", 0),
        ("%05d", "", "", 5),
    ],
)
def test_the_last_place_is_the_number(pattern: str, before: str, after: str, width: int) -> None:
    assert FramePattern.of(Path(pattern)) == FramePattern(Path(), before, after, width)


@pytest.mark.parametrize(
    "name", ["shot.1001.exr", "shot.exr", "shot.%s.exr", "50%.exr", "shot.%0999d.exr", "a%b"]
)
def test_what_is_no_pattern_is_left_alone(tmp_path: Path, name: str) -> None:
    """Whether it is there or not: that is for its reader to say."""
    assert expand_plates([tmp_path / name]) == (tmp_path / name,)


@pytest.mark.parametrize("name", ["shot.####.exr", "shot.%04d.exr", "me@home.exr", "shot_%V.exr"])
def test_a_file_of_that_name_wins(tmp_path: Path, name: str) -> None:
    place(tmp_path, name, "shot.0001.exr", "me1home.exr")
    assert found(tmp_path, name) == [name]


@pytest.mark.parametrize("name", ["shot_%V.####.exr", "shot_%v.exr", "%V/shot.####.exr"])
def test_views_are_refused(tmp_path: Path, name: str) -> None:
    place(tmp_path, "shot_left.0001.exr")
    with pytest.raises(UsageError, match="view"):
        found(tmp_path, name)


@pytest.mark.parametrize(
    ("there", "asked", "said"),
    [
        (["shot.001.exr"], "shot.####.exr", "did you mean 'shot.###.exr'?"),
        (["shot.0001.exr", "shot.0002.exr"], "shto.####.exr", "did you mean 'shot.####.exr'?"),
        (["shot.0001.exr"], "shot.####.exrs", "did you mean 'shot.####.exr'?"),
        ([], "shot.####.exr", "correct the path"),
        (["notes.txt"], "shot.####.exr", "correct the path"),
    ],
)
def test_no_frame_is_an_error_that_says_where_and_what_is_near(
    tmp_path: Path, there: list[str], asked: str, said: str
) -> None:
    place(tmp_path, *there)
    with pytest.raises(PlateError) as raised:
        found(tmp_path, asked)
    message = str(raised.value)
    assert said in message
    assert f"'{asked}'" in message
    assert f"'{tmp_path}'" in message


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match="no such folder"):
        found(tmp_path / "missing", "shot.####.exr")
    place(tmp_path, "file")
    with pytest.raises(PlateError, match="Not a directory"):
        found(tmp_path / "file", "shot.####.exr")


def test_several_are_taken_in_their_order_and_links_as_they_are_named(tmp_path: Path) -> None:
    place(tmp_path, "b.1.exr", "b.2.exr", "a.exr")
    (tmp_path / "b.3.exr").symlink_to(tmp_path / "a.exr")
    (tmp_path / "b.4.exr").symlink_to(tmp_path / "gone.exr")
    given_paths = [tmp_path / "b.#.exr", tmp_path / "a.exr"]
    names = [path.name for path in expand_plates(given_paths)]
    # A link that leads nowhere is a frame that can't be read, not one that is not there.
    assert names == ["b.1.exr", "b.2.exr", "b.3.exr", "b.4.exr", "a.exr"]


def test_a_relative_pattern_stays_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(tmp_path, "shot.1.exr")
    monkeypatch.chdir(tmp_path)
    assert expand_plates([Path("shot.#.exr")]) == (Path("shot.1.exr"),)


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/sh\xffot.0001.exr"))).touch()
    pattern = Path(os.fsdecode(os.fsencode(tmp_path) + b"/sh\xffot.####.exr"))
    assert [os.fsencode(path.name) for path in expand_plates([pattern])] == [b"sh\xffot.0001.exr"]
