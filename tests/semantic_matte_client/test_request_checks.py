"""What a call asks for: paths made absolute, roots found, slips told before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.settings import Settings, split_terms
from semantic_matte_client.control_values import checked_settings, read_controls, split_names
from semantic_matte_client.errors import RequestError
from semantic_matte_client.protocol import MOST_PLATES, REQUESTS, check
from semantic_matte_client.request_checks import submit_message

IDENTITY = "0" * 32


def submit(task: str, plates: Any, **given: Any) -> dict[str, Any]:
    names = ("out", "hint", "trimap", "colour_space", "frames", "chunk", "ocio", "settings")
    defaults = dict.fromkeys(names)
    options = {**defaults, "roots": None, "on_disconnect": "cancel", "device": "cpu", **given}
    return submit_message(IDENTITY, task, plates, **options)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a plate and a trimap."""
    for name in ("plate.exr", "trimap.png", "hint.json"):
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_message_is_whole_and_of_the_protocol(folder: Path) -> None:
    message = submit("matte", "plate.exr", out="mattes/", settings={"find": "person, dog", "passes": 2.0})
    check(message, REQUESTS)
    assert message["plates"] == [str(folder / "plate.exr")]
    assert message["out"] == str(folder / "mattes")
    assert message["settings"] == {"device": "cpu", "find": ["person", "dog"], "passes": 2}
    assert message["roots"] == [str(folder)]
    assert message["on_disconnect"] == "cancel"


