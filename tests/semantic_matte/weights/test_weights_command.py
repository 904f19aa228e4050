"""`semantic-matte weights` as real processes, with a manifest and a web server of the test's own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]
CONTENT = np.random.default_rng(0).bytes(3_000_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
EMBEDDED = ["nanodet", "u2netp", "class_shapes", "matting", "box_mask"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEMANTIC_MATTE_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def command(command_line: CommandLine, clone: Any) -> CommandLine:
    """`semantic-matte weights ...` in the clone."""
    return lambda *arguments: command_line("weights", *arguments, core=clone.core)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def start(clone: Any, *arguments: str) -> subprocess.Popen[str]:
    """In the background, and with Ctrl-C as a terminal would send it."""
    return subprocess.Popen(
        [sys.executable, "-m", "semantic_matte", "weights", *arguments],
        env={**os.environ, "PYTHONPATH": str(clone.core)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_from_listing_to_using(
    clone: Any, command: CommandLine, row: Any, server: Any, answer: Any, folder: Path
) -> None:
    clone.offer(
        card=row(sha256=SHA256[:8], classes=["disc", "bar"], commercial_use="unclear", terms="Who knows")
    )
    server.says(answer(CONTENT))
    assert command("path").stdout == f"{folder}\n"
    absent = command("path", "card")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert absent.stderr == "Model 'card' is not here: semantic-matte weights pull card\n"

    table = command("list")
    assert table.returncode == 0
    for name in (*EMBEDDED, "card"):
        assert f"\n{name} " in table.stdout
    text = " ".join(table.stdout.split())
    assert "card MIT unclear ? not here masks of test cards; disc, bar; checked by the first 8 digits" in text

    refused = command("pull", "card")
    assert refused.returncode == 1
    assert "not clearly allowed" in refused.stderr
    assert "--accept-licence card" in refused.stderr
    assert server.requests == []

    pulled = command("pull", "card", "--accept-licence", "card")
    assert (pulled.returncode, pulled.stderr) == (0, "")
    assert pulled.stdout.splitlines()[0] == str(folder / "file.pth")
    assert f"sha256 {SHA256}" in pulled.stdout
    assert "by the first 8 digits of its sha256" in pulled.stdout
    assert (folder / "file.pth").read_bytes() == CONTENT
    assert command("path", "card").stdout == f"{folder / 'file.pth'}\n"
    assert command("path", "nanodet").stdout == f"{clone.weights / 'nanodet.safetensors'}\n"

    rows = {one["name"]: one for one in json.loads(command("list", "--json").stdout)}
    assert list(rows) == [*EMBEDDED, "card"]
    assert [rows[name]["where"] for name in ("nanodet", "card")] == ["embedded", f"in {folder}"]
    assert rows["card"] | {"input": "", "family": ""} == {
        "name": "card",
        "task": "masks of test cards",
        "classes": ["disc", "bar"],
        "input": "",
        "family": "",
        "licence": "MIT",
        "commercial_use": "unclear",
        "terms": "Who knows",
        "size": len(CONTENT),
        "checksums": {"sha256": SHA256[:8]},
        "checked": "checked by the first 8 digits of its sha256, all that its publisher names",
        "url": server.url(),
        "origin": "https://example.org/models",
        "where": f"in {folder}",
        "path": str(folder / "file.pth"),
    }


def test_verify_ends_with_1_if_a_file_is_bad(
    clone: Any, command: CommandLine, row: Any, server: Any, answer: Any, folder: Path
) -> None:
    clone.offer(card=row(sha256=SHA256))
    server.says(answer(CONTENT))
    assert command("pull", "card").returncode == 0
    good = command("verify")
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.count("good  ") == len(EMBEDDED) + 1
    content = bytearray(CONTENT)
    content[-1] ^= 1
    (folder / "file.pth").write_bytes(content)
    bad = command("verify")
    assert bad.returncode == 1
    assert f"bad   card: {folder / 'file.pth'}\n      The weights of 'card'" in bad.stdout
    assert f"expected sha256 {SHA256[:12]}..., got {hashlib.sha256(content).hexdigest()[:12]}..." in bad.stdout
    assert bad.stdout.count("good  ") == len(EMBEDDED)
    events = command("verify", "--json")
    assert events.returncode == 1
    results = [event for event in lines(events) if event["event"] == "result"]
    assert [result["name"] for result in results if not result["good"]] == ["card"]
    assert {result["name"] for result in results if result["good"]} == set(EMBEDDED)


def test_a_pull_in_json_has_progress_and_a_result(
    clone: Any, command: CommandLine, row: Any, server: Any, answer: Any, folder: Path
) -> None:
    clone.offer(card=row(sha256=SHA256, size=len(CONTENT)))
    server.says(answer(CONTENT))
    *events, result = lines(command("pull", "card", "--json"))
    amounts = [event["done"] for event in events if event["event"] == "progress"]
    assert amounts == sorted(amounts)
    assert (amounts[0], amounts[-1]) == (0, len(CONTENT))
    assert len(amounts) >= 4
    assert all(event["stage"] == "downloading" and event["total"] == len(CONTENT) for event in events)
    assert result == {
        "event": "result",
        "name": "card",
        "path": str(folder / "file.pth"),
        "size": len(CONTENT),
        "sha256": SHA256,
        "checked": "checked by its sha256",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_a_failure_is_one_sentence(
    clone: Any, command: CommandLine, row: Any, server: Any, answer: Any, folder: Path, as_json: bool
) -> None:
    clone.offer(card=row(sha256=SHA256))
    server.says(answer(status=404))
    done = command("pull", "card", *(["--json"] if as_json else []))
    assert done.returncode == 1
    message = lines(done)[-1]["message"] if as_json else done.stderr.rstrip("\n")
    assert "answers 404 Not Found" in message
    assert "\n" not in message
    assert "Traceback" not in done.stderr
    assert lines(done)[-1]["exit_code"] == 1 if as_json else done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("pull",),
        ("pull", "nobody"),
        ("pull", "card", "--accept-licence", "cart"),
        ("path", "nobody"),
        ("fetch",),
    ],
)
def test_bad_usage(
    clone: Any, command: CommandLine, row: Any, server: Any, folder: Path, arguments: tuple[str, ...]
) -> None:
    clone.offer(card=row(sha256=SHA256))
    done = command(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert server.requests == []


def test_of_several_names_none_is_fetched_if_one_is_refused(
    clone: Any, command: CommandLine, row: Any, server: Any, answer: Any, folder: Path
) -> None:
    clone.offer(
        card=row(sha256=SHA256), bound=row(sha256=SHA256, file="bound.pth", commercial_use="no", terms="None")
    )
    server.says(answer(CONTENT))
    assert command("pull", "card", "bound").returncode == 1
    assert server.requests == []
    assert command("pull", "card", "bound", "--accept-licence", "bound").returncode == 0
    assert (folder / "bound.pth").read_bytes() == (folder / "file.pth").read_bytes() == CONTENT


def test_offline(
    clone: Any,
    command: CommandLine,
    row: Any,
    server: Any,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clone.offer(card=row(sha256=SHA256))
    monkeypatch.setenv("SEMANTIC_MATTE_OFFLINE", "1")
    done = command("pull", "card")
    assert done.returncode == 1
    assert f"fetch {server.url()} elsewhere and put it as 'file.pth' into '{folder}'." in done.stderr
    assert done.stderr.count("\n") == 1
    assert server.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_keeps_what_came(
    clone: Any,
    command: CommandLine,
    row: Any,
    server: Any,
    answer: Any,
    folder: Path,
    number: signal.Signals,
    code: int,
) -> None:
    clone.offer(card=row(sha256=SHA256))
    # Two thirds of it come, then nothing more for a while.
    server.says(answer(CONTENT, stall_after=2_000_000), answer(CONTENT))
    process = start(clone, "pull", "card", "--json")
    partial = folder / "file.pth.partial"
    try:
        deadline = time.monotonic() + 60
        while not (partial.exists() and partial.stat().st_size > 1_800_000):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        os.kill(process.pid, number)
        out, complaint = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    returned = process.returncode if process.returncode >= 0 else 128 - process.returncode
    assert returned == code
    assert "Traceback" not in complaint
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "error"
    assert "the next pull goes on from there" in last["message"]
    here = partial.stat().st_size
    assert 1_800_000 < here < len(CONTENT)
    assert not (folder / "file.pth").exists()
    assert command("pull", "card").returncode == 0
    assert server.ranges == [None, f"bytes={here}-"]
    assert (folder / "file.pth").read_bytes() == CONTENT


def test_two_pulls_at_once_fetch_once(clone: Any, row: Any, server: Any, answer: Any, folder: Path) -> None:
    clone.offer(card=row(sha256=SHA256))
    server.says(answer(CONTENT, pause=5.0))
    first = start(clone, "pull", "card")
    deadline = time.monotonic() + 60
    while not server.requests:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = start(clone, "pull", "card")
    for process in (first, second):
        out, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint
        assert out.splitlines()[0] == str(folder / "file.pth")
        if process is second:
            assert complaint == "Another pull of 'card' is going on; waiting for it.\n"
    assert len(server.requests) == 1
    assert (folder / "file.pth").read_bytes() == CONTENT
    assert sorted(path.name for path in folder.iterdir()) == ["file.pth", "file.pth.json", "file.pth.lock"]


def test_one_that_waited_for_a_pull_that_was_killed_goes_on_with_it(
    clone: Any, row: Any, server: Any, answer: Any, folder: Path
) -> None:
    clone.offer(card=row(sha256=SHA256))
    server.says(answer(CONTENT, stall_after=2_000_000), answer(CONTENT))
    first = start(clone, "pull", "card")
    partial = folder / "file.pth.partial"
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 1_800_000):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = start(clone, "pull", "card")
    time.sleep(1.0)
    here = partial.stat().st_size
    first.kill()
    first.communicate()
    _, complaint = second.communicate(timeout=60)
    assert second.returncode == 0, complaint
    assert server.ranges == [None, f"bytes={here}-"]
    assert (folder / "file.pth").read_bytes() == CONTENT


@pytest.mark.slow
def test_a_model_with_terms_from_refusal_to_sidecar(
    command_line: CommandLine,
    clone: Any,
    row: Any,
    server: Any,
    answer: Any,
    folder: Path,
    small_photos: Path,
    tmp_path: Path,
) -> None:
    """A real Mask R-CNN, with random weights in the official layout, in place of the official file."""
    detection = pytest.importorskip("torchvision.models.detection")
    network = detection.maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    torch.save(network.state_dict(), tmp_path / "random.pth")
    content = (tmp_path / "random.pth").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    name = "torchvision_mask_rcnn_v2"
    official = row(sha256="bf2d0c1e", file="v1.pth", commercial_use="unclear")
    clone.offer(
        **{name: row(sha256=sha256[:8], commercial_use="unclear"), "torchvision_mask_rcnn_v1": official}
    )
    server.says(answer(content))
    out = tmp_path / "out"
    matte = ("matte", small_photos / "chelsea.png", "-o", out, "--passes", "1", "--estimator", "closed_form")
    segmenter = ("--segmenter", "torchvision:maskrcnn_resnet50_fpn_v2", "--confidence", "0.99")

    def said(*more: str) -> str:
        done = command_line(*matte, *segmenter, *more, core=clone.core)
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]

    assert said().endswith(f"--accept-licence {name}")
    assert said("--accept-licence", name) == f"Model '{name}' is not here: semantic-matte weights pull {name}"
    assert command_line("weights", "pull", name, "--accept-licence", name, core=clone.core).returncode == 0
    assert said().endswith(f"--accept-licence {name}")
    done = command_line(*matte, *segmenter, "--accept-licence", f"other, {name}", core=clone.core)
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "chelsea.matte.json").read_text(encoding="utf-8"))
    assert record["settings"]["accept_licence"] == ["other", name]
    model = next(model for model in record["models"] if model["name"] == name)
    assert (model["commercial_use"], model["licence_accepted"], model["sha256"]) == ("unclear", name, sha256)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_results_and_bar_do_not_share_a_line(clone: Any, folder: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "semantic_matte", "weights", "verify"],
        env={**os.environ, "PYTHONPATH": str(clone.core), "TERM": "xterm"},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    # Linux ends the reading with an error when the other side has gone.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    assert process.wait(60) == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "checking" in plain
    assert [line for line in plain.splitlines() if line.startswith("good  nanodet: ")] != []
