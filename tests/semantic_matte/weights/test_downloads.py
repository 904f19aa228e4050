"""Files from a real web server that cuts, stalls, redirects and lies: what is kept, what is asked for next."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from semantic_matte import downloads
from semantic_matte.downloads import Wanted, fetch
from semantic_matte.errors import DownloadError, OutputError

# Random, so that no part of it is like another; more than a block, and no whole number of them.
CONTENT = np.random.default_rng(0).bytes(300_001)
OTHER = np.random.default_rng(1).bytes(300_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
CHECKED = {"sha256": SHA256}


class Told:
    """What the user was shown."""

    def __init__(self) -> None:
        self.advances: list[tuple[int, int]] = []
        self.notices: list[str] = []

    def advance(self, done: int, total: int) -> None:
        self.advances.append((done, total))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache" / "file.pth"


def get(wanted: Wanted, place: Path, told: Told) -> Path:
    return fetch(wanted, place, told.advance, told.notices.append).keep()


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.parent.iterdir())


def test_a_file_appears_whole_and_nothing_else(server: Any, answer: Any, place: Path, told: Told) -> None:
    server.says(answer(CONTENT))
    wanted = Wanted(server.url(), len(CONTENT), {"sha256": SHA256[:8], "md5": hashlib.md5(CONTENT).hexdigest()})
    fetched = fetch(wanted, place, told.advance, told.notices.append)
    assert not place.exists()
    assert (fetched.size, fetched.sha256) == (len(CONTENT), SHA256)
    assert fetched.keep() == place
    assert place.read_bytes() == CONTENT
    assert names(place) == ["file.pth"]
    assert told.advances[0] == (0, len(CONTENT))
    assert told.advances[-1] == (len(CONTENT), len(CONTENT))
    assert told.notices == []
    assert server.requests[0][1]["accept-encoding"] == "identity"


def test_long_files_are_told_of_on_the_way(
    server: Any, answer: Any, place: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "TOLD_EVERY_BYTES", 100_000)
    server.says(answer(CONTENT))
    get(Wanted(server.url()), place, told)
    assert [done // 100_000 for done, _ in told.advances] == [0, 1, 2, 3]


def test_an_old_file_stays_until_the_new_one_is_whole(
    server: Any, answer: Any, place: Path, told: Told
) -> None:
    place.write_text("old")
    server.says(answer(CONTENT))
    fetched = fetch(Wanted(server.url()), place, told.advance, told.notices.append)
    assert place.read_text() == "old"
    fetched.keep()
    assert place.read_bytes() == CONTENT


def test_a_cut_connection_is_gone_on_with_where_it_was_cut(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    # Short of the end, the beginning, and a whole number of blocks.
    server.says(answer(CONTENT, cut_after=150_000), answer(CONTENT, cut_after=100_000), answer(CONTENT))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    first, second, third = server.ranges
    assert first is None
    assert 0 < begin(second) <= 150_000
    assert begin(second) < begin(third) <= begin(second) + 100_000
    assert all(headers["if-range"] == '"first"' for _, headers in server.requests[1:])
    assert names(place) == ["file.pth"]
    # Each brought something, so neither is a second failure in a row.
    assert waits == [1.0, 1.0]
    assert told.notices[0] == "127.0.0.1 cut the connection or fell silent; trying again in 1 s."


def begin(asked: str | None) -> int:
    assert asked is not None
    return int(asked.removeprefix("bytes=").removesuffix("-"))


def test_a_server_that_knows_no_ranges_is_begun_anew(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    server.says(answer(CONTENT, cut_after=150_000, ranges=False), answer(CONTENT, ranges=False))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert server.ranges[1] is not None


@pytest.mark.parametrize("if_range", [True, False], ids=["server asks", "we look"])
def test_a_file_that_changed_meanwhile_is_begun_anew(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float], if_range: bool
) -> None:
    changed = answer(OTHER, etag='"second"', if_range=if_range)
    server.says(answer(CONTENT, cut_after=150_000), changed)
    get(Wanted(server.url()), place, told)
    assert place.read_bytes() == OTHER
    assert len(server.requests) == (2 if if_range else 3)


def test_a_time_of_change_tells_files_apart_too(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    when = {"Last-Modified": "Sat, 06 Jun 2026 21:28:58 GMT"}
    dated = answer(CONTENT, etag='W/"weak"', headers=when, if_range=False)
    server.says(replace(dated, cut_after=150_000), dated)
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert begin(server.ranges[1]) > 0
    assert server.requests[1][1]["if-range"] == when["Last-Modified"]


def test_without_a_mark_to_know_it_by_a_part_is_not_gone_on_with(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    server.says(answer(CONTENT, cut_after=150_000, etag=""), answer(OTHER, etag=""))
    get(Wanted(server.url()), place, told)
    assert place.read_bytes() == OTHER
    assert server.ranges == [None, None]


def test_a_rest_from_elsewhere_is_not_appended(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    shifted = answer(b"x" * 10, status=206, headers={"Content-Range": "bytes 5-14/300001", "ETag": '"first"'})
    server.says(answer(CONTENT, cut_after=150_000), shifted, answer(CONTENT))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_given_up(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    server.says(answer(CONTENT, cut_after=150_000), answer(CONTENT[:1000]))
    get(Wanted(server.url(), checksums={"sha256": hashlib.sha256(CONTENT[:1000]).hexdigest()}), place, told)
    assert [asked is None for asked in server.ranges] == [True, False, True]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, BrokenPipeError])
def test_an_interrupted_download_goes_on_the_next_time(
    server: Any,
    answer: Any,
    place: Path,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[BaseException],
) -> None:
    def interrupt(done: int, total: int) -> None:
        """As Ctrl-C does, or a terminal that was closed."""
        if done > 100_000:
            raise kind

    monkeypatch.setattr(downloads, "TOLD_EVERY_BYTES", 50_000)
    server.says(answer(CONTENT))
    with pytest.raises(kind):
        fetch(Wanted(server.url()), place, interrupt, told.notices.append)
    assert names(place) == ["file.pth.partial", "file.pth.partial.json"]
    here = place.with_name("file.pth.partial").stat().st_size
    assert 100_000 < here < len(CONTENT)
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert server.ranges[1] == f"bytes={here}-"
    assert told.advances[0] == (here, len(CONTENT))
    assert names(place) == ["file.pth"]


def test_one_that_was_ended_before_the_check_is_only_checked(
    server: Any, answer: Any, place: Path, told: Told
) -> None:
    server.says(answer(CONTENT))
    fetch(Wanted(server.url()), place, told.advance, told.notices.append)
    server.says(answer(status=500))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize(
    "note",
    [
        b'{"url": "https://elsewhere/file.pth", "validator": "\\"first\\"", "total": 300001}',
        b'{"url": ',
        b"[]",
        b'{"url": "URL", "validator": "\\"first\\""}',
        b'{"url": "URL", "validator": "\\"first\\"", "total": "many"}',
        None,
    ],
    ids=["another address", "torn", "of another kind", "no length", "length in words", "none"],
)
def test_a_part_of_something_unknown_is_begun_anew(
    server: Any, answer: Any, place: Path, told: Told, note: bytes | None
) -> None:
    place.with_name("file.pth.partial").write_bytes(OTHER[:1000])
    if note is not None:
        place.with_name("file.pth.partial.json").write_bytes(note.replace(b"URL", server.url().encode()))
    server.says(answer(CONTENT))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert server.ranges == [None]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_may_pass_is_tried_again(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float], status: int
) -> None:
    server.says(answer(status=status), answer(status=status), answer(CONTENT))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert waits == [1.0, 2.0]
    assert told.notices[0].startswith(f"127.0.0.1 answers {status} ")


def test_the_server_may_say_how_long_to_wait(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    asked = [answer(status=503, headers={"Retry-After": text}) for text in ("7", "Sat, 06 Jun 2026", "86400")]
    server.says(*asked, answer(CONTENT))
    get(Wanted(server.url()), place, told)
    assert waits == [7.0, 2.0, downloads.LONGEST_WAIT_SECONDS]


def test_it_gives_up_after_tries_that_brought_nothing(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    server.says(answer(CONTENT, cut_after=150_000), answer(status=500))
    with pytest.raises(DownloadError, match="answers 500 Internal Server Error, 5 times in a row") as raised:
        get(Wanted(server.url()), place, told)
    assert server.url() in str(raised.value)
    assert len(server.requests) == 1 + downloads.TRIES
    assert waits == [1.0, 1.0, 2.0, 4.0, 8.0]
    # And goes on from what the first one brought when the server is well again.
    server.says(answer(CONTENT))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert begin(server.ranges[0]) > 0
    assert place.read_bytes() == CONTENT


def test_a_server_that_cuts_at_the_same_place_each_time_is_given_up(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    server.says(answer(CONTENT, cut_after=1 << 17, ranges=False))
    with pytest.raises(DownloadError, match="cut the connection or fell silent, 5 times in a row"):
        get(Wanted(server.url()), place, told)
    assert len(server.requests) <= downloads.TRIES + 2


def test_a_silent_server_is_tried_again(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", (5.0, 0.3))
    server.says(answer(CONTENT, pause=1.0), answer(CONTENT))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_an_answer_that_will_not_pass_ends_it(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float], status: int
) -> None:
    server.says(answer(b"<html>", status=status))
    with pytest.raises(DownloadError, match=f"127.0.0.1 answers {status} ") as raised:
        get(Wanted(server.url("gone.pth")), place, told)
    assert server.url("gone.pth") in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(server.requests) == 1
    assert waits == []
    assert names(place) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server: Any, answer: Any, place: Path, told: Told, status: int) -> None:
    # One with a whole address, one without.
    server.says(
        answer(status=status, headers={"Location": server.url("mirror/deep/one")}),
        answer(status=status, headers={"Location": "../two?x=1"}),
        answer(CONTENT),
    )
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/file.pth", "/mirror/deep/one", "/mirror/two?x=1"]


def test_redirects_that_never_end(server: Any, answer: Any, place: Path, told: Told) -> None:
    server.says(answer(status=302, headers={"Location": "round"}))
    with pytest.raises(DownloadError, match="from one address to the next and never to a file"):
        get(Wanted(server.url()), place, told)
    assert len(server.requests) == downloads.MOST_REDIRECTS + 1


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/file.pth", "data:,x"])
def test_redirects_to_anything_but_the_web_are_refused(
    server: Any, answer: Any, place: Path, told: Told, target: str
) -> None:
    server.says(answer(status=302, headers={"Location": target}))
    with pytest.raises(DownloadError, match=r"is not fetched .*leads there.*: expected https, got"):
        get(Wanted(server.url()), place, told)
    assert names(place) == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/file.pth", "/etc/hostname"])
def test_only_the_web_is_asked(place: Path, told: Told, url: str) -> None:
    with pytest.raises(DownloadError, match="expected https, got"):
        get(Wanted(url), place, told)


def test_wrong_bytes_are_removed(server: Any, answer: Any, place: Path, told: Told) -> None:
    place.write_text("old")
    server.says(answer(OTHER))
    with pytest.raises(DownloadError) as raised:
        get(Wanted(server.url(), checksums=CHECKED), place, told)
    found = hashlib.sha256(OTHER).hexdigest()
    assert f"expected sha256 {SHA256[:12]}..., got {found[:12]}..." in str(raised.value)
    assert names(place) == ["file.pth"]
    assert place.read_text() == "old"
    server.says(answer(CONTENT))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert server.ranges == [None]
    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "checksums",
    [
        {"sha256": SHA256, "md5": "0123456789abcdef" * 2},
        {"sha256": SHA256[:7] + ("0" if SHA256[7] != "0" else "1")},
        {"sha256": SHA256[:8], "md5": "000000"},
    ],
)
def test_every_checksum_counts_to_its_last_digit(
    server: Any, answer: Any, place: Path, told: Told, checksums: dict[str, str]
) -> None:
    server.says(answer(CONTENT))
    with pytest.raises(DownloadError, match="not what it should be"):
        get(Wanted(server.url(), checksums=checksums), place, told)
    assert names(place) == []


def test_another_size_is_refused_before_the_body(server: Any, answer: Any, place: Path, told: Told) -> None:
    server.says(answer(CONTENT))
    with pytest.raises(DownloadError, match=r"expected 300,000 bytes, 127.0.0.1 has 300,001"):
        get(Wanted(server.url(), size=300_000), place, told)
    assert names(place) == []
    assert told.advances == []


def test_a_packed_body_is_refused(server: Any, answer: Any, place: Path, told: Told) -> None:
    server.says(answer(CONTENT, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(DownloadError, match="can't be fetched"):
        get(Wanted(server.url()), place, told)
    assert names(place) == []


def test_a_body_of_untold_length(server: Any, answer: Any, place: Path, told: Told) -> None:
    server.says(answer(CONTENT, length=False))
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT
    assert told.advances[-1] == (len(CONTENT), 0)


def test_no_network(place: Path, told: Told, waits: list[float]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    with pytest.raises(DownloadError, match=r"127.0.0.1 can't be reached .*5 times in a row") as raised:
        get(Wanted(f"http://127.0.0.1:{port}/file.pth"), place, told)
    assert "\n" not in str(raised.value)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert names(place) == []


def test_a_proxy_that_is_not_there(
    place: Path, told: Told, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="the proxy that HTTPS_PROXY or HTTP_PROXY names"):
        get(Wanted("https://example.org/file.pth"), place, told)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Self-signed for 127.0.0.1, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    path = tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    made = [
        *command.split(),
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(path),
        "-out",
        str(tmp_path / "c.pem"),
    ]
    subprocess.run(made, check=True, capture_output=True)
    with path.open("ab") as file:
        file.write((tmp_path / "c.pem").read_bytes())
    return path


@pytest.fixture
def safe_server(make_server: Any, certificate: Path) -> Iterator[Any]:
    running = make_server(certificate)
    yield running
    running.stop()


def test_https_with_a_certificate_of_the_house(
    safe_server: Any, answer: Any, place: Path, told: Told, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    safe_server.says(answer(CONTENT))
    get(Wanted(safe_server.url(), checksums=CHECKED), place, told)
    assert place.read_bytes() == CONTENT


def test_https_with_a_certificate_of_nobody(
    safe_server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    safe_server.says(answer(CONTENT))
    with pytest.raises(DownloadError, match=r"no certificate that is trusted here.*REQUESTS_CA_BUNDLE"):
        get(Wanted(safe_server.url()), place, told)
    assert safe_server.requests == []
    assert waits == []


def test_https_does_not_lead_to_http(
    safe_server: Any,
    server: Any,
    answer: Any,
    place: Path,
    told: Told,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    safe_server.says(answer(status=302, headers={"Location": server.url()}))
    server.says(answer(CONTENT))
    with pytest.raises(DownloadError, match="expected https, got http"):
        get(Wanted(safe_server.url()), place, told)
    assert server.requests == []


def free_bytes(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr(downloads, "shutil", SimpleNamespace(disk_usage=lambda _: usage))


@pytest.mark.parametrize("known", [True, False], ids=["by the manifest", "by the server"])
def test_too_little_room_is_told_before_the_body(
    server: Any, answer: Any, place: Path, told: Told, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    free_bytes(monkeypatch, len(CONTENT) - 1)
    server.says(answer(CONTENT))
    with pytest.raises(OutputError, match=r"too little room: 0.3 MB are needed") as raised:
        get(Wanted(server.url(), len(CONTENT) if known else None), place, told)
    assert str(place.parent) in str(raised.value)
    assert names(place) == []
    assert len(server.requests) == (0 if known else 1)


def test_only_the_rest_needs_room(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.says(answer(CONTENT, cut_after=150_000), answer(status=404))
    with pytest.raises(DownloadError):
        get(Wanted(server.url()), place, told)
    here = place.with_name("file.pth.partial").stat().st_size
    free_bytes(monkeypatch, len(CONTENT) - here)
    server.says(answer(CONTENT))
    get(Wanted(server.url(), len(CONTENT), CHECKED), place, told)
    assert place.read_bytes() == CONTENT


def test_a_disk_that_fills_up_on_the_way(
    server: Any, answer: Any, tmp_path: Path, told: Told, small_disk: Any
) -> None:
    with small_disk(tmp_path / "small", "size=256k") as small:
        # Nobody says how long it is, so nobody can know before.
        server.says(answer(CONTENT, length=False))
        with pytest.raises(OutputError, match="the disk is full; free some space") as raised:
            get(Wanted(server.url()), small / "file.pth", told)
        assert "file.pth.partial" in str(raised.value)
        assert "\n" not in str(raised.value)
        assert not (small / "file.pth").exists()


LIMITED = """
import resource, sys
from pathlib import Path
from semantic_matte.downloads import Wanted, fetch
from semantic_matte.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    fetch(Wanted({url!r}), Path({place!r}), lambda done, total: None, print)
except OutputError as error:
    print(error)
    sys.exit(0)
