"""A full memory is told from other failures, and the same work is done with less at once."""

from __future__ import annotations

import itertools
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semantic_matte.device_memory import Room, full_memory, memory_told, no_room
from semantic_matte.errors import DeviceError, WeightsError

CORE = Path(__file__).parent.parent.parent / "core"
ONNX_ERROR = type("Fail", (Exception,), {"__module__": "onnxruntime.capi.onnxruntime_pybind11_state"})
CUDA_IS_FULL = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 1 GiB."


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.OutOfMemoryError(CUDA_IS_FULL), "cuda:0"),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later."), "cuda:0"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "cuda:0"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "cuda:0"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GiB, max allowed: 9 GiB)."), "cuda:0"),
        (
            RuntimeError(
                "The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript\n"
                f"RuntimeError: {CUDA_IS_FULL}"
            ),
            "cuda:0",
        ),
        (
            ONNX_ERROR("bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 8"),
            "cuda:0",
        ),
        (ONNX_ERROR("bfc_arena.cc:360 Available memory of 1 is smaller than requested bytes of 2"), "cuda:0"),
        (ONNX_ERROR("CUDA failure 2: out of memory ; GPU=0"), "cuda:0"),
        (ONNX_ERROR("std::bad_alloc"), "cpu"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"), "cpu"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to"), "cpu"),
        (RuntimeError("unable to mmap 64 bytes from file <a>: Cannot allocate memory (12)"), "cpu"),
        (MemoryError(), "cpu"),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), ""),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), ""),
        (ValueError("out of memory"), ""),
        (ONNX_ERROR("Got invalid dimensions for input"), ""),
        # What the package says itself is no library's failure.
        (DeviceError("Estimator 'toy' ran out of memory on cuda:0."), ""),
        (KeyboardInterrupt("out of memory"), ""),
    ],
)
def test_whose_memory_is_full(error: BaseException, full: str) -> None:
    assert full_memory(error, "cuda:0") == full


def test_what_libraries_really_raise() -> None:
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(1 << 50)
    assert full_memory(of_torch.value, "cuda:0") == "cpu"
    with pytest.raises(MemoryError) as of_numpy:
        np.empty(1 << 55)
    assert full_memory(of_numpy.value, "cuda:0") == "cpu"


def test_it_is_told_in_a_sentence() -> None:
    with (
        pytest.raises(DeviceError) as told,
        memory_told("Segmenter 'toy'", "cuda:0", "take a smaller model"),
    ):
        raise torch.OutOfMemoryError(CUDA_IS_FULL)
    assert str(told.value) == (
        "Segmenter 'toy' ran out of memory on cuda:0: close what else uses it, take a smaller model, or choose "
        "--device cpu."
    )
    # What is full there already helps nobody.
    assert str(no_room("Toy", "cpu")) == "Toy ran out of memory on cpu: close what else uses it."