@pytest.mark.parametrize(
    ("task", "plates", "given", "sentence"),
    [
        ("mate", "plate.exr", {}, "expected one of matte, segment, refine, track, collect"),
        ("matte", "plate.exr", {}, "matte needs 'out'"),
        ("matte", [], {"out": "o"}, "at least one path"),
        ("matte", 3, {"out": "o"}, "plate: expected a path, got 3"),
        ("matte", [None], {"out": "o"}, "plate: expected a path, got None"),
        ("matte", "", {"out": "o"}, "plate: expected a path, got ''"),
        ("matte", b"plate.exr", {"out": "o"}, "expected a path"),
        ("matte", ["p.exr"] * (MOST_PLATES + 1), {"out": "o"}, f"more than a job takes ({MOST_PLATES})"),
        ("matte", "plate.exr", {"out": "trimap.png"}, "is a file: name a folder"),
        ("matte", "plate.exr", {"out": "o", "hint": "hint.json", "trimap": "trimap.png"}, "not both"),
        ("matte", "plate.exr", {"out": 5}, "out: expected a path, got 5"),
        ("matte", "nowhere/plate.exr", {"out": "o"}, "it has no folder"),
        ("matte", "p" * 5000 + "/plate.exr", {"out": "o"}, "longer than 4096 characters"),
        ("matte", "plate\0.exr", {"out": "o"}, "or no text"),
        ("matte", "plate\udcff.exr", {"out": "o"}, "or no text"),
        ("segment", "plate.exr", {"trimap": "trimap.png"}, "segment takes no trimap"),
        ("refine", ["plate.exr", "plate.exr"], {"trimap": "trimap.png", "out": "a.exr"}, "one plate at a time"),
        ("refine", "plate.exr", {"out": "a.exr"}, "refine needs 'trimap'"),
        ("refine", "plate.exr", {"trimap": "trimap.png"}, "refine needs 'out'"),
        ("refine", "plate.exr", {"trimap": "trimap.png", "out": "a.exr", "hint": "hint.json"}, "no hint"),
        ("track", "plate.exr", {}, "track needs 'out'"),
        ("collect", "plate.exr", {}, "collect needs 'out'"),
        ("track", "plate.exr", {"out": "trimap.png"}, "track writes into a folder"),
        ("track", "plate.exr", {"out": "o", "trimap": "trimap.png"}, "track takes no trimap"),
        ("collect", "plate.exr", {"out": "o", "hint": "hint.json"}, "collect takes no hint"),
        ("track", "plate.exr", {"out": "o", "chunk": "1"}, "track takes no chunk"),
        ("segment", "plate.exr", {"frames": "1"}, "segment takes no frames"),
        ("refine", "plate.exr", {"out": "a.exr", "trimap": "trimap.png", "frames": 1}, "takes no frames"),
        ("matte", "plate.exr", {"out": "o", "frames": "all"}, "such as '1001-1050x2,1060', got 'all'"),
        ("matte", "plate.exr", {"out": "o", "frames": ""}, "got ''"),
        ("matte", "plate.exr", {"out": "o", "frames": True}, "got True"),
        ("matte", "plate.exr", {"out": "o", "chunk": [1, 2]}, "chunk: expected frames such as"),
        ("matte", "plate.exr", {"out": "o", "chunk": "1," * 3000}, "..."),
        ("segment", "plate.exr", {"on_disconnect": "stay"}, "one of cancel, finish, got 'stay'"),
        ("segment", "plate.exr", {"settings": {"device": "cuda"}}, "this client is for 'cpu'"),
        ("segment", "plate.exr", {"roots": []}, "1 to 64 folders, got 0"),
        ("segment", "plate.exr", {"roots": ["plate.exr"]}, "is no folder"),
        ("segment", "plate.exr", {"colour_space": 5}, "'colour_space'"),
        ("segment", "plate.exr", {"settings": {"confidense": 0.5}}, "Did you mean 'confidence'?"),
        ("segment", "plate.exr", {"settings": {"qqqq": 0.5}}, "Known: find, confidence"),
        ("segment", "plate.exr", {"settings": {"confidence": 2}}, "a number from 0 to 1, got 2"),
        ("segment", "plate.exr", {"settings": {"confidence": "0.5"}}, "a number from 0 to 1, got '0.5'"),
        ("segment", "plate.exr", {"settings": {"confidence": float("nan")}}, "got nan"),
        ("segment", "plate.exr", {"settings": {"passes": 2.5}}, "a whole number from 1 to 16, got 2.5"),
        ("segment", "plate.exr", {"settings": {"passes": 17}}, "a whole number from 1 to 16, got 17"),
        ("segment", "plate.exr", {"settings": {"passes": True}}, "a whole number"),
        ("segment", "plate.exr", {"settings": {"png": "yes"}}, "True or False, got 'yes'"),
        ("segment", "plate.exr", {"settings": {"overlaps": "some"}}, "one of consistent, independent"),
        ("segment", "plate.exr", {"settings": {"segmenter": None}}, "a text, got None"),
        ("segment", "plate.exr", {"settings": {"find": [1]}}, "a list of names"),
        ("segment", "plate.exr", {"settings": {"find": {"person": 1}}}, "a list of names"),
    ],
)  # fmt: skip
def test_a_slip_is_told_in_one_sentence(
    folder: Path, task: str, plates: Any, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RequestError) as caught:
        submit(task, plates, **given)
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("1001-1050x2, 1060", "1001-1050x2, 1060"),
        ("-5--1", "-5--1"),
        ("1-10:2", "1-10:2"),
        (7, "7"),
        (-3, "-3"),
    ],
)
def test_frames_are_passed_on_as_a_text(folder: Path, given: Any, taken: str) -> None:
    message = submit("matte", "plate.####.exr", out="o", frames=given, chunk=given)
    assert (message["frames"], message["chunk"]) == (taken, taken)
    check(message, REQUESTS)
    for task in ("track", "collect"):
        message = submit(task, "plate.####.exr", out="o", frames=given)
        assert (message["task"], message["frames"], message["chunk"]) == (task, taken, None)
        assert str(folder) in message["roots"]


@pytest.mark.parametrize("row", read_controls(), ids=lambda row: row["name"])
def test_every_default_is_taken_and_is_the_engines(row: dict[str, Any]) -> None:
    taken = checked_settings({row["name"]: row["default"]})
    assert taken == {row["name"]: row["default"]}
    value = getattr(Settings(**taken), row["name"])
    assert (list(value) if isinstance(value, tuple) else value) == row["default"]


