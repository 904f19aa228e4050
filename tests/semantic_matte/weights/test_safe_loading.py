"""Weights out of every kind of file, and files that try to run something: refused, and nothing ran.

Each attack would make a file; a control shows that the same bytes do so when they are read carelessly.
"""

from __future__ import annotations

import builtins
import codecs
import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from semantic_matte.errors import WeightsError
from semantic_matte.safe_loading import _ArrayUnpickler, _tensor, read_tensors

RNG = np.random.default_rng(0)
ARRAYS = {
    "backbone.weight": RNG.standard_normal((4, 3, 2)).astype(np.float32),
    "backbone.half": RNG.standard_normal(5).astype(np.float16),
    "counts": RNG.integers(-9, 9, (2, 3)),
    "flags": np.array([True, False]),
    "single": np.array(3.5),
    "columns": np.asfortranarray(RNG.standard_normal((3, 5))),
}
TENSORS = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in ARRAYS.items()}
TENSORS["brain"] = torch.arange(4, dtype=torch.bfloat16)
State = dict[str, Any]


def write_safetensors(path: Path, state: State) -> None:
    safetensors.torch.save_file({name: value.contiguous() for name, value in state.items()}, path)


def write_torch(path: Path, state: State) -> None:
    torch.save(OrderedDict(state), path)


def write_old_torch(path: Path, state: State) -> None:
    torch.save(OrderedDict(state), path, _use_new_zipfile_serialization=False)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, Any]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        wanted = torch.as_tensor(np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value)
        # np.ascontiguousarray makes a number an array of one.
        wanted = wanted.reshape(value.shape)
        assert (found[name].dtype, found[name].shape) == (wanted.dtype, wanted.shape), name
        assert torch.equal(found[name], wanted), name
        assert found[name].device == torch.device("cpu")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin"])
@pytest.mark.parametrize("write", [write_safetensors, write_torch, write_old_torch])
def test_tensors_come_back_whatever_the_file_is_called(
    tmp_path: Path, write: Callable[[Path, State], None], suffix: str
) -> None:
    path = tmp_path / f"model{suffix}"
    write(path, TENSORS)
    found = read_tensors(path)
    assert_same({name: found[name] for name in TENSORS}, TENSORS)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_model_of_detectron2s_zoo(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model_final.pkl"
    content = {"model": OrderedDict(ARRAYS), "__author__": "Detectron2 Model Zoo"}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    assert_same(read_tensors(path), ARRAYS)


@pytest.mark.parametrize("writeable", [True, False])
def test_only_arrays_that_may_not_be_written_are_copied(writeable: bool) -> None:
    array = np.arange(4.0)
    array.flags.writeable = writeable
    tensor = _tensor(array)
    assert tensor is not None
    tensor.add_(1)
    assert array.tolist() == ([1.0, 2.0, 3.0, 4.0] if writeable else [0.0, 1.0, 2.0, 3.0])


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0], "<f4")
    # What Python 2.7 and numpy 1.16 write for {"w": values}: bytes are its plain strings.
    written = (
        b"\x80\x02}U\x01wcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85"
        b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08"
        + values.tobytes()
        + b"tbs."
    )
    path = tmp_path / "model.pkl"
    path.write_bytes(written)
    assert_same(read_tensors(path), {"w": values})


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_the_other_byte_order(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"w": np.array([1.5, -2.0], ">f4")}, protocol))
    assert_same(read_tensors(path), {"w": np.array([1.5, -2.0], np.float32)})


@pytest.mark.parametrize("name", ["model", "state_dict"])
def test_weights_beside_other_things(tmp_path: Path, name: str) -> None:
    path = tmp_path / "checkpoint.pth"
    torch.save({name: TENSORS, "iteration": 90_000, "optimizer": {"lr": 0.02}}, path)
    assert_same(read_tensors(path), TENSORS)


class Attack:
    """When it is unpickled, it calls something."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call, self.arguments


def make_file(mark: Path) -> Attack:
    return Attack(os.system, f"touch '{mark}'")


def evaluate(mark: Path) -> Attack:
    return Attack(builtins.eval, f"open({str(mark)!r}, 'w').close()")


def open_file(mark: Path) -> Attack:
    return Attack(io.open, str(mark), "w")


def load_object_array(mark: Path) -> Attack:
    """By numpy's own means: an array file with a pickle in it."""
    inner = mark.with_suffix(".npy")
    np.save(inner, np.array([make_file(mark)], dtype=object), allow_pickle=True)
    return Attack(np.load, str(inner), None, True)


ATTACKS = [make_file, evaluate, open_file, load_object_array]


def write_plain_pickle(path: Path, state: State) -> None:
    path.write_bytes(pickle.dumps({"model": {**ARRAYS, **state}, "__author__": "nobody"}))


def write_pickle_beside_weights(path: Path, state: State) -> None:
    path.write_bytes(pickle.dumps({"model": ARRAYS, "__author__": state}))


def write_pickle_in_an_array(path: Path, state: State) -> None:
    path.write_bytes(pickle.dumps({"model": {"w": np.array(list(state.values()), dtype=object)}}))


