"""Networks on a device whose memory is full: fewer patches at once, then tiles, then a sentence.

A network of a few operations fails above a number of pixels, by torch's own error. Its device is "cpu:0", which
torch takes for the CPU and the estimators for a device that gains from batches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from semantic_matte.errors import CancelledError, DeviceError
from semantic_matte.estimators import create_estimator
from semantic_matte.estimators.network import Network
from semantic_matte.estimators.patch_network import LEAST_TILE, PatchNetwork
from semantic_matte.ports import ProgressEvent, SilentProgress, TakesSettings
from semantic_matte.settings import Settings

DEVICE = "cpu:0"


def red(colour: Tensor) -> Tensor:
    return colour[:, 0]


def blurred(colour: Tensor) -> Tensor:
    """Sees a few pixels around each, so a tile's border shows."""
    return functional.avg_pool2d(colour[:, :1], 9, stride=1, padding=4, count_include_pad=True)[:, 0]


class Greedy(PatchNetwork):
    """Fails above `room` pixels; `tried` are the shapes (N, h, w) that it was asked for."""

    name = "greedy"

    def __init__(self, room: int, answer: Callable[[Tensor], Tensor] = red, **options: Any) -> None:
        super().__init__(options.pop("device", DEVICE), [{"name": "greedy.pt"}], **options)
        self.room = room
        self.answer = answer
        self.tried: list[tuple[int, ...]] = []
        self.error: Exception = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    def _predict(self, colour: Tensor, levels: Tensor) -> Tensor:
        self.tried.append((len(colour), *colour.shape[2:]))
        if colour[:, 0].numel() > self.room:
            raise self.error
        return self.answer(colour)


