"""Weights out of files, without running anything that the files say.

A pickle is a program. Read are safetensors; what `torch.save` wrote, by torch's own restricted unpickler
(`weights_only`); and the plain pickles of detectron2's zoo, by an unpickler that knows arrays and nothing else,
after "Restricting Globals" in the documentation of Python's pickle. The content tells the kind, not the name.
"""

from __future__ import annotations

import pickle
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from semantic_matte.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

_ZIP = b"PK\x03\x04"
# What torch.save wrote before torch 1.6 begins with this number, pickled.
_OLD_TORCH = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
# A safetensors file begins with the length of its JSON header, in eight bytes; the format allows no longer one.
_LONGEST_HEADER = 100_000_000
# Under which the weights lie where a file holds more: of detectron2 and of trainings in general.
_NESTED = ("model", "state_dict")


class _RefusedError(pickle.UnpicklingError):
    """Something other than weights, by the name that the file gives it."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file, by name, on the CPU, of the types that the file has.

    Where the file holds a "model" or a "state_dict" beside other things, that is what is read. Raises
    WeightsError for a file that holds code or objects, before anything of it runs; for one of an unknown kind;
    and for one that is broken or can't be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(64)
        content = _reader(start)(path)
    except _RefusedError as reason:
        raise WeightsError(
            f"The weights in '{path}' are refused: they hold {reason}, which could be code; only arrays are "
            "read."
        ) from None
    except OSError as error:
        raise WeightsError(f"The weights in '{path}' can't be read ({error.strerror or error}).") from None
    except _BrokenError as error:
        raise WeightsError(f"The weights in '{path}' can't be read: {error}.") from None
    return _tensors(content, path)


class _BrokenError(Exception):
    """A clause that says what is wrong with a file."""


def _reader(start: bytes) -> Callable[[Path], object]:
    """Who reads a file that starts so. Raises _BrokenError for a kind that nobody reads."""
    if start.startswith(_ZIP):
        return _read_torch_archive
    if start.startswith(_OLD_TORCH):
        return _read_old_torch
    if int.from_bytes(start[:8], "little") <= _LONGEST_HEADER and start[8:9] == b"{":
        return _read_safetensors
    if start.startswith(b"\x80"):
        return _read_arrays
    raise _BrokenError(
        "expected safetensors, a file of torch.save, or a model of detectron2's zoo, got something else"
    )


def _read_safetensors(path: Path) -> object:
    """All tensors of a safetensors file."""
    import safetensors.torch
    from safetensors import SafetensorError

    try:
        return safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise _BrokenError(f"it is no whole safetensors file ({error})") from None


def _read_torch_archive(path: Path) -> object:
    """What torch.save wrote. TorchScript comes in the same archive and is a program, whatever weights_only
    says."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise _BrokenError(f"it is no whole archive ({error})") from None
    if any(name.endswith("constants.pkl") for name in names):
        raise _RefusedError("TorchScript")
    return _read_torch(path)


def _read_old_torch(path: Path) -> object:
    """What torch.save wrote before 1.6. Tar archives are older still: before 2.6 torch ran code out of them
    even with weights_only (CVE-2025-32434), and one can be made to begin as this kind does."""
    if tarfile.is_tarfile(path):
        raise _RefusedError("a tar archive")
    return _read_torch(path)


def _read_torch(path: Path) -> object:
    """By torch's own restricted unpickler, whose refusal is told as ours."""
    import torch

    try:
        # Given a path, newer ones of torch go by its suffix.
        with path.open("rb") as file, warnings.catch_warnings():
            # Of torch to its own authors, on storages that are to come.
            warnings.simplefilter("ignore")
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _RefusedError(_named_by_torch(str(error))) from None
    except OSError:
        raise
    except Exception as error:
        # A broken file may end in any error at all.
        raise _BrokenError(f"it is no whole file of torch.save ({_first_line(error)})") from None


def _named_by_torch(complaint: str) -> str:
    """What torch's restricted unpickler stumbled over, out of its page of advice."""
    _, _, rest = complaint.partition("GLOBAL ")
    return f"'{rest.split()[0]}'" if rest else "something other than tensors"


def _first_line(error: BaseException) -> str:
    """What is wrong, out of a library's long complaint."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:200]


class _ArrayUnpickler(pickle.Unpickler):
    """Knows how numpy puts arrays together, OrderedDict, and nothing else. Whatever else a pickle names is
    refused when it is named, which is before it could be called."""

    def find_class(self, module: str, name: str) -> Any:
        """Called for every name in the pickle. Raises _RefusedError."""
        # numpy 2 moved its core; files of either are read by either.
        place = f"{module}.{name}".replace("numpy.core.", "numpy._core.")
        known: dict[str, Callable[[], Any]] = {
            "numpy.ndarray": lambda: np.ndarray,
            "numpy.dtype": lambda: np.dtype,
            "numpy._core.multiarray._reconstruct": lambda: np.ndarray(0).__reduce__()[0],
            "numpy._core.numeric._frombuffer": _array_maker,
            "_codecs.encode": _latin1_encoder,
            "collections.OrderedDict": lambda: OrderedDict,
        }
        if place not in known:
            raise _RefusedError(f"'{module}.{name}'")
        return known[place]()

    def persistent_load(self, _identity: object) -> Any:
        """Refused: arrays have no parts outside the pickle."""
        raise _RefusedError("a reference to something outside")


def _array_maker() -> Callable[[bytes, np.dtype[Any], tuple[int, ...], Any], object]:
    """As numpy's own for pickles of protocol 5; a new one for each use, so that a file leaves no mark on it."""

    def array(content: bytes, kind: np.dtype[Any], shape: tuple[int, ...], order: Any) -> object:
        """An array over the bytes, of this shape."""
        return np.frombuffer(content, dtype=kind).reshape(shape, order=order)

    return array


def _latin1_encoder() -> Callable[[str, str], bytes]:
    """A new one for each use, as above."""

    def encode(text: str, encoding: str) -> bytes:
        """Bytes as old pickles spell them. Other encodings are code of others."""
        if encoding != "latin1":
            raise _RefusedError(f"text in the encoding '{encoding}'")
        return text.encode("latin-1")

    return encode


def _read_arrays(path: Path) -> object:
    """A plain pickle of arrays, as detectron2's zoo has them; some were written by Python 2."""
    try:
        with path.open("rb") as file:
            return _ArrayUnpickler(file, encoding="latin1").load()
    except (_RefusedError, OSError):
        raise
    except Exception as error:
        # As above.
        raise _BrokenError(f"it is no whole pickle of arrays ({_first_line(error)})") from None


def _tensors(content: object, path: Path) -> dict[str, Tensor]:
    """The weights within what was read. Raises WeightsError for anything in them that is no tensor or array."""
    for name in _NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"The weights in '{path}' can't be read: expected tensors by name, got none.")
    found = {}
    for name, value in content.items():
        tensor = _tensor(value)
        if not isinstance(name, str) or tensor is None:
            raise WeightsError(
                f"The weights in '{path}' can't be read: expected tensors by name, got "
                f"{type(value).__name__} under {name!r:.80}."
            )
        found[name] = tensor
    return found


def _tensor(value: object) -> Tensor | None:
    """A tensor as it is, an array of numbers as a tensor of its own; None for anything else."""
    import torch

    if isinstance(value, torch.Tensor):
        return value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return None
    # Copied only where it must be: models are large.
    native = np.require(value, value.dtype.newbyteorder("="), ["W"])
    try:
        return torch.from_numpy(native)
    except TypeError:
        # Types that numpy has and torch lacks.
        return None