def load_by_torch(path: Path) -> None:
    with path.open("rb") as file:
        torch.load(file, weights_only=False)


def load_by_pickle(path: Path) -> None:
    with path.open("rb") as file:
        pickle.load(file)


KINDS = [
    (write_torch, load_by_torch),
    (write_old_torch, load_by_torch),
    (write_plain_pickle, load_by_pickle),
    (write_pickle_beside_weights, load_by_pickle),
    (write_pickle_in_an_array, load_by_pickle),
]


@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".safetensors"])
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize(("write", "careless"), KINDS)
def test_code_in_a_file_does_not_run(
    tmp_path: Path,
    write: Callable[[Path, State], None],
    careless: Callable[[Path], None],
    attack: Callable[[Path], Attack],
    suffix: str,
) -> None:
    path, mark = tmp_path / f"model{suffix}", tmp_path / "it ran"
    write(path, {"w": attack(mark)})
    assert not mark.exists()
    with pytest.raises(WeightsError, match=r"are refused: they hold .*could be code") as raised:
        read_tensors(path)
    assert not mark.exists()
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    careless(path)
    assert mark.exists(), "the attack is none: the test proves nothing"


def test_an_old_tar_archive_that_begins_as_another_kind(tmp_path: Path) -> None:
    """torch before 2.6 unpickled these without care, whatever it was told (CVE-2025-32434)."""
    mark, path = tmp_path / "it ran", tmp_path / "model.pth"
    content = pickle.dumps(make_file(mark))
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("0")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    forged = bytearray(path.read_bytes())
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
    forged[: len(magic)] = magic
    forged[148:156] = b" " * 8
    forged[148:156] = b"%06o\0 " % sum(forged[:512])
    path.write_bytes(forged)
    assert tarfile.is_tarfile(path)
    with pytest.raises(WeightsError, match="they hold a tar archive"):
        read_tensors(path)
    assert not mark.exists()


def test_torchscript_is_a_program(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(path))
    with pytest.raises(WeightsError, match="they hold TorchScript"):
        read_tensors(path)


def test_text_in_the_encodings_of_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"w": Attack(codecs.encode, "text", "rot13")}))
    assert b"_codecs" in path.read_bytes()
    with pytest.raises(WeightsError, match="text in the encoding 'rot13'"):
        read_tensors(path)


@pytest.mark.parametrize(
    "name",
    ["numpy.core.multiarray.scalar", "numpy.core.numeric.array", "builtins.getattr", "os.system", "numpy.load"],
)
def test_a_name_alone_is_refused(tmp_path: Path, name: str) -> None:
    """Even uncalled, and whether there is such a thing or not."""
    module, _, attribute = name.rpartition(".")
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02}X\x01\0\0\0w" + f"c{module}\n{attribute}\n".encode() + b"s.")
    with pytest.raises(WeightsError, match=f"they hold '{name}'"):
        read_tensors(path)


def test_a_reference_to_something_outside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02}X\x01\0\0\0wU\x01aQs.")
    with pytest.raises(WeightsError, match="a reference to something outside"):
        read_tensors(path)


def test_what_a_file_does_to_a_known_name_is_gone_with_it(tmp_path: Path) -> None:
    """A pickle may set attributes of what it names, which the next file uses too."""
    path = tmp_path / "model.pkl"
    for module, name in ((b"_codecs", b"encode"), (b"numpy.core.numeric", b"_frombuffer")):
        mark = b"c" + module + b"\n" + name + b"\nN}X\x04\0\0\0markX\x04\0\0\0beens\x86b"
        path.write_bytes(b"\x80\x02}X\x01\0\0\0w" + mark + b"s.")
        with pytest.raises(WeightsError, match="got function under 'w'"):
            read_tensors(path)
        known = _ArrayUnpickler(io.BytesIO()).find_class(module.decode(), name.decode())
        assert not hasattr(known, "mark")


@pytest.mark.parametrize("write", [write_safetensors, write_torch, write_old_torch, write_plain_pickle])
@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_torn_file(tmp_path: Path, write: Callable[[Path, State], None], kept: float) -> None:
    path = tmp_path / "model.pth"
    write(path, TENSORS if write is not write_plain_pickle else {})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(WeightsError, match=r"can't be read|are refused") as raised:
        read_tensors(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>404</body></html>",
        b"PK\x03\x04" + bytes(100),
        b"\x80\x02",
        b"\x80\x04N.",
        pickle.dumps([1, 2, 3]),
        pickle.dumps({}),
        pickle.dumps({"w": "text"}),
        pickle.dumps({1: np.zeros(2)}),
        pickle.dumps({"w": np.array(["text"])}),
        pickle.dumps({"w": np.zeros(2, dtype="f4,i4")}),
        pickle.dumps({"w": np.zeros(2, dtype=np.longdouble)}),
        struct.pack("<Q", 1 << 40) + b"{}",
        struct.pack("<Q", 2) + b"{}",
    ],
    ids=range(14),
)
def test_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="can't be read") as raised:
        read_tensors(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(WeightsError, match=r"no whole file of torch.save"):
        read_tensors(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"can't be read .No such file"):
        read_tensors(tmp_path / "nowhere.pth")
