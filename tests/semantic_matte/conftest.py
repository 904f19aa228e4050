"""Small estimators with known answers, and plates whose colours tell the true alpha.

The estimators keep the promise of `ports.MatteEstimator` for real. A plate is built of bytes, so that what an
estimator reads from its colours doesn't hang on the last bit of a transfer curve.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import OpenEXR
import pytest

from semantic_matte import weights
from semantic_matte.colour import decode_srgb
from semantic_matte.ports import MatteEstimator, Progress
from semantic_matte.types import BoolArray, FloatArray, Plate

if TYPE_CHECKING:
    from torch import Tensor, nn

# Below the knee of the transfer, where display values are plain sRGB.
BRIGHTEST = 240

Solve = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass
class ToyEstimator:
    """solve: colour (3, h, w) in [0, 1], trimap (h, w) uint8 -> alpha (h, w), patch by patch."""

    solve: Solve
    patch_size: int = 32
    widest_band: int = 10_000
    solves_regions: bool = False
    whole_area: int = 0
    # False: known pixels are left as `solve` gave them, which breaks the port's promise.
    keeps_known: bool = True
    name: str = "toy"
    device: str = "cpu"
    models: Sequence[Mapping[str, str]] = ()
    batches: list[tuple[int, ...]] = field(default_factory=list)

    def estimate(self, colour: Tensor, trimap: Tensor, progress: Progress) -> Tensor:
        import torch

        self.batches.append(tuple(trimap.shape))
        alphas = []
        for picture, levels in zip(colour, trimap, strict=True):
            alpha = self.solve(picture, levels).to(torch.float32)
            if self.keeps_known:
                alpha = torch.where(levels == 128, alpha.clamp(0, 1), (levels == 255).to(torch.float32))
            alphas.append(alpha)
        return torch.stack(alphas)


def constant(value: float) -> Solve:
    """The same alpha everywhere."""
    import torch

    return lambda colour, levels: torch.full(levels.shape, value)


def oracle(colour: Tensor, levels: Tensor) -> Tensor:
    """The true alpha, which `make_plate` put into red."""
    return colour[0] * (255 / BRIGHTEST)


def fingerprint(colour: Tensor) -> int:
    """A number that follows from what the patch shows, in any batch alike."""
    import torch

    bytes_ = (colour[2] * 255).round().to(torch.int64)
    places = torch.arange(1, bytes_.numel() + 1).reshape(bytes_.shape)
    return int((bytes_ * (places * 2654435761 % 65521)).sum()) % 65521


def oracle_with_outliers(share: float) -> Solve:
    """The truth, except that this share of all patches comes out inverted."""

    def solve(colour: Tensor, levels: Tensor) -> Tensor:
        truth = oracle(colour, levels)
        return 1 - truth if fingerprint(colour) < share * 65521 else truth

    return solve


def oracle_with_tilt(size: float) -> Solve:
    """The truth plus an offset and a ramp, another one in each patch, that sum to at most `size`."""
    import torch

    def solve(colour: Tensor, levels: Tensor) -> Tensor:
        random = np.random.default_rng(fingerprint(colour))
        height, width = levels.shape
        offset, down, right = (random.uniform(0.5, 1, 3) * random.choice([-1, 1], 3) * size / 3).tolist()
        rows = torch.linspace(-down, down, height)[:, None]
        columns = torch.linspace(-right, right, width)[None, :]
        return oracle(colour, levels) + offset + rows + columns

    return solve


@dataclass(frozen=True)
class Toys:
    """Everything that tests of the pipeline's parts build their estimators from."""

    constant = staticmethod(constant)
    oracle = staticmethod(oracle)
    oracle_with_outliers = staticmethod(oracle_with_outliers)
    oracle_with_tilt = staticmethod(oracle_with_tilt)

    def __call__(self, solve: Solve, patch_size: int = 32, **changes: Any) -> ToyEstimator:
        estimator = ToyEstimator(solve, patch_size, **changes)
        # A type checker sees here that the toy keeps to the port.
        port: MatteEstimator = estimator
        assert port is estimator
        return estimator

    @staticmethod
    def plate(alpha: FloatArray, seed: int = 0) -> Plate:
        """Red is the alpha in 240 steps, green its inverse, blue is noise to tell one place from another."""
        random = np.random.default_rng(seed)
        red = np.rint(alpha * BRIGHTEST)
        noise = random.integers(0, BRIGHTEST, alpha.shape)
        encoded = np.stack([red, BRIGHTEST - red, noise], axis=2) / 255
        return Plate(decode_srgb(encoded.astype(np.float32)))

    @staticmethod
    def in_plate(alpha: FloatArray) -> FloatArray:
        """The alpha that a plate of it holds, rounded to its steps."""
        return (np.rint(alpha * BRIGHTEST) / BRIGHTEST).astype(np.float32)

    @staticmethod
    def disc(height: int, width: int, y: float, x: float, radius: float, softness: float = 6.0) -> FloatArray:
        """(H, W) float32: 1 inside, falling to 0 over `softness` pixels around the radius."""
        rows, columns = np.indices((height, width))
        depth = radius - np.hypot(rows - y, columns - x)
        return np.clip(depth / softness + 0.5, 0, 1).astype(np.float32)

    @staticmethod
    def blob(height: int, width: int, seed: int, share: float = 0.4) -> BoolArray:
        """(H, W) bool: irregular parts with holes, cut by the frame; never empty."""
        import cv2

        noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), max(0.6, min(height, width) / 10))
        return np.asarray(smooth >= np.quantile(smooth, 1 - share))


