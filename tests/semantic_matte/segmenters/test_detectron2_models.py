"""Which model of detectron2 a text means, and what is refused; what needs detectron2 skips where it is not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from semantic_matte.errors import LicenceError, MissingPackageError, UnknownNameError, WeightsError
from semantic_matte.segmenters import create_segmenter
from semantic_matte.segmenters.coco import COCO_NAMES
from semantic_matte.segmenters.detectron2_models import (
    DEFAULT,
    MANIFEST,
    find_detectron2_model,
    read_config,
    split_model,
)
from semantic_matte.settings import Settings
from semantic_matte.weights import find_model

try:
    import detectron2
except ImportError:
    detectron2 = None

needs_detectron2 = pytest.mark.skipif(
    detectron2 is None, reason="detectron2 is not built here: https://github.com/facebookresearch/detectron2"
)
R50 = "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x"


def refuse(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        find_detectron2_model(text, ())
    assert "\n" not in str(caught.value)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of weights that nobody looks into here."""
    path = tmp_path / "mine.pth"
    torch.save({"weight": torch.zeros(1)}, path)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (DEFAULT, "")),
        ("Misc/some", ("Misc/some", "")),
        ("Misc/some.yaml, weights.pkl ", ("Misc/some.yaml", "weights.pkl")),
        (",weights.pkl", (DEFAULT, "weights.pkl")),
        ("C:\\models\\one.yaml,D:\\one.pth", ("C:\\models\\one.yaml", "D:\\one.pth")),
        ("a, b/one.yaml,two.pth", ("a, b/one.yaml", "two.pth")),
    ],
)
def test_a_text_is_split(text: str, expected: tuple[str, str]) -> None:
    assert split_model(text) == expected


def test_a_comma_in_a_files_name(tmp_path: Path) -> None:
    path = tmp_path / "one,two.yaml"
    path.touch()
    assert split_model(str(path)) == (str(path), "")


@pytest.mark.parametrize("text", ["model.py", "new_baselines/some.PY", "folder/model.py,weights.pth"])
def test_a_configuration_that_is_a_program_is_refused(text: str) -> None:
    """Everywhere, and before anything else: by the segmenter itself."""
    with pytest.raises(WeightsError, match=r"is a Python program, .* take a configuration in YAML"):
        create_segmenter(Settings(segmenter=f"detectron2:{text}"), "cpu")


def test_the_default_is_the_papers() -> None:
    assert DEFAULT == "Misc/cascade_mask_rcnn_X_152_32x8d_FPN_IN5k_gn_dconv"
    for config, name in MANIFEST.items():
        assert config in find_model(name).origin


def test_without_detectron2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "detectron2", None)
    message = (
        r"needs detectron2, which is not on PyPI: pip install 'semantic-matte\[detectron2\]', then build it"
    )
    for text in ("detectron2", f"detectron2:{R50}"):
        with pytest.raises(MissingPackageError, match=message):
            create_segmenter(Settings(segmenter=text), "cpu")


