"""ONNX files of every layout that is read, made here with a known answer, and files that are refused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import semantic_matte as sm
from semantic_matte import onnx_sessions
from semantic_matte.errors import DeviceError, MissingPackageError, ValueShapeError, WeightsError
from semantic_matte.estimators.onnx import OnnxNetwork
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings

onnx = pytest.importorskip("onnx", reason="onnx makes the test's models: pip install onnx")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="ONNX Runtime is missing: pip install 'semantic-matte[onnx]'"
)

PLAIN = {"mean": "0,0,0", "std": "1,1,1"}
CPU = Settings(device="cpu")

Make = Callable[..., Path]


def permute(nodes: list[Any], name: str, order: Sequence[int]) -> str:
    nodes.append(onnx.helper.make_node("Transpose", [name], [f"{name}_t"], perm=list(order)))
    return f"{name}_t"


@pytest.fixture
def make(tmp_path: Path, mix: Any) -> Make:
    """Writes the mixing network as one ONNX file and returns its path."""

    def write(
        inputs: Mapping[str, Sequence[Any]] | None = None,
        *,
        channels_last: bool = False,
        output: str = "NCHW",
        metadata: Mapping[str, str] = PLAIN,
        weights: Sequence[float] | None = None,
        kind: int = onnx.TensorProto.FLOAT,
        bias: float = 0.0,
        outputs: Sequence[str] = ("alpha",),
    ) -> Path:
        inputs = inputs or {"input": ["n", 4, "h", "w"]}
        axis = 3 if channels_last else 1
        entering = sum(shape[axis] for shape in inputs.values() if isinstance(shape[axis], int))
        weights = weights or (mix.weights if entering == 4 else mix.one_hot_weights)
        numbers = np.array(weights, onnx.helper.tensor_dtype_to_np_dtype(kind)).reshape(1, -1, 1, 1)
        shift = np.array([bias], numbers.dtype)
        nodes: list[Any] = []
        names = [permute(nodes, name, (0, 3, 1, 2)) if channels_last else name for name in inputs]
        nodes.append(onnx.helper.make_node("Concat", names, ["joined"], axis=1))
        nodes.append(onnx.helper.make_node("Conv", ["joined", "weights", "bias"], ["mixed"]))
        if output == "NHWC":
            last = permute(nodes, "mixed", (0, 2, 3, 1))
        elif output == "NHW":
            nodes.append(onnx.helper.make_node("Squeeze", ["mixed", "axes"], ["squeezed"]))
            last = "squeezed"
        else:
            last = "mixed"
        for name in outputs:
            # Only the one that counts holds the answer.
            other = "Identity" if "alpha" in name or len(outputs) == 1 else "Neg"
            nodes.append(onnx.helper.make_node(other, [last], [name]))
        graph = onnx.helper.make_graph(
            nodes,
            "mix",
            [onnx.helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
            [onnx.helper.make_tensor_value_info(name, kind, None) for name in outputs],
            [
                onnx.numpy_helper.from_array(numbers, "weights"),
                onnx.numpy_helper.from_array(shift, "bias"),
                onnx.numpy_helper.from_array(np.array([1], np.int64), "axes"),
            ],
        )
        opset = [onnx.helper.make_opsetid("", 13)]
        model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
        given = {f"semantic_matte.{key}": value for key, value in metadata.items()}
        onnx.helper.set_model_props(model, given | {"author": "somebody"})
        path = tmp_path / "mix.onnx"
        onnx.save(model, path)
        return path

    return write


LAYOUTS: dict[str, dict[str, Any]] = {
    "one input": {},
    "fixed channels only": {"inputs": {"x": [None, 4, None, None]}},
    "channels last": {"inputs": {"x": ["n", "h", "w", 4]}, "channels_last": True, "output": "NHWC"},
    "channels last inside only": {"inputs": {"x": ["n", "h", "w", 4]}, "channels_last": True},
    "output without channels": {"output": "NHW"},
    "six channels": {"inputs": {"x": ["n", 6, "h", "w"]}},
    "two inputs": {"inputs": {"image": ["n", 3, "h", "w"], "trimap": ["n", 1, "h", "w"]}},
    "two inputs, one-hot": {"inputs": {"image": ["n", 3, "h", "w"], "trimap": ["n", 3, "h", "w"]}},
    "two inputs without names": {"inputs": {"a": ["n", 3, "h", "w"], "b": ["n", 3, "h", "w"]}},
    "two inputs, channels last": {
        "inputs": {"image": ["n", "h", "w", 3], "trimap": ["n", "h", "w", 1]},
        "channels_last": True,
        "output": "NHW",
    },
    "alpha among outputs": {"outputs": ("foreground", "alpha", "logits")},
    "another range": {"metadata": {"mean": "0,0,0", "std": "0.5,0.5,0.5"}, "weights": (0.2, 0.1, 0.05, 0.3)},
    "blue first": {"metadata": {**PLAIN, "colour": "bgr"}, "weights": (0.1, 0.2, 0.4, 0.3)},
    "trimap of bytes": {"metadata": {**PLAIN, "levels": "0,128,256"}, "weights": (0.4, 0.2, 0.1, 0.3 / 256)},
    "another order of kinds": {
        "inputs": {"x": ["n", 6, "h", "w"]},
        "metadata": {**PLAIN, "one_hot": "foreground,unknown,background"},
        "weights": (0.4, 0.2, 0.1, 0.3, 0.15, 0.0),
    },
    "static": {"inputs": {"x": [1, 4, 48, 48]}},
    "static, not square, a batch of two": {"inputs": {"x": [2, 4, 48, 96]}},
    "static, channels last": {"inputs": {"x": [1, 48, 40, 4]}, "channels_last": True},
    "one side static": {"inputs": {"x": ["n", 4, 48, "w"]}},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout_gives_the_same_alpha(make: Make, mix: Any, layout: dict[str, Any]) -> None:
    mix.check(OnnxNetwork(make(**layout), CPU))


def test_half_precision(make: Make, mix: Any) -> None:
    mix.check(OnnxNetwork(make(kind=onnx.TensorProto.FLOAT16), CPU), tolerance=2e-3)


def test_trimap_before_picture(make: Make, mix: Any) -> None:
    inputs = {"trimap": ["n", 1, "h", "w"], "image": ["n", 3, "h", "w"]}
    mix.check(OnnxNetwork(make(inputs, weights=(0.3, 0.4, 0.2, 0.1)), CPU))


def test_without_metadata_colours_are_normalised_as_imagenets(make: Make, mix: Any) -> None:
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    weights = np.array(mix.weights[:3])
    path = make(metadata={}, weights=(*(weights * std), 0.3), bias=float((weights * mean).sum()))
    mix.check(OnnxNetwork(path, CPU))


def test_what_the_port_asks_for(make: Make) -> None:
    estimator = OnnxNetwork(make(), CPU)
    assert (estimator.name, estimator.device, estimator.solves_regions) == ("onnx", "cpu", False)
    assert (estimator.patch_size, estimator.widest_band) == (512, 256)
    model = estimator.models[0]
    assert (model["name"], model["licence"]) == ("mix.onnx", "unknown (brought by the user)")
    assert len(model["sha256"]) == 64
    assert OnnxNetwork(make({"x": [1, 4, 96, 64]}), CPU).patch_size == 64
    assert OnnxNetwork(make(metadata={"patch": "320"}), CPU).patch_size == 320


def test_alpha_beyond_its_range_is_clamped(make: Make, mix: Any) -> None:
    colour, trimap = mix.case(1, 32, 32)
    for bias, end in ((-3.0, 0.0), (3.0, 1.0)):
        alpha = OnnxNetwork(make(bias=bias), CPU).estimate(colour, trimap, SilentProgress())
        assert (alpha[trimap == 128] == end).all()


@pytest.mark.parametrize("bias", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(make: Make, mix: Any, bias: float) -> None:
    estimator = OnnxNetwork(make(bias=bias), CPU)
    with pytest.raises(ValueShapeError, match=r"^Estimator 'onnx': its model 'mix.onnx' gave .*not finite"):
        estimator.estimate(*mix.case(1, 8, 8), SilentProgress())


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "colours alone": ({"inputs": {"x": ["n", 3, "h", "w"]}}, r"input 'x' of shape \(N, 4 or 6, H, W\)"),
    "three inputs": (
        {"inputs": {"a": ["n", 3, "h", "w"], "b": ["n", 1, "h", "w"], "c": ["n", 2, "h", "w"]}},
        r"got 3: 'a', 'b', 'c'",
    ),
    "unknown channels": ({"inputs": {"x": ["n", "c", "h", "w"]}}, r"got \(n, c, h, w\)"),
    "two axis orders": (
        {"inputs": {"image": ["n", 3, "h", "w"], "trimap": ["n", "h", "w", 1]}},
        r"'trimap' of shape the picture's axis order",
    ),
    "a key it does not know": ({"metadata": {"maen": "0,0,0"}}, r"unknown metadata 'maen'. Known: mean, std"),
    "two means": ({"metadata": {"mean": "0,0"}}, r"'mean' has to be 3 numbers .* got '0,0'"),
    "no numbers": ({"metadata": {"std": "a,b,c"}}, r"'std' has to be 3 numbers"),
    "a deviation of nothing": ({"metadata": {"std": "1,0,1"}}, r"'std' has to be three numbers other than 0"),
    "half a pixel": ({"metadata": {"multiple": "7.5"}}, r"'multiple' has to be a whole number"),
    "an order of two": ({"metadata": {"one_hot": "foreground,unknown"}}, r"'one_hot' has to be an order"),
    "a colour of its own": ({"metadata": {"colour": "yuv"}}, r"'colour' has to be rgb or bgr, got 'yuv'"),
    "one-hot in one channel": ({"metadata": {"trimap": "one-hot"}}, r"'trimap' says one-hot, its shapes don't"),
    "another layout": ({"metadata": {"layout": "NHWC"}}, r"'layout' says NHWC, its shapes don't"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_can_not_be_understood_is_refused_in_one_sentence(
    make: Make, mix: Any, options: dict[str, Any], message: str
) -> None:
    weights = [0.1] * 6 if "inputs" in options else mix.weights
    with pytest.raises(WeightsError, match=message) as caught:
        OnnxNetwork(make(**{"weights": weights} | options), CPU)
    assert "mix.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_as_input_are_refused(tmp_path: Path) -> None:
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["alpha"])],
        "bytes",
        [helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, ["n", 4, "h", "w"])],
        [helper.make_tensor_value_info("alpha", onnx.TensorProto.UINT8, None)],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "bytes.onnx")
    with pytest.raises(WeightsError, match=r"input 'x' has to be of tensor\(float\).* got tensor\(uint8\)"):
        OnnxNetwork(tmp_path / "bytes.onnx", CPU)


def test_a_model_of_another_size_than_it_says_is_a_sentence(make: Make, mix: Any, tmp_path: Path) -> None:
    model = onnx.load(make({"x": ["n", 4, "h", "w"]}))
    pool = onnx.helper.make_node("AveragePool", ["mixed"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2])
    model.graph.node.insert(2, pool)
    model.graph.node[3].input[0] = "pooled"
    onnx.save(model, tmp_path / "half.onnx")
    estimator = OnnxNetwork(tmp_path / "half.onnx", CPU)
    with pytest.raises(ValueShapeError, match=r"expected alpha of shape \(1, 32, 32\).* got \(1, 16, 16\)"):
        estimator.estimate(*mix.case(1, 32, 32), SilentProgress())


def test_a_failure_while_it_runs_is_a_sentence(make: Make, mix: Any, tmp_path: Path) -> None:
    model = onnx.load(make())
    fixed = onnx.numpy_helper.from_array(np.array([1, 1, 7, 7], np.int64), "fixed")
    model.graph.initializer.append(fixed)
    model.graph.node.insert(2, onnx.helper.make_node("Reshape", ["mixed", "fixed"], ["shaped"]))
    model.graph.node[3].input[0] = "shaped"
    onnx.save(model, tmp_path / "fails.onnx")
    estimator = OnnxNetwork(tmp_path / "fails.onnx", CPU)
    with pytest.raises(WeightsError, match=r"^The ONNX model 'fails.onnx' failed: .*\.$") as caught:
        estimator.estimate(*mix.case(1, 32, 32), SilentProgress())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x08\x08" * 40], ids=len)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        OnnxNetwork(path, CPU)


def test_half_a_file_is_refused(make: Make) -> None:
    path = make()
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(WeightsError, match=r"mix.onnx"):
        OnnxNetwork(path, CPU)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="expected a model file, got"):
        OnnxNetwork(tmp_path / "none.onnx", CPU)


def test_without_onnx_runtime_the_extra_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'semantic-matte\[onnx\]'"):
        OnnxNetwork(make(), CPU)


def test_a_failed_run_is_not_tried_again_on_another_device(make: Make) -> None:
    """ONNX Runtime would do so of its own accord, and shows it in nothing but this."""
    assert OnnxNetwork(make(), CPU)._model.session._enable_fallback is False


class TestGpu:
    """As if torch had a GPU: what ONNX Runtime makes of it is asked, and never passed over in silence."""

    @pytest.fixture(autouse=True)
    def torch_has_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onnx_sessions, "choose_device", lambda asked: ("cuda:0", "A GPU."))

    @pytest.fixture
    def only_the_cpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])

    @pytest.fixture
    def a_broken_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As a CUDA that is listed but does not start: ONNX Runtime warns and takes the CPU."""
        session = onnxruntime.InferenceSession
        listed = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: listed)

        def fallen(path: str, options: Any, providers: list[str]) -> Any:
            assert providers == ["CUDAExecutionProvider"]
            return session(path, options, providers=["CPUExecutionProvider"])

        monkeypatch.setattr(onnxruntime, "InferenceSession", fallen)

    @pytest.mark.parametrize("case", ["only_the_cpu", "a_broken_gpu"])
    def test_a_gpu_that_was_asked_for_is_an_error(
        self, make: Make, request: pytest.FixtureRequest, case: str
    ) -> None:
        request.getfixturevalue(case)
        with pytest.raises(DeviceError, match=r"^Device 'cuda' can't be used by estimator 'onnx': .*\.$"):
            OnnxNetwork(make(), Settings(device="cuda"))

    @pytest.mark.parametrize("case", ["only_the_cpu", "a_broken_gpu"])
    def test_left_to_us_it_is_a_notice_once_a_run(
        self, make: Make, mix: Any, request: pytest.FixtureRequest, case: str
    ) -> None:
        request.getfixturevalue(case)
        estimator = OnnxNetwork(make(), Settings())
        assert estimator.device == "cpu"
        for progress in (SilentProgress(), SilentProgress()):
            for _ in range(2):
                estimator.estimate(*mix.case(1, 8, 8), progress)
            assert len(progress.notices) == 1
            assert "runs on the CPU though there is a GPU" in progress.notices[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_exported_network_gives_what_it_gives_in_torch(tmp_path: Path, mix: Any) -> None:
    """Not only graphs made by hand: a small U-net by torch's own exporter, any size."""
    torch.manual_seed(0)

    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = torch.nn.Conv2d(4, 8, 3, stride=2, padding=1)
            self.up = torch.nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)

        def forward(self, joined: torch.Tensor) -> torch.Tensor:
            return self.up(self.down(joined).relu()).sigmoid()

    network, path = Small().eval(), tmp_path / "small.onnx"
    dynamic = {name: {0: "n", 2: "h", 3: "w"} for name in ("joined", "alpha")}
    torch.onnx.export(
        network,
        (torch.zeros(1, 4, 32, 32),),
        str(path),
        input_names=["joined"],
        output_names=["alpha"],
        dynamic_axes=dynamic,
        dynamo=False,
    )
    colour, trimap = mix.case(2, 64, 96)
    alpha = OnnxNetwork(path, CPU).estimate(colour, trimap, SilentProgress())
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    levels = trimap.float().div(255).mul(2).round().div(2)[:, None]
    with torch.inference_mode():
        expected = network(torch.cat(((colour - mean) / std, levels), 1))[:, 0]
    torch.testing.assert_close(alpha[trimap == 128], expected[trimap == 128], atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [["n", 4, "h", "w"], [1, 4, 64, 64]], ids=["any size", "static"])
def test_end_to_end(make: Make, shape: list[Any]) -> None:
    """A plate whose red is its alpha, through patches and fusion."""
    path = make({"x": shape}, weights=(1.0, 0.0, 0.0, 0.0), metadata={**PLAIN, "patch": "64"})
    ramp = np.linspace(0, 239, 150).astype(np.uint8)
    plate = np.zeros((90, 150, 3), np.uint8)
    plate[..., 0] = ramp
    trimap = np.full((90, 150), 128, np.uint8)
    trimap[:, :20], trimap[:, -20:] = 0, 255
    settings = Settings(estimator=f"onnx:{path}", device="cpu", samples=1)
    alpha = sm.refine(plate, trimap, settings)
    expected = np.where(trimap == 128, ramp / 255, trimap == 255)
    np.testing.assert_allclose(alpha, expected, atol=2e-3)
