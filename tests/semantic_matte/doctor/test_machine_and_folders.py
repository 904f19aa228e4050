"""What the doctor says of sick machines: old torch, no driver, little memory, folders that can't be written."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from semantic_matte import device_facts, devices
from semantic_matte.doctor import Finding, folders, hosts, machine, packages
from semantic_matte.installing import plan_install
from semantic_matte.installing.receipts import RECEIPT, read_receipt

posix = pytest.mark.skipif(os.name != "posix", reason="modes and scripts as POSIX has them")


@pytest.mark.parametrize(
    ("version", "flaw"),
    [
        ("2.1.0", "CVE-2025-32434"),
        ("2.5.1+cu124", "CVE-2025-32434"),
        ("2.6.0", "CVE-2026-24747"),
        ("2.9.1+cu128", "CVE-2026-24747"),
        ("2.10.0", None),
        ("2.10.0+cpu", None),
        ("2.15.0", None),
        ("3.0", None),
        ("unknown", "CVE-2025-32434"),
    ],
)
def test_a_torch_whose_safe_loading_is_not_safe(version: str, flaw: str | None) -> None:
    finding = packages.torch_finding(version)
    if flaw is None:
        assert finding == Finding("torch", "ok", version)
        return
    assert finding.status == "warning"
    assert finding.found.startswith(f"{version}: before 2.")
    assert flaw in finding.found
    assert "update torch" in finding.found


def test_every_distribution_is_listed_once() -> None:
    found = packages.installed_distributions()
    names = [name.lower() for name, _ in found]
    assert names == sorted(set(names))
    assert dict(found)["numpy"] == __import__("numpy").__version__


@pytest.fixture
def smi(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A program called nvidia-smi, alone on PATH, that a test fills."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent))
    return program


@posix
@pytest.mark.parametrize(
    ("script", "version"),
    [
        (None, ""),
        ("echo 550.54.15; echo 550.54.15", "550.54.15"),
        ("echo 'NVIDIA-SMI has failed'; exit 9", ""),
        ("exit 0", ""),
        ("sleep 60", ""),
    ],
)
def test_the_driver(smi: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, version: str) -> None:
    monkeypatch.setattr(machine, "_SMI_SECONDS", 0.5)
    if script is not None:
        smi.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\nexec 2>&1\n{script}\n", encoding="utf-8")
        smi.chmod(0o700)
    assert machine.driver_version() == version


@posix
def test_a_driver_that_torch_does_not_use(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi.write_text("#!/bin/sh\necho 550.54.15\n", encoding="utf-8")
    smi.chmod(0o700)
    monkeypatch.setattr(devices, "choose_device", lambda _asked: ("cpu", "On the CPU."))
    found = {row.what: row for row in machine.device()}
    assert found["device"] == Finding("device", "warning", "cpu: On the CPU.")
    assert found["GPU driver"].status == "warning"
    assert "550.54.15" in found["GPU driver"].found
    assert "install a torch that fits the driver" in found["GPU driver"].found


@pytest.mark.parametrize(
    ("free", "status", "said"),
    [(10**9, "warning", "1.0 GB free of 80.0 GB"), (50 * 10**9, "ok", "50.0 GB free of 80.0 GB on cuda:0")],
)
def test_the_gpus_memory(monkeypatch: pytest.MonkeyPatch, free: int, status: str, said: str) -> None:
    monkeypatch.setattr(devices, "choose_device", lambda _asked: ("cuda:0", "On a GPU."))
    monkeypatch.setattr(device_facts, "gpu_memory", lambda _device: (free, 80 * 10**9))
    found = {row.what: row for row in machine.device()}
    assert found["device"].status == "ok"
    assert found["GPU memory"].status == status
    assert said in found["GPU memory"].found


def test_a_gpu_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(_device: str) -> tuple[int, int]:
        raise RuntimeError("CUDA error: the GPU is lost\nmore")

    monkeypatch.setattr(devices, "choose_device", lambda _asked: ("cuda:0", "On a GPU."))
    monkeypatch.setattr(device_facts, "gpu_memory", lost)
    found = {row.what: row for row in machine.device()}
    assert found["GPU memory"].status == "error"
    assert found["GPU memory"].found == "cuda:0 does not say (CUDA error: the GPU is lost): restart the machine"


def test_only_cuda_tells_its_memory() -> None:
    assert device_facts.gpu_memory("cpu") is None
    assert device_facts.gpu_memory("mps") is None


@pytest.mark.parametrize(
    ("available", "limit", "used", "free"),
    [
        (8_000_000, None, None, 8_192_000_000),
        (8_000_000, "max", "5", 8_192_000_000),
        (8_000_000, "3000000000", "1000000000", 2_000_000_000),
        (1_000_000, "3000000000", "1000000000", 1_024_000_000),
        (8_000_000, "1000", "2000", 0),
    ],
)
def test_main_memory(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    available: int,
    limit: str | None,
    used: str | None,
    free: int,
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable: {available} kB\n", encoding="ascii")
    for name, value in (("memory.max", limit), ("memory.current", used)):
        if value is not None:
            (tmp_path / name).write_text(value + "\n", encoding="ascii")
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "_CONTROL_GROUP", tmp_path)
    assert machine.free_memory() == free
    finding = machine.memory()
    assert finding.status == ("ok" if free >= 4 * 10**9 else "warning")
    assert f"{free / 1e9:.1f} GB free" in finding.found


def test_memory_that_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_system_memory", lambda: None)
    monkeypatch.setattr(machine, "_group_memory", lambda: None)
    assert machine.memory().status == "ok"


@pytest.mark.parametrize("below", ["", "not/there"])
def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path, below: str) -> None:
    finding = folders.writable("folder", tmp_path / below, "do something")
    assert finding.status == "ok"
    assert ("made when it is needed" if below else "writable") in finding.found
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = folders.writable("folder", tmp_path / "file" / "x", "do something")
    assert finding.status == "error"
    assert finding.found.endswith(": do something")


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=10**8))
    finding = folders.writable("folder", tmp_path, "do something")
    assert finding.status == "warning"
    assert finding.found.endswith("0.1 GB free: free some space")


def test_a_disk_that_takes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a look at access rights would not see."""

    class Full(io.BytesIO):
        def write(self, _data: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: Full())
    finding = folders.writable("folder", tmp_path, "do something")
    said = f"{tmp_path} can't be written (No space left on device): do something"
    assert finding == Finding("folder", "error", said)