def pictures(count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Colour (N, 3, h, w) and a trimap (N, h, w) that is unknown all over."""
    random = torch.Generator().manual_seed(count * 7 + height + width)
    colour = torch.rand(count, 3, height, width, generator=random)
    return colour, torch.full((count, height, width), 128, dtype=torch.uint8)


def test_fewer_patches_at_once_give_the_same_pixels() -> None:
    colour, trimap = pictures(8, 64, 64)
    expected = Greedy(1 << 30, blurred).estimate(colour, trimap, SilentProgress())
    network, progress = Greedy(3 * 64 * 64, blurred), SilentProgress()
    assert torch.equal(network.estimate(colour, trimap, progress), expected)
    assert [count for count, *_ in network.tried] == [8, 4, 2, 2, 2, 2]
    assert progress.notices == ["cpu:0 ran out of memory: 2 patches at once in place of 8."]


def test_what_was_too_much_is_not_tried_again_and_told_once_a_frame() -> None:
    colour, trimap = pictures(8, 64, 64)
    network = Greedy(3 * 64 * 64)
    told: list[str] = []

    class Frame(SilentProgress):
        def notice(self, message: str) -> None:
            told.append(message)

    for _ in range(2):
        frame = Frame()
        for _ in range(3):
            network.estimate(colour, trimap, frame)
    assert [count for count, *_ in network.tried] == [8, 4, *[2] * 4 * 6]
    # Each frame has a sidecar of its own.
    assert told == ["cpu:0 ran out of memory: 2 patches at once in place of 8."] * 2


def test_another_run_begins_with_the_whole_of_the_memory() -> None:
    colour, trimap = pictures(8, 64, 64)
    network = Greedy(3 * 64 * 64)
    network.estimate(colour, trimap, SilentProgress())
    network.tried.clear()
    port: TakesSettings = network
    other = port.with_settings(Settings())
    other.room = 1 << 30
    progress = SilentProgress()
    other.estimate(colour, trimap, progress)
    assert network.tried == [(8, 64, 64)]
    assert progress.notices == []
    # The run before goes on as it was.
    network.estimate(colour, trimap, SilentProgress())
    assert network.tried[1:] == [(2, 64, 64)] * 4


def test_patches_of_other_sizes_get_what_there_is_room_for() -> None:
    network = Greedy(640 * 640)
    network.estimate(*pictures(2, 640, 640), SilentProgress())
    network.tried.clear()
    network.estimate(*pictures(9, 320, 320), SilentProgress())
    assert [count for count, *_ in network.tried] == [4, 4, 1]
    network.tried.clear()
    network.estimate(*pictures(3, 128, 128), SilentProgress())
    assert network.tried == [(3, 128, 128)]


@pytest.mark.parametrize("device", [DEVICE, "cpu"])
def test_after_the_last_patch_come_tiles(device: str) -> None:
    colour, trimap = pictures(4, 512, 512)
    network, progress = Greedy(100_000, device=device), SilentProgress()
    alpha = network.estimate(colour, trimap, progress)
    torch.testing.assert_close(alpha, red(colour), atol=1e-6, rtol=0)
    # A CPU has one patch at a time from the start; else two tiles are tried in the place of half a patch.
    failed = [(1, 512, 512)]
    if device == DEVICE:
        failed = [(4, 512, 512), (2, 512, 512), (1, 512, 512), (2, 256, 256)]
    assert network.tried[: len(failed)] == failed
    assert set(network.tried[len(failed) :]) == {(1, 256, 256)}
    batch = [f"{device} ran out of memory: 1 patch at once in place of 4."] if device == DEVICE else []
    assert sorted(progress.notices) == sorted(
        [
            *batch,
            f"{device} ran out of memory: patches of 512x512 pixels are solved in overlapping tiles of "
            "256x256, so soft edges may differ slightly from those of whole patches.",
        ]
    )
    network.tried.clear()
    network.estimate(colour, trimap, progress)
    assert set(network.tried) == {(1, 256, 256)}
    assert len(progress.notices) == 1 + len(batch)


def test_tiles_leave_no_seam() -> None:
    """On a flat picture the network answers too low at a tile's border; it must not show inside."""
    flat, trimap = torch.full((1, 3, 700, 900), 0.8), torch.full((1, 700, 900), 128, dtype=torch.uint8)
    network = Greedy(250_000, blurred)
    alpha = network.estimate(flat, trimap, SilentProgress())[0, 8:-8, 8:-8]
    assert len(network.tried) > 4
    assert alpha.min() > 0.8 * 0.93
    steps = torch.cat((alpha.diff(dim=0).flatten(), alpha.diff(dim=1).flatten())).abs()
    assert steps.max() < 0.03


def test_tiles_of_which_all_is_known_are_not_predicted() -> None:
    colour, _ = pictures(1, 1024, 1024)
    trimap = torch.zeros(1, 1024, 1024, dtype=torch.uint8)
    trimap[:, :, 512:] = 255
    trimap[:, :200, 480:544] = 128
    network = Greedy(300_000)
    alpha = network.estimate(colour, trimap, SilentProgress())
    expected = torch.where(trimap == 128, red(colour), (trimap == 255).float())
    torch.testing.assert_close(alpha, expected, atol=1e-6, rtol=0)
    # Of three rows and columns of tiles the unknown pixels touch the upper one alone.
    assert network.tried == [(1, 1024, 1024), *[(1, 512, 512)] * 3]


def test_a_long_patch_is_cut_along_its_length() -> None:
    colour, trimap = pictures(1, 90, 2000)
    network = Greedy(60_000, multiple=16)
    torch.testing.assert_close(
        network.estimate(colour, trimap, SilentProgress()), red(colour), atol=1e-6, rtol=0
    )
    assert network.tried[0] == (1, 96, 2000)
    assert {shape[1] for shape in network.tried} == {96}
    assert set(network.tried[2:]) == {(1, 96, 480)}


@pytest.mark.parametrize(("side", "tried"), [(512, [512, 256]), (640, [640, 320]), (1024, [1024, 512, 256])])
def test_where_there_is_no_room_for_a_tile(side: int, tried: list[int]) -> None:
    network = Greedy(0)
    with pytest.raises(
        DeviceError,
        match=rf"^Estimator 'greedy' ran out of memory on cpu:0, even with one tile of {tried[-1]}x{tried[-1]} "
        r"pixels at a time: close what else uses it, take a smaller plate or a larger GPU, or choose --device "
        r"cpu\.$",
    ):
        network.estimate(*pictures(3, side, side), SilentProgress())
    assert list(dict.fromkeys(shape[1] for shape in network.tried)) == tried
    assert network.tried[0] == (3, side, side)
    assert network.tried[-1] == (1, tried[-1], tried[-1])


def test_a_small_patch_is_not_cut() -> None:
    network = Greedy(0)
    with pytest.raises(DeviceError, match="even with one patch of 300x200 pixels at a time"):
        network.estimate(*pictures(2, 200, 300), SilentProgress())
    assert [shape[0] for shape in network.tried] == [2, 1]


def test_a_network_of_one_size_has_fewer_patches_but_no_smaller_tiles() -> None:
    colour, trimap = pictures(4, 300, 300)
    network, progress = Greedy(2 * 320 * 320, fixed_size=(320, 320)), SilentProgress()
    torch.testing.assert_close(network.estimate(colour, trimap, progress), red(colour))
    assert [count for count, *_ in network.tried] == [4, 2, 2]
    assert progress.notices == ["cpu:0 ran out of memory: 2 patches at once in place of 4."]
    network.room = 0
    with pytest.raises(DeviceError, match=r"even with one .* of 320x320 pixels"):
        network.estimate(colour, trimap, progress)
    assert {shape[1:] for shape in network.tried} == {(320, 320)}


def test_a_network_whose_stride_is_longer_than_a_tile() -> None:
    network = Greedy(300_000, multiple=512)
    with pytest.raises(DeviceError, match="ran out of memory"):
        network.estimate(*pictures(1, 600, 600), SilentProgress())


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("MPS backend out of memory (MPS allocated: 17.00 GB, max allowed: 18.13 GB)."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError("Unable to allocate 1.00 GiB"),
    ],
)
def test_every_library_has_its_own_words(error: Exception) -> None:
    colour, trimap = pictures(4, 32, 32)
    network = Greedy(2 * 32 * 32)
    network.error = error
    assert torch.equal(network.estimate(colour, trimap, SilentProgress()), red(colour))


