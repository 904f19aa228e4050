"""That a job has what its task needs, and that its paths lie in its roots: each in turn left outside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from semantic_matte.errors import SettingsError, UsageError
from semantic_matte.worker.job_checks import check_paths, plates_of, settings_of, use_configuration


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """in/ with a plate, a mask, a hint that names the mask, a trimap and a model; out/ with the same."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
        for file in ("a.1.exr", "a.2.exr", "mask.png", "trimap.png", "model.pt"):
            (tmp_path / name / file).touch()
        (tmp_path / name / "hint.yaml").write_text("instances:\n  - {label: cat, mask: mask.png}\n")
    return tmp_path


def check(folders: Path, **more: Any) -> None:
    order = {
        "task": "matte",
        "plates": [f"{folders}/in/a.1.exr"],
        "out": f"{folders}/in/results",
        **dict.fromkeys(("hint", "trimap", "frames", "chunk")),
        "settings": {},
        "roots": [f"{folders}/in"],
    }
    order |= {
        name: f"{folders}/{value}" if name in ("out", "hint", "trimap") else value
        for name, value in more.items()
    }
    if "plates" in more:
        order["plates"] = [f"{folders}/{one}" for one in more["plates"]]
    if more.get("out", "") is None:
        order["out"] = None
    check_paths(order, plates_of(order), settings_of(order["settings"]))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"plates": ["in/a.#.exr"]},
        {"hint": "in/hint.yaml"},
        {"hint": "in/mask.png"},
        {"trimap": "in/trimap.png"},
        {"task": "segment", "out": "in/coco.json"},
        {"task": "segment", "out": None},
        {"task": "refine", "trimap": "in/trimap.png", "out": "in/alpha.exr"},
        {"frames": "1-2", "chunk": "1"},
        {"task": "track", "plates": ["in/a.#.exr"], "frames": "1", "hint": "in/hint.yaml"},
        {"task": "collect", "plates": ["in/a.#.exr"], "frames": "1"},
        # Renamed into its place: the link is replaced, not what it leads to.
        {"task": "refine", "trimap": "in/trimap.png", "out": "in/link.exr"},
    ],
)
def test_what_lies_in_the_roots_is_allowed(folders: Path, more: dict[str, Any]) -> None:
    (folders / "in" / "link.exr").symlink_to(folders / "out" / "a.1.exr")
    check(folders, **more)


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"plates": ["out/a.1.exr"]}, "folder of plates"),
        ({"plates": ["in/a.1.exr", "out/a.1.exr"]}, "folder of plates"),
        ({"plates": ["out/a.#.exr"]}, "folder of plates"),
        ({"plates": ["in/link.3.exr"]}, "plate"),
        ({"plates": ["in/link.#.exr"]}, "plate"),
        ({"out": "out/results"}, "folder of results"),
        ({"out": "in/away"}, "folder of results"),
        ({"out": "in/away/results"}, "folder of results"),
        ({"out": "in/../results"}, "folder of results"),
        ({"hint": "out/hint.yaml"}, "hint"),
        ({"hint": "in/far.yaml"}, "hint's mask"),
        ({"hint": "in/linked.yaml"}, "hint's mask"),
        ({"trimap": "out/trimap.png"}, "trimap"),
        ({"task": "segment", "out": "out/coco.json"}, "result"),
        ({"task": "segment", "out": "in/away/coco.json"}, "result"),
        ({"task": "refine", "trimap": "in/trimap.png", "out": "out/alpha.exr"}, "result"),
        ({"task": "track", "plates": ["in/link.#.exr"]}, "plate"),
        ({"task": "track", "out": "in/away/results"}, "folder of results"),
        ({"task": "collect", "out": "out/results"}, "folder of results"),
        ({"settings": {"tracker": "transformers:OUT"}}, "model"),
        ({"settings": {"estimator": "torchscript:OUT/model.pt"}}, "model"),
        ({"settings": {"segmenter": "onnx:OUT/model.pt"}}, "model"),
    ],
)
def test_each_path_that_lies_outside_is_refused(folders: Path, more: dict[str, Any], part: str) -> None:
    inside = folders / "in"
    (inside / "link.3.exr").symlink_to(folders / "out" / "a.1.exr")
    (inside / "link.4.exr").symlink_to(inside / "a.1.exr")
    (inside / "away").symlink_to(folders / "out")
    (inside / "link.png").symlink_to("../out/mask.png")
    (inside / "far.yaml").write_text("instances:\n  - {label: cat, mask: ../out/mask.png}\n")
    (inside / "linked.yaml").write_text("instances:\n  - {mask: mask.png}\n  - {mask: link.png}\n")
    if "settings" in more:
        settings = {name: text.replace("OUT", f"{folders}/out") for name, text in more["settings"].items()}
        more = {**more, "settings": settings}
    with pytest.raises(UsageError, match=rf"^The {part} .* outside of the folders that this job may use"):
        check(folders, **more)
    check(folders, **more, roots=[f"{folders}/in", f"{folders}/out", f"{folders}/results"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"out": None}, "needs 'out'"),
        ({"task": "refine", "trimap": "in/trimap.png", "out": None}, "needs 'out'"),
        ({"task": "refine", "out": "in/alpha.exr"}, "needs 'trimap'"),
        (
            {"task": "refine", "plates": ["in/a.1.exr", "in/a.2.exr"], "trimap": "in/trimap.png"},
            "Expected one plate",
        ),
        ({"task": "segment", "trimap": "in/trimap.png"}, "no use for 'trimap'"),
        ({"task": "segment", "frames": "1"}, "no use for 'frames'"),
        ({"task": "refine", "trimap": "in/trimap.png", "chunk": "1"}, "no use for 'chunk'"),
        ({"task": "track", "out": None}, "needs 'out'"),
        ({"task": "track", "chunk": "1"}, "no use for 'chunk'"),
        ({"task": "track", "trimap": "in/trimap.png"}, "no use for 'trimap'"),
        ({"task": "collect", "out": None}, "needs 'out'"),
        ({"task": "collect", "hint": "in/hint.yaml"}, "no use for 'hint'"),
        ({"task": "refine", "trimap": "in/trimap.png", "hint": "in/hint.yaml"}, "no use for 'hint'"),
    ],
)
def test_what_a_task_needs(folders: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(folders, **more)


def test_settings_are_those_of_the_message() -> None:
    found = settings_of({"find": ["cat", "dog"], "passes": 2, "order": []})
    assert (found.find, found.passes, found.order) == (("cat", "dog"), 2, ())
    with pytest.raises(SettingsError, match="passes"):
        settings_of({"passes": "many"})


def test_the_colour_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "/host/config.ocio")
    use_configuration(None)
    assert "OCIO" not in os.environ
    for given in ("/a/config.ocio", "ocio://default"):
        use_configuration(given)
        assert os.environ["OCIO"] == given
    with pytest.raises(UsageError, match="absolute"):
        use_configuration("config.ocio")
    use_configuration("")
    assert "OCIO" not in os.environ