@pytest.fixture(scope="module")
def toys() -> Iterator[Toys]:
    """Toys, with torch on one thread: on patches this small threads only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Toys()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def layers_on_frame() -> Callable[[Path], dict[str, np.ndarray]]:
    """Reads an EXR's channels by OpenEXR on the display window, of which the file may hold a part."""

    def read(path: Path) -> dict[str, np.ndarray]:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            (x0, y0), (x1, y1) = (corner.tolist() for corner in file.header()["dataWindow"])
            (left, top), (right, bottom) = (corner.tolist() for corner in file.header()["displayWindow"])
            layers = {}
            for name, channel in file.channels().items():
                layers[name] = np.zeros((bottom - top + 1, right - left + 1), channel.pixels.dtype)
                layers[name][y0 - top : y1 - top + 1, x0 - left : x1 - left + 1] = channel.pixels
            return layers

    return read


@pytest.fixture(scope="session")
def large_plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 Mpx with noise, quick to matte by the trimap beside it (a small band) and slow to write."""
    folder = tmp_path_factory.mktemp("large")
    noise = np.random.default_rng(0).integers(0, 256, (3072, 4096, 3), dtype=np.uint8)
    cv2.imwrite(str(folder / "large.tif"), noise)
    trimap = np.zeros((3072, 4096), np.uint8)
    trimap[100:2900, 100:3900] = 255
    trimap[90:100, 100:140] = 128
    cv2.imwrite(str(folder / "trimap.png"), trimap)
    return folder / "large.tif"


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the embedded models read from disk, in their order."""
    names: list[str] = []
    read = weights.read_checked

    def counted(model: weights.ModelFile) -> bytes:
        names.append(model.name)
        return read(model)

    monkeypatch.setattr(weights, "read_checked", counted)
    return names


class TinyNetworks:
    """What makes a tiny random network of transformers answer like one that has learned something."""

    @staticmethod
    def shake(network: nn.Module) -> None:
        """Weights that make answers vary: as they start they are much the same everywhere."""
        import torch

        with torch.no_grad():
            for name, value in network.named_parameters():
                if "norm" in name.lower():
                    value.normal_(1.0 if name.endswith("weight") else 0.0, 0.2)
                elif value.ndim > 1:
                    value.normal_(0.0, 1.5 / value[0].numel() ** 0.5)
                else:
                    value.normal_(0.0, 0.3)

    @staticmethod
    def spread(network: nn.Module, name: str, deviation: float, run: Callable[[], object]) -> None:
        """Give each channel of a layer mean 0 and this deviation over places or queries, as it answers in
        `run`."""
        import torch

        layer: Any = network.get_submodule(name)
        seen: list[Any] = []
        axis = -1 if isinstance(layer, torch.nn.Linear) else 1
        hook = layer.register_forward_hook(
            lambda _, given, answer: seen.append(answer.movedim(axis, 0).flatten(1))
        )
        run()
        hook.remove()
        # Some layers are asked once a stage; the last answer is the one that counts.
        answers = seen[-1]
        gain = deviation / answers.std(dim=1).clamp_min(1e-6)
        rows = 1 if isinstance(layer, torch.nn.ConvTranspose2d) else 0
        with torch.no_grad():
            layer.bias.sub_(answers.mean(dim=1)).mul_(gain)
            layer.weight.mul_(gain.reshape([-1 if one == rows else 1 for one in range(layer.weight.ndim)]))

    @staticmethod
    def write_tokenizer(folder: Path) -> None:
        """CLIP's, of single letters."""
        words = [*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase)]
        words += ["<|startoftext|>", "<|endoftext|>"]
        vocabulary = {word: number for number, word in enumerate(words)}
        (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": "CLIPTokenizer"}), encoding="utf-8"
        )


@pytest.fixture(scope="session")
def tiny() -> type[TinyNetworks]:
    """What makes a tiny random network of transformers answer like one that has learned something."""
    return TinyNetworks
