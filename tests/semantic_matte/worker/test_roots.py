"""Roots against links, dots, prefixes, and a second implementation that walks a path link by link."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semantic_matte.errors import UsageError
from semantic_matte.worker.roots import Roots


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """in/ is the root; out/ lies outside of it."""
    for folder in ("in/deep", "inner", "out/deep", "in/Ünï code ☃"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("in/a.exr", "in/deep/b.exr", "inner/c.exr", "out/d.exr", "in/Ünï code ☃/é.exr"):
        (tmp_path / file).touch()
    (tmp_path / "in" / "away").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "away.exr").symlink_to("../out/d.exr")
    (tmp_path / "in" / "home.exr").symlink_to(tmp_path / "in" / "deep" / "b.exr")
    (tmp_path / "in" / "gone.exr").symlink_to(tmp_path / "out" / "gone.exr")
    (tmp_path / "in" / "down").symlink_to("deep")
    (tmp_path / "out" / "back").symlink_to(tmp_path / "in" / "deep")
    (tmp_path / "in" / "ring").symlink_to(tmp_path / "in" / "ring")
    (tmp_path / "root").symlink_to(tmp_path / "in")
    return tmp_path


def allowed(roots: Roots, path: Path | str, place: bool = False) -> bool:
    try:
        (roots.require_place if place else roots.require)(path, "plate")
    except UsageError:
        return False
    return True


INSIDE = [
    "in",
    "in/a.exr",
    "in/deep/b.exr",
    "in/home.exr",
    "in/down/b.exr",
    "in/deep/../a.exr",
    "in/./deep//b.exr",
    "out/back/b.exr",
    "out/back/../a.exr",
    "in/Ünï code ☃/é.exr",
    "in/not/there/yet.exr",
    "root/a.exr",
    "inner/../in/a.exr",
]
OUTSIDE = [
    "",
    "inner/c.exr",
    "inn",
    "in.exr",
    "in/..",
    "in/../out/d.exr",
    "in/away",
    "in/away/d.exr",
    "in/away/new.exr",
    "in/away.exr",
    "in/gone.exr",
    "in/down/../../out/d.exr",
    "in/away/../in.exr",
    "in/ring",
    "in/ring/a.exr",
    "in/deep/../../../../etc/passwd",
    "in/\0",
]


@pytest.mark.parametrize("root", ["in", "root", "in/", "in/deep/..", "out/../in"])
@pytest.mark.parametrize(
    ("path", "inside"), [(one, True) for one in INSIDE] + [(one, False) for one in OUTSIDE]
)
def test_links_are_followed_and_prefixes_are_no_folders(tree: Path, root: str, path: str, inside: bool) -> None:
    assert allowed(Roots([f"{tree}/{root}"]), f"{tree}/{path}") == inside


def test_the_letters_case_is_the_file_systems(tree: Path) -> None:
    same = (tree / "IN" / "A.exr").exists()
    assert allowed(Roots([f"{tree}/in"]), tree / "IN" / "A.exr") == same


def test_a_result_replaces_a_link_and_does_not_follow_it(tree: Path) -> None:
    roots = Roots([f"{tree}/in"])
    assert allowed(roots, tree / "in" / "away.exr", place=True)
    assert not allowed(roots, tree / "in" / "away" / "d.exr", place=True)
    assert not allowed(roots, tree / "out" / "d.exr", place=True)
    assert allowed(roots, tree / "out" / "back" / "new.exr", place=True)
    assert not allowed(roots, tree / "in" / "..", place=True)
    assert not allowed(roots, "/", place=True)


def test_the_root_of_all_holds_everything(tree: Path) -> None:
    roots = Roots(["/"])
    assert all(allowed(roots, tree / path) for path in ("in/away.exr", "out/d.exr", "in/gone.exr"))


def test_each_of_several_roots_counts(tree: Path) -> None:
    roots = Roots([f"{tree}/inner", f"{tree}/out"])
    assert allowed(roots, tree / "inner" / "c.exr")
    assert allowed(roots, tree / "in" / "away.exr")
    assert not allowed(roots, tree / "in" / "a.exr")


@pytest.mark.parametrize("path", ["a.exr", "", "./in/a.exr", "~/a.exr"])
def test_relative_paths_are_refused(path: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "in")
    with pytest.raises(UsageError, match="absolute"):
        Roots([f"{tree}/in"]).require(path, "plate")
    with pytest.raises(UsageError, match="absolute"):
        Roots([path])


def test_odd_roots(tree: Path) -> None:
    with pytest.raises(UsageError, match="is a file"):
        Roots([f"{tree}/in/a.exr"])
    with pytest.raises(UsageError, match="can't be followed"):
        Roots([f"{tree}/in/ring"])
    with pytest.raises(UsageError, match="names no folder"):
        Roots([])
    # A folder of results that this very job makes.
    assert allowed(Roots([f"{tree}/in/new"]), tree / "in" / "new" / "a.exr")
    assert not allowed(Roots([f"{tree}/in/new"]), tree / "in" / "a.exr")


def test_the_sentence_says_which_path_which_roots_and_what_to_do(tree: Path) -> None:
    with pytest.raises(UsageError) as raised:
        Roots([f"{tree}/in"]).require(tree / "in" / "away.exr", "hint")
    assert str(raised.value) == (
        f"The hint '{tree}/in/away.exr', which leads to '{tree}/out/d.exr', lies outside of the folders that "
        f"this job may use ('{tree}/in'): name its folder in 'roots'."
    )


def second_opinion(path: str) -> list[str]:
    """The parts of where a path leads, one by one, each link replaced by what it says."""
    waiting, done = path.split("/"), list[str]()
    while waiting:
        part = waiting.pop(0)
        if part in ("", "."):
            continue
        if part == "..":
            done = done[:-1]
            continue
        here = Path("/", *done, part)
        if not here.is_symlink():
            done.append(part)
            continue
        target = str(here.readlink())
        if target.startswith("/"):
            done = []
        waiting = target.split("/") + waiting
    return done


PARTS = st.sampled_from(
    ["in", "out", "deep", "away", "back", "down", "root", "inner", "..", ".", "", "a.exr", "new"]
)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of folders, links within, out and back."""
    top = tmp_path_factory.mktemp("roots")
    for folder in ("in/deep/in", "out/deep", "inner"):
        (top / folder).mkdir(parents=True)
    for link, target in {
        "in/away": "../out",
        "out/back": f"{top}/in/deep",
        "in/down": "deep/../deep",
        "root": "in",
        "in/deep/root": "../../root/away/..",
        "inner/away": "../in/away/back",
    }.items():
        (top / link).symlink_to(target)
    return top


@settings(max_examples=500)
@given(root=st.lists(PARTS, max_size=4), path=st.lists(PARTS, max_size=8))
def test_it_agrees_with_a_second_implementation(lasting: Path, root: list[str], path: list[str]) -> None:
    """`.` and doubled slashes too. What does not exist is taken by its name, `..` behind it included."""
    root_text, path_text = "/".join([str(lasting), *root]), "/".join([str(lasting), *path])
    folder, leads = second_opinion(root_text), second_opinion(path_text)
    if Path(root_text).is_file():
        return
    assert allowed(Roots([root_text]), path_text) == (leads[: len(folder)] == folder)