@given(st.text(alphabet="ab,():. ", max_size=20))
def test_names_are_split_as_the_engine_does(text: str) -> None:
    assert split_names(text) == [part for part in split_terms(text, ",") if part]


NUMBERS = [row for row in read_controls() if row["kind"] in ("int", "float")]


@given(st.sampled_from(NUMBERS), st.one_of(st.integers(-3, 3), st.floats(), st.integers()))
def test_a_number_that_is_taken_here_is_taken_by_the_engine(row: dict[str, Any], value: float) -> None:
    try:
        taken = checked_settings({row["name"]: value})
    except RequestError:
        assert value != value or not row["minimum"] <= value <= row["maximum"] or row["kind"] == "int"
    else:
        assert getattr(Settings(**taken), row["name"]) == value


class TestPaths:
    def test_home_is_expanded(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(folder))
        message = submit("segment", ["~/plate.exr"])
        assert message["plates"] == [str(folder / "plate.exr")]

    def test_spaces_unicode_and_path_objects(self, folder: Path) -> None:
        place = folder / "Schöner Ort" / "plåte 1.exr"
        place.parent.mkdir()
        assert submit("segment", place)["plates"] == [str(place)]

    def test_behind_a_link_dots_lead_where_the_system_says(self, folder: Path) -> None:
        (folder / "far" / "deep").mkdir(parents=True)
        (folder / "far" / "plate.exr").write_text("x")
        (folder / "link").symlink_to(folder / "far" / "deep")
        message = submit("segment", "link/../plate.exr")
        assert Path(message["plates"][0]).samefile(folder / "far" / "plate.exr")
        assert message["roots"] == [str(folder / "far")]

    def test_the_hosts_colour_configuration(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OCIO", "show.ocio")
        assert submit("segment", "plate.exr", ocio="$OCIO")["ocio"] == str(folder / "show.ocio")
        assert submit("segment", "plate.exr", ocio=None)["ocio"] is None
        assert submit("segment", "plate.exr", ocio="ocio://default")["ocio"] == "ocio://default"
        monkeypatch.setenv("OCIO", "")
        assert submit("segment", "plate.exr", ocio="$OCIO")["ocio"] is None


class TestRoots:
    def test_the_folders_of_all_that_is_named(self, folder: Path) -> None:
        for name in ("plates", "trimaps", "results"):
            (folder / name).mkdir()
        message = submit(
            "refine",
            "plates/a.exr",
            trimap="trimaps/t.png",
            out="results/new/alpha.exr",
            settings={"passes": 1},
        )
        assert sorted(message["roots"]) == [str(folder / name) for name in ("plates", "results/new", "trimaps")]

    def test_the_folder_of_mattes_is_one_and_not_what_it_lies_in(self, folder: Path) -> None:
        (folder / "plates").mkdir()
        assert str(folder) not in submit("matte", "plates/p.exr", out="new/mattes")["roots"]
        assert str(folder / "new" / "mattes") in submit("matte", "plates/p.exr", out="new/mattes")["roots"]

    def test_what_lies_in_another_is_left_out_by_folders_and_not_by_letters(self, folder: Path) -> None:
        for name in ("a", "a/b", "ab"):
            (folder / name).mkdir()
        roots = submit("segment", ["a/b/1.exr", "a/2.exr", "ab/3.exr"])["roots"]
        assert roots == [str(folder / "a"), str(folder / "ab")]

    def test_a_linked_plate_brings_the_folder_that_it_leads_to(self, folder: Path) -> None:
        (folder / "published").mkdir()
        (folder / "real").mkdir()
        (folder / "real" / "p.exr").write_text("x")
        (folder / "published" / "p.exr").symlink_to(folder / "real" / "p.exr")
        roots = submit("segment", "published/p.exr")["roots"]
        assert set(roots) == {str(folder / "published"), str(folder / "real")}

    @pytest.mark.parametrize("pattern", ["p.####.exr", "p.%04d.exr", "p.%d.exr", "p.@@@@.exr"])
    def test_linked_frames_of_a_pattern_too(self, folder: Path, pattern: str) -> None:
        (folder / "shot").mkdir()
        for number in (1, 2):
            real = folder / f"take{number}" / "x.exr"
            real.parent.mkdir()
            real.write_text("x")
            (folder / "shot" / f"p.{number:04}.exr").symlink_to(real)
        (folder / "shot" / "another.0001.exr").symlink_to("/etc/hostname")
        roots = submit("segment", f"shot/{pattern}")["roots"]
        assert set(roots) == {str(folder / name) for name in ("shot", "take1", "take2")}

    def test_a_models_folder_of_links_brings_what_they_lead_to(self, folder: Path) -> None:
        (folder / "snapshot").mkdir()
        (folder / "blobs").mkdir()
        (folder / "blobs" / "1f").write_text("x")
        (folder / "snapshot" / "config.json").symlink_to(folder / "blobs" / "1f")
        settings = {"segmenter": f"transformers:{folder / 'snapshot'}"}
        roots = submit("segment", "p.exr", settings=settings)["roots"]
        assert {str(folder / "snapshot"), str(folder / "blobs")} <= {*roots} or str(folder) in roots
        (folder / "away").mkdir()
        roots = submit("segment", "away/p.exr", settings=settings)["roots"]
        assert set(roots) == {str(folder / name) for name in ("snapshot", "blobs", "away")}

    def test_named_ones_are_taken_as_they_are(self, folder: Path) -> None:
        (folder / "a").mkdir()
        assert submit("segment", "plate.exr", roots=["a"])["roots"] == [str(folder / "a")]
        assert submit("segment", "plate.exr", roots="a")["roots"] == [str(folder / "a")]

    def test_too_many_folders(self, folder: Path) -> None:
        plates = []
        for number in range(65):
            (folder / f"f{number}").mkdir()
            plates.append(f"f{number}/p.exr")
        assert len(submit("segment", plates[:64])["roots"]) == 64
        with pytest.raises(RequestError, match="65 folders"):
            submit("segment", plates)


class TestModels:
    @pytest.fixture(autouse=True)
    def models(self, folder: Path) -> None:
        (folder / "m").mkdir()
        for name in ("net.onnx", "config.yaml", "mine.pth", "with,comma.pth"):
            (folder / "m" / name).write_text("x")
        (folder / "sam").mkdir()

    @pytest.mark.parametrize(
        ("given", "expected", "folders"),
        [
            ("starter", "starter", []),
            ("onnx:m/net.onnx", "onnx:{}/m/net.onnx", ["m"]),
            ("detectron2:m/config.yaml,m/mine.pth", "detectron2:{0}/m/config.yaml,{0}/m/mine.pth", ["m"]),
            ("detectron2:COCO/mask.yaml,m/mine.pth", "detectron2:COCO/mask.yaml,{}/m/mine.pth", ["m"]),
            ("torchvision:m/with,comma.pth", "torchvision:{}/m/with,comma.pth", ["m"]),
            ("torchvision:maskrcnn_resnet50_fpn", "torchvision:maskrcnn_resnet50_fpn", []),
            ("transformers:sam+starter", "transformers:{}/sam+starter", ["sam"]),
            ("transformers:sam+onnx:m/net.onnx", "transformers:{0}/sam+onnx:{0}/m/net.onnx", ["m", "sam"]),
            ("transformers:facebook/sam2", "transformers:facebook/sam2", []),
        ],
    )
    def test_what_is_there_is_named_whole_and_its_folder_may_be_read(
        self, folder: Path, given: str, expected: str, folders: list[str]
    ) -> None:
        (folder / "plates").mkdir()
        message = submit("segment", "plates/p.exr", settings={"segmenter": given})
        assert message["settings"]["segmenter"] == expected.format(folder)
        assert sorted(message["roots"]) == sorted(str(folder / name) for name in ["plates", *folders])