def runtime_row() -> Finding:
    return {row.what: row for row in folders.folders()}["runtime folder"]


@posix
def test_the_runtime_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "run"
    monkeypatch.setenv("SEMANTIC_MATTE_RUNTIME", str(place))
    assert runtime_row() == Finding("runtime folder", "ok", f"{place}, yours alone (mode 0700)")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o755)
    finding = runtime_row()
    assert finding.status == "error"
    assert "chmod 700" in finding.found
    place.chmod(0o700)
    place.rename(tmp_path / "other")
    place.symlink_to(tmp_path / "other")
    assert runtime_row().status == "error"


@pytest.fixture
def nuke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An install into a folder, of a user of his own."""
    monkeypatch.setenv("SEMANTIC_MATTE_CONFIG", str(tmp_path / "configuration"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plan_install("nuke", to=tmp_path / "nuke").carry_out()
    return tmp_path / "nuke" / "semantic_matte"


def only_host() -> Finding:
    [finding] = hosts.hosts()
    return finding


def test_no_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEMANTIC_MATTE_CONFIG", str(tmp_path / "configuration"))
    assert only_host().status == "ok"
    assert "semantic-matte install nuke" in only_host().found
    (tmp_path / "configuration").mkdir()
    (tmp_path / "configuration" / "engine.json").write_text("{", encoding="utf-8")
    assert only_host().status == "error"
    assert "semantic-matte install" in only_host().found


def test_an_installed_host(nuke: Path) -> None:
    finding = only_host()
    assert (finding.what, finding.status) == ("installed Nuke", "ok")
    assert finding.found.startswith(f"{nuke}, version ")


def test_a_host_of_another_version(nuke: Path) -> None:
    receipt = read_receipt(nuke)
    assert receipt is not None
    (nuke / RECEIPT).write_text(replace(receipt, version="0.0.1").as_json(), encoding="utf-8")
    assert only_host().status == "warning"
    assert "version 0.0.1, but the engine is" in only_host().found
    assert "semantic-matte install nuke" in only_host().found


def test_a_host_that_was_changed(nuke: Path) -> None:
    (nuke / "README.md").write_text("mine", encoding="utf-8")
    (nuke / "semantic_matte_client" / "errors.py").unlink()
    finding = only_host()
    assert finding.status == "warning"
    assert "semantic_matte_client/errors.py" in finding.found
    assert "README.md (changed)" in finding.found


def test_a_host_that_was_removed(nuke: Path) -> None:
    shutil.rmtree(nuke)
    assert only_host().status == "warning"
    assert "removed by hand" in only_host().found


def test_a_host_whose_receipt_is_broken(nuke: Path) -> None:
    (nuke / RECEIPT).write_text("{", encoding="utf-8")
    assert only_host().status == "error"


def test_a_host_whose_engine_is_gone(nuke: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "python"
    other.touch()
    monkeypatch.setattr(sys, "executable", str(other))
    plan_install("nuke", to=tmp_path / "nuke").carry_out()
    assert only_host().status == "ok"
    record = json.loads((nuke / "semantic_matte_client" / "engine.json").read_text(encoding="utf-8"))
    assert record["python"] == str(other)
    other.unlink()
    assert only_host().status == "error"
    assert str(other) in only_host().found