def test_other_errors_come_through() -> None:
    for error in (WeightsError("These are none."), RuntimeError("sizes differ"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, memory_told("Toy", "cuda:0"):
            raise error
        assert caught.value is error
        with pytest.raises(type(error)) as caught:
            Room("Toy", "cuda:0").attempt(lambda error=error: (_ for _ in ()).throw(error), 10)
        assert caught.value is error


class Greedy:
    """Work that fails above so many pixels, as torch does, and holds a tensor when it fails."""

    def __init__(self, capacity: int, pixels: int = 1) -> None:
        self.capacity, self.pixels = capacity, pixels
        self.tried: list[int] = []
        self.held: list[weakref.ref[torch.Tensor]] = []
        self.alive_at_start: list[int] = []

    def __call__(self, part: slice) -> list[int]:
        self.alive_at_start.append(sum(held() is not None for held in self.held))
        count = part.stop - part.start
        self.tried.append(count)
        half_way = torch.zeros(count)
        self.held.append(weakref.ref(half_way))
        if count * self.pixels > self.capacity:
            raise torch.OutOfMemoryError(CUDA_IS_FULL)
        return list(range(part.start, part.stop))


def whole(most: int | None) -> tuple[int, str] | None:
    """Things of one pixel."""
    return (1, "one thing") if most is None or most >= 1 else None


def in_portions(room: Room, work: Greedy, count: int, at_once: int) -> list[int]:
    portions = room.in_portions(count, work, whole, ("thing", "things"), at_once=at_once)
    return [number for portion in portions for number in portion]


def test_less_is_done_at_once_and_that_is_kept_and_told() -> None:
    room, work = Room("Toy", "cpu:0"), Greedy(3)
    assert in_portions(room, work, 8, 8) == list(range(8))
    assert work.tried == [8, 4, 2, 2, 2, 2]
    assert room.notices == ("cpu:0 ran out of memory: 2 things at once in place of 8.",)
    work.tried.clear()
    assert in_portions(room, work, 5, 8) == list(range(5))
    assert work.tried == [2, 2, 1]
    work.capacity = 1
    assert in_portions(room, work, 2, 8) == [0, 1]
    assert room.notices[1:] == ("cpu:0 ran out of memory: 1 thing at once in place of 2.",)


def test_what_failed_is_let_go_before_it_is_tried_again() -> None:
    """An error holds the tensors of its frames by its traceback; that memory is what the next try needs."""
    work = Greedy(1)
    in_portions(Room("Toy", "cpu:0"), work, 4, 4)
    assert work.tried == [4, 2, 1, 1, 1, 1]
    assert work.alive_at_start == [0] * 6


def test_what_failed_is_let_go_though_the_error_is_kept() -> None:
    work = Greedy(0)
    with pytest.raises(DeviceError) as kept, memory_told("Toy", "cuda:0"):
        work(slice(0, 4))
    assert kept.value.__cause__ is None
    assert work.held[0]() is None


def test_when_nothing_smaller_is_left() -> None:
    room, work = Room("Toy", "cpu:0", "take a smaller plate"), Greedy(0)
    with pytest.raises(
        DeviceError,
        match=r"^Toy ran out of memory on cpu:0, even with one thing at a time: close what else uses it, "
        r"take a smaller plate, or choose --device cpu\.$",
    ):
        in_portions(room, work, 3, 8)
    assert work.tried == [3, 1]
    assert room.notices == ()


@given(st.integers(0, 30), st.integers(1, 12), st.integers(1, 40), st.integers(1, 5))
def test_all_is_done_once_in_order_whatever_there_is_room_for(
    count: int, at_once: int, capacity: int, rounds: int
) -> None:
    room, work = Room("Toy", "cpu:0"), Greedy(capacity)
    for _ in range(rounds):
        assert in_portions(room, work, count, at_once) == list(range(count))
    assert max(work.tried, default=0) <= at_once
    failed = [tried for tried in work.tried if tried > capacity]
    # Each failure halves at least; nothing that failed is tried a second time.
    assert all(2 * later <= earlier for earlier, later in itertools.pairwise(failed))
    assert len(room.notices) <= len(failed)
    if count >= at_once > capacity:
        assert room.notices


# A patch of 1024 pixels a side as 64 channels is 256 MiB, a tile of 512 is 64; there are 160 left.
REAL_CPU = """
import resource, sys
import torch
from semantic_matte.estimators.patch_network import PatchNetwork
from semantic_matte.errors import DeviceError
from semantic_matte.ports import SilentProgress

torch.set_num_threads(1)

class Hungry(PatchNetwork):
    name = "hungry"
    sizes = []

    def _predict(self, colour, levels):
        self.sizes.append(tuple(colour.shape[2:]))
        many = torch.empty(len(colour), 64, *colour.shape[2:])
        many[:] = colour[:, :1]
        return many.mean(dim=1)

network = Hungry("cpu", [{"name": "hungry"}])
colour = torch.rand(1, 3, 1024, 1024)
trimap = torch.full((1, 1024, 1024), 128, dtype=torch.uint8)
network.estimate(colour[..., :64, :64], trimap[..., :64, :64], SilentProgress())
network.sizes.clear()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (int(sys.argv[1]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
progress = SilentProgress()
try:
    alpha = network.estimate(colour, trimap, progress)
except DeviceError as error:
    print(error)
else:
    assert torch.allclose(alpha[0], colour[0, 0], atol=1e-5)
    print(network.sizes[0], set(network.sizes[1:]), *progress.notices)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's limit on a process's memory")
@pytest.mark.parametrize(
    ("megabytes", "told"),
    [
        ("200", "(1024, 1024) {(512, 512)} cpu ran out of memory: patches of 1024x1024 pixels are solved in "),
        ("12", "Estimator 'hungry' ran out of memory on cpu, even with one tile of 256x256 pixels at a time: "),
    ],
)
def test_a_machine_that_really_has_no_more(megabytes: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAL_CPU, megabytes],
        env={"PYTHONPATH": str(CORE), "PATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(told)


REAL_ARENA = """
import sys
import numpy as np, onnx, onnxruntime, torch
from onnx import TensorProto, helper, numpy_helper
from semantic_matte.errors import DeviceError
from semantic_matte.estimators.onnx import OnnxNetwork
from semantic_matte.ports import SilentProgress
from semantic_matte.settings import Settings
from pathlib import Path

# The picture as 32 channels, and their mean.
weight = np.zeros((32, 4, 1, 1), np.float32)
weight[:, 0] = 1
graph = helper.make_graph(
    [helper.make_node("Conv", ["input", "weight"], ["many"]),
     helper.make_node("Sigmoid", ["many"], ["more"]),
     helper.make_node("ReduceMean", ["more"], ["alpha"], axes=[1], keepdims=1)],
    "hungry",
    [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 4, "h", "w"])],
    [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, ["n", 1, "h", "w"])],
    [numpy_helper.from_array(weight, "weight")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
path = Path(sys.argv[1]) / "hungry.onnx"
onnx.save(model, path)
info = onnxruntime.OrtMemoryInfo(
    "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT)
arena = onnxruntime.OrtArenaCfg({"max_mem": int(sys.argv[2]) << 20, "arena_extend_strategy": 1})
onnxruntime.create_and_register_allocator(info, arena)
plain = onnxruntime.SessionOptions

def shared():
    options = plain()
    options.add_session_config_entry("session.use_env_allocators", "1")
    return options

onnxruntime.SessionOptions = shared
network = OnnxNetwork(path, Settings(device="cpu"))
colour = torch.rand(1, 3, 512, 512)
trimap = torch.full((1, 512, 512), 128, dtype=torch.uint8)
progress = SilentProgress()
try:
    alpha = network.estimate(colour, trimap, progress)
except DeviceError as error:
    print(error)
else:
    expected = ((colour[0, 0] - 0.485) / 0.229).sigmoid()
    assert torch.allclose(alpha[0], expected, atol=1e-5)
    print(*progress.notices)
"""


@pytest.mark.parametrize(
    ("megabytes", "told"),
    [
        # 32 channels of a patch are 32 MiB, of a tile 8; two such are held at a time.
        ("30", "cpu ran out of memory: patches of 512x512 pixels are solved in overlapping tiles of 256x256"),
        ("5", "Estimator 'onnx' ran out of memory on cpu, even with one tile of 256x256 pixels at a time: "),
        ("100", "\n"),
    ],
)
def test_an_arena_of_onnx_runtime_that_is_really_full(megabytes: str, told: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    done = subprocess.run(
        [sys.executable, "-c", REAL_ARENA, str(tmp_path), megabytes],
        env={"PYTHONPATH": str(CORE), "PATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(told)


@pytest.mark.parametrize(("device", "calls"), [("cuda:1", 2), ("cpu", 0)])
def test_a_gpu_gets_back_what_is_not_used(monkeypatch: pytest.MonkeyPatch, device: str, calls: int) -> None:
    """torch keeps freed memory for itself, in pieces that may be too small for the next try."""
    emptied: list[int] = []
    work = Greedy(1)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(len(work.tried)))
    in_portions(Room("Toy", device), work, 4, 4)
    assert emptied == [1, 2][:calls]