def test_other_errors_are_not_tried_again() -> None:
    network = Greedy(0)
    network.error = RuntimeError("The size of tensor a (3) must match the size of tensor b (4)")
    with pytest.raises(RuntimeError, match="must match"):
        network.estimate(*pictures(4, 32, 32), SilentProgress())
    assert len(network.tried) == 1


def test_a_cancel_comes_through_between_tries() -> None:
    class Cancelled(SilentProgress):
        left = 2

        def advance(self, event: ProgressEvent) -> None:
            self.left -= 1
            if self.left < 0:
                raise CancelledError("Cancelled.")

    network = Greedy(0)
    with pytest.raises(CancelledError):
        network.estimate(*pictures(16, 64, 64), Cancelled())
    assert [count for count, *_ in network.tried] == [16, 8]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 600), st.integers(1, 600), st.integers(0, 200_000))
def test_whatever_there_is_room_for(count: int, height: int, width: int, room: int) -> None:
    """The truth, or a sentence where not even one tile is possible; never a size that failed before."""
    colour, trimap = pictures(count, height, width)
    network = Greedy(room, multiple=32)
    try:
        alpha = network.estimate(colour, trimap, SilentProgress())
    except DeviceError:
        # What was tried last was one piece, too short to be halved.
        assert network.tried[-1][0] == 1
        assert max(network.tried[-1]) <= 2 * LEAST_TILE
    else:
        torch.testing.assert_close(alpha, red(colour), atol=1e-6, rtol=0)
    sizes = [shape[0] * shape[1] * shape[2] for shape in network.tried]
    failed = [size for size in sizes if size > room]
    assert len(failed) == len(set(failed))


def test_the_embedded_network_in_smaller_batches_and_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the real weights, whose half precision a GPU alone has: here batches of float32."""
    real = create_estimator(Settings(device="cpu"))
    assert isinstance(real, Network)
    real.device = DEVICE
    predict = Network._predict
    colour, trimap = pictures(4, 512, 512)
    shade = torch.linspace(0, 1, 512).expand(4, 512, 512)
    colour = (colour * 0.1 + shade[:, None] * 0.9).contiguous()
    trimap[:, :, :200], trimap[:, :, 312:] = 0, 255
    monkeypatch.setattr(Network, "_predict", lambda self, *given: limited(self, *given))
    room = [1 << 30]

    def limited(self: Network, colour: Tensor, levels: Tensor) -> Tensor:
        if colour[:, 0].numel() > room[0]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return predict(self, colour, levels)

    whole = real.with_settings(Settings()).estimate(colour, trimap, SilentProgress())
    room[0] = 2 * 512 * 512
    halved = real.with_settings(Settings()).estimate(colour, trimap, SilentProgress())
    torch.testing.assert_close(halved, whole, atol=1e-5, rtol=0)
    room[0] = 256 * 256
    tiled = real.with_settings(Settings()).estimate(colour, trimap, SilentProgress())
    band = trimap == 128
    assert (tiled - whole).abs()[band].mean() < 0.02
    assert torch.equal(tiled[~band], whole[~band])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here: its memory is limited by torch")
def test_a_gpu_that_really_has_no_more() -> None:
    colour, trimap = (tensor.to("cuda:0") for tensor in pictures(16, 640, 640))
    network = create_estimator(Settings(device="cuda"))
    assert isinstance(network, Network)
    total = torch.cuda.get_device_properties(0).total_memory
    expected = network.estimate(colour, trimap, SilentProgress())
    peak = torch.cuda.max_memory_allocated()
    try:
        for share, words in ((0.6, "at once in place of"), (0.08, "in overlapping tiles of 320x320")):
            torch.cuda.empty_cache()
            base = torch.cuda.memory_allocated()
            torch.cuda.set_per_process_memory_fraction((base + (peak - base) * share) / total)
            progress = SilentProgress()
            alpha = network.with_settings(Settings()).estimate(colour, trimap, progress)
            assert any(words in notice for notice in progress.notices), progress.notices
            if share > 0.5:
                torch.testing.assert_close(alpha, expected, atol=2e-2, rtol=0)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