sys.exit(4)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_file_that_may_not_grow_is_gone_on_with_when_it_may(
    server: Any, answer: Any, place: Path, told: Told
) -> None:
    server.says(answer(CONTENT))
    code = LIMITED.format(url=server.url(), place=str(place))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "would be larger than is allowed" in done.stdout
    assert done.stdout.count("\n") == 1
    assert names(place) == ["file.pth.partial", "file.pth.partial.json"]
    assert place.with_name("file.pth.partial").read_bytes() == CONTENT[:200_000]
    get(Wanted(server.url(), checksums=CHECKED), place, told)
    assert server.ranges[-1] == "bytes=200000-"
    assert place.read_bytes() == CONTENT


def test_a_folder_that_went_away(server: Any, answer: Any, place: Path, told: Told) -> None:
    place.parent.rmdir()
    server.says(answer(CONTENT))
    with pytest.raises(OutputError, match="its folder does not exist"):
        get(Wanted(server.url()), place, told)


def test_the_file_is_flushed_before_it_is_renamed(
    server: Any, answer: Any, place: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        """Named is what is flushed, if all of it is there."""
        whole = {path.stat().st_ino: path.name for path in place.parent.iterdir() if path.stat().st_size > 1000}
        steps.append(f"flush {whole.get(os.fstat(descriptor).st_ino, '')}")
        fsync(descriptor)

    def watched_rename(source: Path, target: Any) -> Path:
        steps.append(f"rename to {Path(target).name}" if Path(target) == place else "")
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_rename)
    server.says(answer(CONTENT))
    get(Wanted(server.url()), place, told)
    # While it still is a part, which an interrupt leaves alone.
    assert steps.index("flush file.pth.partial") < steps.index("rename to file.pth")


def test_the_note_of_a_part_says_what_it_is_of(
    server: Any, answer: Any, place: Path, told: Told, waits: list[float]
) -> None:
    server.says(answer(CONTENT, cut_after=150_000), answer(status=404))
    with pytest.raises(DownloadError):
        get(Wanted(server.url()), place, told)
    note = json.loads(place.with_name("file.pth.partial.json").read_text(encoding="utf-8"))
    assert note == {"url": server.url(), "validator": '"first"', "total": len(CONTENT)}
