"""Where a device's memory is full: that is told from other failures, what can be is given back, and the same
work is done again with less at once. Only when nothing smaller is left is it an error; the work is never moved
to another device.
"""

from __future__ import annotations

import contextlib
import gc
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from semantic_matte.errors import DeviceMemoryError

Answer = TypeVar("Answer")

# What libraries say when an allocation fails, in lower case.
_SIGNS = (
    # CUDA, ROCm and MPS, by torch and by ONNX Runtime.
    "out of memory",
    # torch's allocator for the CPU: on Unix, on Windows; and the system, for a file that is mapped.
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    # cuBLAS, cuDNN and their like: CUBLAS_STATUS_ALLOC_FAILED.
    "_status_alloc_failed",
    # ONNX Runtime's arena, when the device refuses, and when its own limit does.
    "failed to allocate memory",
    "smaller than requested bytes",
    "bad_alloc",
    "bad allocation",
    # oneDNN, which runs torch's convolutions on the CPU.
    "could not create a primitive",
)
# Those of them that are said of the machine's own memory, wherever the network runs.
_SIGNS_OF_THE_CPU = (
    "cpuallocator",
    "cannot allocate memory",
    "bad_alloc",
    "bad allocation",
    "could not create a primitive",
)


def full_memory(error: BaseException, device: str) -> str:
    """Whose memory was full: the device's, "cpu" for the machine's own, or "" for any other error.

    device: torch's name of where the work ran. torch's own class covers CUDA alone, other devices and libraries
    have nothing but a text; the package's own errors are never taken for one.
    """
    if isinstance(error, MemoryError):
        return "cpu"
    # ONNX Runtime's errors have no base but Exception.
    by_library = isinstance(error, RuntimeError) or type(error).__module__.startswith("onnxruntime")
    text = str(error).lower()
    if not by_library or not any(sign in text for sign in _SIGNS):
        return ""
    return "cpu" if any(sign in text for sign in _SIGNS_OF_THE_CPU) else device


def give_back(device: str) -> None:
    """Return memory that nothing uses any more to the device, for other work and other programs.

    device: torch's name. Call it once nothing holds the tensors: an error that is being handled does, by its
    traceback.
    """
    import torch

    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


@contextlib.contextmanager
def memory_told(user: str, device: str, remedy: str = "") -> Iterator[None]:
    """Inside, running out of memory is a DeviceMemoryError that says so in one sentence.

    user: what ran, as in "Segmenter 'starter'". device: torch's name of where. remedy: what helps beside
    closing other programs, as in "take a smaller model".
    """
    try:
        yield
    except Exception as error:
        full = full_memory(error, device)
        if not full:
            raise
        # The new error keeps the old one as what it came of, and that would keep tensors of its frames.
        traceback.clear_frames(error.__traceback__)
        raise no_room(user, full, remedy) from None


def no_room(user: str, full: str, remedy: str = "", tried: str = "") -> DeviceMemoryError:
    """The error for work that nothing could be made smaller of, or could not be made small enough.

    user, remedy: as of `memory_told`. full: as of `full_memory`. tried: the least that was tried, as in "one
    tile of 160x160 pixels".
    """
    at_least = f", even with {tried} at a time" if tried else ""
    other = "" if full == "cpu" else ", or choose --device cpu"
    more = f", {remedy}" if remedy else ""
    return DeviceMemoryError(
        f"{user} ran out of memory on {full}{at_least}: close what else uses it{more}{other}."
    )


class Room:
    """How many pixels a device's memory has room for at once, as a run finds out by running out of it.

    What was too much is not tried again while the object lives: make one for each run, as another program may
    have left the device since.
    """

    def __init__(self, user: str, device: str, remedy: str = "") -> None:
        """As of `memory_told`."""
        self.user = user
        self.device = device
        self.remedy = remedy
        self.most: int | None = None
        """The most pixels at once; None while there was room for whatever was asked."""
        self.full = ""
        """Whose memory was full, as of `full_memory`."""
        self.notices: tuple[str, ...] = ()
        """What the user has to know: one sentence for each time that less came to be done at once."""

    def attempt(self, work: Callable[[], Answer], pixels: int) -> Answer | None:
        """What `work` returns, which is not None; or None if the memory was full.

        pixels: how many the work is of. Where it was full what can be is given back, and half of them are the
        most from here on.
        """
        try:
            return work()
        except Exception as error:
            full = full_memory(error, self.device)
            if not full:
                raise
        # Behind the handler, not in it: there the error's traceback still holds what the work had allocated.
        self.full, self.most = full, pixels // 2
        give_back(self.device)
        return None

    def in_portions(
        self,
        count: int,
        work: Callable[[slice], Answer],
        sized: Callable[[int | None], tuple[int, str] | None],
        things: tuple[str, str],
        at_once: int,
    ) -> Iterator[Answer]:
        """Work on things of one size, `at_once` of them if there is room, else fewer; yields what `work`
        returns for each portion, in order.

        work: takes the numbers of a portion, and does the same whenever it is called again. sized: takes `most`
        and gives the pixels that one thing is made of and its name, as in "one tile of 160x160 pixels"; None if
        no less can be made of it. things: what one and several are called. Raises DeviceMemoryError then.
        """
        start = asked = 0
        tried = ""
        while start < count:
            one = sized(self.most)
            if one is None:
                raise no_room(self.user, self.full, self.remedy, tried)
            pixels, tried = one
            portion = min(at_once, count - start)
            if self.most is not None:
                portion = max(1, min(portion, self.most // pixels))
            answer = self.attempt(partial(work, slice(start, start + portion)), portion * pixels)
            if answer is None:
                asked = max(asked, portion)
                continue
            if portion < asked:
                name = things[0] if portion == 1 else things[1]
                sentence = f"{self.full} ran out of memory: {portion} {name} at once in place of {asked}."
                self.notices = (*self.notices, sentence)
            asked = 0
            start += portion
            yield answer
