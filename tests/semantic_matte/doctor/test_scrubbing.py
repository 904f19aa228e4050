"""Nothing private in a bundle: a table of what goes and what stays, and properties over made-up secrets."""

from __future__ import annotations

import json
import re
import urllib.parse
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from semantic_matte.doctor import bundle as bundles
from semantic_matte.doctor.bundle import bundle_members, package_lines, write_bundle
from semantic_matte.doctor.finding import Finding
from semantic_matte.doctor.scrubbing import Scrubber, private_names
from semantic_matte.errors import OutputError, UsageError

DETECTRON2 = "https://github.com/facebookresearch/detectron2"
ANN = Scrubber(
    {"/srv/homes/ann": "home", "ann": "user", "renderbox": "host", "x1": "host", "Müller": "user"}, ["3.2.2.0"]
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        # Names, wherever they stand and however they are written.
        ("by ann on RENDERBOX", "by <user> on <host>"),
        ("annual", "<user>ual"),
        ("x1 and x10", "<host> and x10"),
        ("M\\u00fcller, M%C3%BCller, Mu\u0308ller", "<user>, <user>, <user>"),
        # Paths, but for what lies in this engine.
        ("see /srv/homes/ann/shots/a b/x", "see <path>"),
        ("see '/mnt/job 7/plates' now", "see '<path>' now"),
        ("see ~/shots and more", "see <path>"),
        ("see ~bob/shots", "see <path>"),
        ("in ./secret/shots", "in <path>"),
        ("flag -I/usr/include/secret", "flag <path>"),
        ("D:\\shots\\secret", "<path>"),
        ('open("D:\\\\shots\\\\secret")', 'open("<path>")'),
        ("\\\\server\\share\\secret", "<path>"),
        ('File "/x/y/semantic_matte/engine.py", line 3', 'File "<package>/semantic_matte/engine.py", line 3'),
        ("/x/semantic_matte_client/wire.py:12: oh", "<package>/semantic_matte_client/wire.py:12: oh"),
        ('File "/x/semantic_matte/secret_shot.py", line 3', 'File "<path>", line 3'),
        ('File "/x/site-packages/torch/nn.py", line 3', 'File "<path>", line 3'),
        ("'/mnt/John's shots/secret' is not there", "'<path>' is not there"),
        ('File "/x/" y.py", line 3, in run', 'File "<path>", line 3, in run'),
        # Files.
        ("'my shot.exr' can't be read", "'<file>' can't be read"),
        ("my shot.1001.EXR: 3 objects", "<file>: 3 objects"),
        ("2026-01-02 03:04:05,678 INFO job 7 my shot.exr done", "2026-01-02 03:04:05,678 INFO<file> done"),
        ("it's.exr and 'more'", "<file> and 'more'"),
        # Addresses and numbers.
        ("mail ann.other+x@studio.co.uk!", "mail <e-mail>!"),
        ("at 10.1.2.3:8080, addr:10.1.2.3.", "at <address>:8080, addr:<address>."),
        ("at fe80::1%eth0 or [::1]:80", "at <address> or [<address>]:80"),
        ("mac 00:1a:2b:3c:4d:5e", "mac <serial>"),
        ("GPU-12345678-1234-1234-1234-123456789abc", "<serial>"),
        ("serial number: AB-1234", "<serial>"),
        ("http://intranet/x?y", "<url>"),
        ("https://user:word@github.com/x", "<url>"),
        ("https://github.com/x?token=1", "<url>"),
        # What stays.
        (f"{DETECTRON2} says", f"{DETECTRON2} says"),
        ("https://github.com/ann/secret", "<url>"),
        ("ocio://secret", "<url>"),
        ("ocio://default", "ocio://default"),
        ("ready: --estimator onnx:path/to/model.onnx", "ready: --estimator onnx:path/to/model.onnx"),
        ("ready: --segmenter transformers:folder", "ready: --segmenter transformers:folder"),
        ("read:path/to/model.onnx now", "<path> now"),
        ("3.2.2.0", "3.2.2.0"),
        ("driver 550.54.15, CUDA 12.8, 12:34:56 s", "driver 550.54.15, CUDA 12.8, 12:34:56 s"),
        ("cuda:0: Networks run on NVIDIA H100 80GB HBM3.", "cuda:0: Networks run on NVIDIA H100 80GB HBM3."),
        ("RuntimeError: CUDA error in at::Tensor, 5/10", "RuntimeError: CUDA error in at::Tensor, 5/10"),
        ("'person' or 'network'", "'person' or 'network'"),
        ("bell\a, \ue0000\ue001", "bell?, ?0?"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_goes_and_what_stays(text: str, left: str) -> None:
    assert ANN.text(text) == left


# Names as people give them. Not in angle brackets, which are the marks' own.
letters = st.characters(categories=["Lu", "Ll", "Lo", "Nd"], max_codepoint=0x2FFF)
name = st.text(letters, min_size=3, max_size=12)
# A plate may be called anything that a file can be called.
anything = st.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters="/\0\n<>")
plate = st.text(anything, min_size=3, max_size=12).map(str.strip).filter(lambda text: len(text) >= 3)

LOG_LINES = (
    "2026-01-02 03:04:05,678 INFO job 12: reading {home}/shots/{plate}.exr",
    "2026-01-02 03:04:05,678 ERROR '{home}/{plate}.1001.exr' can't be read: ask {user}@{host}",
    "client {user} on {host}: process 4",
    '  File "{home}/tools/{plate}.py", line 3, in run',
    "engine 7: {plate}.exr: 3 objects found in {plate}.png",
    "'{plate}.exr' is no plate",
    "wrote {json}",
    "{ascii} {percent}",
    "{upper} and {host}",
)


def told(line: str, home: str, user: str, host: str, plate: str) -> str:
    """A log's line with the secrets in it."""
    return line.format(
        home=home,
        user=user,
        host=host,
        plate=plate,
        json=json.dumps({"plate": f"{home}/{plate}.exr", "user": user}),
        ascii=ascii(user)[1:-1],
        percent=urllib.parse.quote(f"{home}/{user}"),
        upper=user.upper() if user.upper().lower() == user else user,
    )


# Everything that a bundle of nobody says, and the marks.
FRAME = " ".join(LOG_LINES).casefold() + (
    " doctor.json packages.txt controls.sha256 logs/worker-1.log worker-2.log what status found ok error"
    " <home> <user> <host> <path> <file> <e-mail> <address> <serial> <url> <environment> <package> <name> (cut)"
    " controls.json numpy 2.0.1 torch device cpu plate semantic_matte.py"
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(name, min_size=1, max_size=3), name, name, plate, st.lists(st.sampled_from(LOG_LINES), min_size=1)
)
def test_no_secret_is_in_any_member(
    folders: list[str], user: str, host: str, plate: str, lines: list[str]
) -> None:
    home = "/" + "/".join([*folders, user])
    secrets = [home, *folders[1:], user, host, plate]
    # A user called "torch" is not given away by the word.
    assume(not any(secret.casefold() in FRAME for secret in secrets))
    checksum = bundles.controls_checksum()
    assume(not any(secret.casefold() in checksum for secret in secrets))
    log = "\n".join(told(line, home, user, host, plate) for line in lines)
    rows = [Finding("device", "ok", told(line, home, user, host, plate)) for line in lines]
    scrubber = Scrubber({home: "home", user: "user", host: "host"})
    members = bundle_members(rows, [("numpy", "2.0.1")], [log, log], scrubber)
    for title, content in members.items():
        text = content.decode("utf-8").casefold()
        for secret in secrets:
            for form in (secret, json.dumps(secret)[1:-1], ascii(secret)[1:-1]):
                assert form.casefold() not in text, (title, secret, text)
                assert form.casefold() not in title
    assert list(json.loads(members["doctor.json"])[0]) == ["what", "status", "found"]
    assert members["packages.txt"] == b"numpy 2.0.1\n"


@given(st.text(max_size=300))
def test_any_text_can_be_scrubbed_twice(text: str) -> None:
    """It never breaks, and what it made needs no more."""
    once = ANN.text(text)
    assert once.count("\n") == text.count("\n")
    assert ANN.text(once) == once or "<" in once


def test_a_line_without_end_takes_no_time() -> None:
    text = ANN.text("a@" * 100_000 + " /x" * 100_000 + "'" * 10_001)
    assert len(text) < 5000


def test_names_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "Zoë Müller"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("LOGNAME", "zoe.mueller")
    monkeypatch.setenv("SHOW", "secret_show")
    monkeypatch.setenv("PATHS_OF_JOB", "/mnt/jobs/one:/mnt/jobs/two")
    monkeypatch.setenv("FLAG", "1")
    monkeypatch.setenv("LEVEL", "123456")
    names = private_names()
    assert names[str(home)] == "home"
    assert names["zoe.mueller"] == "user"
    assert names["secret_show"] == "environment"
    assert names["/mnt/jobs/two"] == "environment"
    assert "1" not in names
    assert "123456" not in names
    text = Scrubber.of_this_machine().text(f"{home} zoe.mueller secret_show 1 ok")
    assert re.fullmatch(r"<\w+>(\S*) <user> <environment> 1 ok", text) or text == "<path>"
    for secret in ("Zoë", "zoe.mueller", "secret_show"):
        assert secret not in text


def test_packages_have_public_versions_alone() -> None:
    rows = [
        ("torch", "2.9.1+cu128"),
        ("studio_tools", "1.2.3+ann.secret"),
        ("nvidia-cublas-cu12", "12.8.4.1"),
        ("odd", "not a version /srv/homes/ann"),
        ("path/to/it", "1"),
        ("pre", "1!2.0rc1.post2.dev3"),
    ]
    assert package_lines(rows) == [
        "torch 2.9.1+cu128",
        "studio_tools 1.2.3",
        "nvidia-cublas-cu12 12.8.4.1",
        "odd ?",
        "pre 1!2.0rc1.post2.dev3",
    ]


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of logs with two of a worker and something else."""
    folder = tmp_path / "logs"
    folder.mkdir()
    monkeypatch.setenv("SEMANTIC_MATTE_LOGS", str(folder))
    (folder / "worker-gpu.log").write_text("read '/mnt/secret/plate.exr'\n" * 3000, encoding="utf-8")
    (folder / "worker-gpu.log.1").write_bytes(b"\xff\xfe older\n")
    (folder / "diary.log").write_text("dear diary", encoding="utf-8")
    return folder


def test_the_file(logs: Path, tmp_path: Path) -> None:
    place = tmp_path / "report ü.zip"
    rows = [Finding("weights folder", "ok", str(tmp_path / "x"))]
    named = write_bundle(place, rows)
    with zipfile.ZipFile(place) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == named
        assert named == [
            "doctor.json",
            "packages.txt",
            "controls.sha256",
            "logs/worker-1.log",
            "logs/worker-2.log",
        ]
        for member in archive.infolist():
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert (member.extra, member.comment) == (b"", b"")
        assert archive.comment == b""
        contents = {name: archive.read(name).decode("utf-8") for name in named}
    assert contents["logs/worker-1.log"] == "read '<path>'\n" * 2000
    assert "older" in contents["logs/worker-2.log"]
    assert "pytest " in contents["packages.txt"]
    assert not any("diary" in text or "secret" in text for text in contents.values())
    [row] = json.loads(contents["doctor.json"])
    assert (row["what"], row["status"]) == ("weights folder", "ok")
    assert "tmp" not in row["found"]
    assert not place.read_bytes().count(b"report")


def test_no_logs_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEMANTIC_MATTE_LOGS", str(tmp_path / "nowhere"))
    assert write_bundle(tmp_path / "report.zip", []) == ["doctor.json", "packages.txt", "controls.sha256"]


def test_it_is_written_whole_or_not_at_all(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "report.zip"
    place.write_bytes(b"earlier")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_bundle(place, [])
    assert place.read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "report.zip"]


@pytest.mark.parametrize("name", ["report", "report.txt", "report.zip.gz"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"is a \.zip file"):
        write_bundle(tmp_path / name, [])