def test_a_detectron2_of_another_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its compiled part is there and can't be loaded."""
    package = tmp_path / "detectron2"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_C.py").write_text("raise ImportError('undefined symbol: _ZN3c10')", encoding="utf-8")
    for name in [name for name in sys.modules if name.partition(".")[0] == "detectron2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    refuse("", MissingPackageError, r"can't be loaded \(undefined symbol: _ZN3c10\); build it again")
    (package / "_C.py").write_text("import no_such_package", encoding="utf-8")
    refuse("", MissingPackageError, r"lacks a package \(No module named 'no_such_package'\)")
    for name in [name for name in sys.modules if name.partition(".")[0] == "detectron2"]:
        del sys.modules[name]


@needs_detectron2
class TestZoo:
    @pytest.mark.parametrize("name", [R50, f"{R50}.yaml"])
    def test_a_name_with_and_without_its_ending(self, name: str, weights: Path) -> None:
        model = find_detectron2_model(f"{name},{weights}", ())
        assert (model.title, model.weights) == (R50, weights)
        assert model.labels == COCO_NAMES
        assert model.config.MODEL.WEIGHTS == ""
        assert model.config.MODEL.RESNETS.DEPTH == 50
        assert model.described["config"] == R50

    def test_the_papers_network(self, weights: Path) -> None:
        model = find_detectron2_model(f",{weights}", ())
        assert model.config.MODEL.RESNETS.DEPTH == 152
        assert model.config.MODEL.ROI_HEADS.NAME == "CascadeROIHeads"

    @pytest.mark.parametrize(
        ("name", "count", "some"),
        [
            ("LVISv0.5-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", 1230, {0: "acorn", 1229: "zucchini"}),
            ("LVISv1-InstanceSegmentation/mask_rcnn_R_50_FPN_1x", 1203, {0: "aerosol_can", 1202: "zucchini"}),
            ("Cityscapes/mask_rcnn_R_50_FPN", 8, {0: "person", 7: "bicycle"}),
            ("COCO-PanopticSegmentation/panoptic_fpn_R_50_1x", 80, dict(enumerate(COCO_NAMES))),
        ],
    )
    def test_names_of_other_data_sets(self, name: str, count: int, some: dict[int, str], weights: Path) -> None:
        labels = find_detectron2_model(f"{name},{weights}", ()).labels
        assert len(set(labels)) == len(labels) == count
        assert {number: labels[number] for number in some} == some

    def test_weights_that_the_manifest_has_are_looked_for(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("SEMANTIC_MATTE_WEIGHTS", str(tmp_path))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        for text, name in ((R50, MANIFEST[R50]), ("", MANIFEST[DEFAULT])):
            if find_model(name).commercial_use != "yes":
                refuse(text, LicenceError, f"--accept-licence {name}")
            with pytest.raises(WeightsError, match=f"weights pull {name}"):
                find_detectron2_model(text, [name])

    def test_weights_that_it_has_not_are_asked_for(self) -> None:
        name = "COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x"
        refuse(name, WeightsError, f"as in detectron2:{name},model_final.pkl")

    def test_an_unknown_name_is_told_the_closest(self) -> None:
        refuse(f"{R50}x.yaml", UnknownNameError, f"Did you mean .*'{R50}'.*Known: .*path/to/config.yaml")

    @pytest.mark.parametrize("name", ["new_baselines/mask_rcnn_R_50_FPN_100ep_LSJ"])
    def test_its_programs_are_refused_too(self, name: str) -> None:
        refuse(name, WeightsError, "is a Python program")

    def test_nothing_outside_of_it_goes_by_a_name_of_it(self) -> None:
        refuse("Misc/../../__init__", UnknownNameError, "Unknown model of detectron2")

    @pytest.mark.parametrize(
        "name",
        [
            "COCO-Detection/faster_rcnn_R_50_FPN_3x",
            "COCO-Keypoints/keypoint_rcnn_R_50_FPN_1x",
            "Misc/semantic_R_50_FPN_1x",
        ],
    )
    def test_what_finds_no_masks_is_refused(self, name: str, weights: Path) -> None:
        refuse(f"{name},{weights}", WeightsError, "finds no masks of objects")

    def test_even_its_yaml_that_would_run_code_is_refused(self, weights: Path) -> None:
        """The zoo has such: of networks without masks."""
        name = "COCO-Detection/retinanet_R_50_FPN_1x"
        refuse(f"{name},{weights}", WeightsError, "holds more than plain values, which could be code: .*eval")


@needs_detectron2
class TestOwnConfigurations:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        return tmp_path / "own.yaml"

    def write(self, config: Path, *lines: str) -> None:
        zoo = Path(detectron2.__file__).parent / "model_zoo" / "configs"
        config.write_text("\n".join([f"_BASE_: {zoo / R50}.yaml", *lines]), encoding="utf-8")

    def test_weights_are_said_by_the_configuration(self, config: Path, weights: Path) -> None:
        self.write(config, "MODEL:", f"  WEIGHTS: {weights}")
        assert find_detectron2_model(str(config), ()).weights == weights
        self.write(config, "MODEL:", "  WEIGHTS: mine.pth")
        model = find_detectron2_model(str(config), ())
        assert (model.title, model.weights, model.labels) == ("own.yaml", weights, COCO_NAMES)
        assert (model.described["name"], model.described["config"]) == ("mine.pth", "own.yaml")

    def test_weights_after_the_comma_come_first(self, config: Path, weights: Path) -> None:
        self.write(config, "MODEL:", "  WEIGHTS: nowhere.pth")
        assert find_detectron2_model(f"{config},{weights}", ()).weights == weights
        refuse(str(config), WeightsError, "expected a model file")

    def test_weights_from_elsewhere_are_not_fetched(self, config: Path) -> None:
        self.write(config)
        refuse(
            str(config), WeightsError, "names 'detectron2://.*', which is not on this machine: name the file"
        )
        self.write(config, "MODEL:", "  WEIGHTS: ''")
        refuse(str(config), WeightsError, "names no weights: name the file after a comma")

    def test_classes_of_ones_own(self, config: Path, weights: Path) -> None:
        lines = ("MODEL:", "  ROI_HEADS:", "    NUM_CLASSES: 2", "DATASETS:", "  TEST: ('my_own_val',)")
        self.write(config, *lines)
        text = f"{config},{weights}"
        refuse(text, WeightsError, "'mine.pth' has 2 classes that are nowhere named: .*'mine.classes.yaml'")
        (weights.parent / "classes.yaml").write_text("[cat, dog]", encoding="utf-8")
        assert find_detectron2_model(text, ()).labels == ("cat", "dog")
        # COCO's names are not for a network of another number of classes.
        self.write(config, *lines[:3])
        (weights.parent / "classes.yaml").unlink()
        refuse(text, WeightsError, "has 2 classes that are nowhere named")

    def test_yaml_that_would_run_code_is_refused(self, config: Path, tmp_path: Path) -> None:
        marker = tmp_path / "ran"
        self.write(config, f"OUTPUT_DIR: !!python/object/apply:pathlib.Path.touch ['{marker}']")
        refuse(str(config), WeightsError, "own.yaml' holds more than plain values, which could be code")
        config.rename(tmp_path / "base.yaml")
        config.write_text("_BASE_: base.yaml", encoding="utf-8")
        refuse(str(config), WeightsError, "base.yaml' holds more than plain values, which could be code")
        assert not marker.exists()

    @pytest.mark.parametrize("base", ["https://example.org/a.yaml", "detectron2://a.yaml", "[a, b]"])
    def test_a_base_from_elsewhere_is_refused(self, config: Path, base: str) -> None:
        config.write_text(f"_BASE_: {base}", encoding="utf-8")
        refuse(str(config), WeightsError, "expected a file on this machine")

    def test_a_circle_is_refused(self, config: Path) -> None:
        config.write_text("_BASE_: own.yaml", encoding="utf-8")
        refuse(str(config), WeightsError, "is based on itself")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("MODEL: {DETPH: 50}", "no configuration of detectron2: .*DETPH"),
            ("MODEL: {MASK_ON: 'perhaps'}", "no configuration of detectron2: Type mismatch"),
            ("- a list", "expected a configuration in .*, got list"),
            ("a: b: c", "can't be read as YAML"),
            ("_BASE_: nowhere.yaml", "can't be read as YAML"),
        ],
    )
    def test_what_is_no_configuration_is_refused(self, config: Path, text: str, message: str) -> None:
        config.write_text(text, encoding="utf-8")
        refuse(str(config), WeightsError, message)

    def test_colours_of_another_kind_are_refused(self, config: Path, weights: Path) -> None:
        self.write(config, "INPUT: {FORMAT: YUV-BT.601}")
        refuse(f"{config},{weights}", WeightsError, "wants pictures as 'YUV-BT.601', expected BGR or RGB")

    def test_values_are_those_of_the_file_and_its_bases(self, config: Path) -> None:
        self.write(config, "INPUT: {MIN_SIZE_TEST: 123}")
        read: Any = read_config(config)
        assert (read.INPUT.MIN_SIZE_TEST, read.INPUT.MAX_SIZE_TEST, read.MODEL.MASK_ON) == (123, 1333, True)
