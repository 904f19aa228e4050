"""Files over HTTP: resumed, retried, checked, and in their place whole or not at all. Knows nothing of models.

What came so far lies beside the place as NAME.partial, with NAME.partial.json, which tells what it is a part
of; an interrupted download goes on from there. requests does the talking: it is kept well, has no binary parts,
and takes proxies and certificates as studios set them (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE). Its own
retries know nothing of a body that was cut, so tries are counted here.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from semantic_matte.checksums import difference, digests
from semantic_matte.errors import DownloadError, OutputError
from semantic_matte.outputs.atomic import refusal, replacing
from semantic_matte.partial_files import PartialFile

if TYPE_CHECKING:
    from requests import Response, Session

# In a row and without a byte more than before; one that brings something begins the count anew.
TRIES = 5
# Before the second try; doubled for each further one.
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
# To connect, and between two packets.
TIMEOUT_SECONDS = (15.0, 60.0)
MOST_REDIRECTS = 10
# A cut connection loses at most one block.
BLOCK_BYTES = 1 << 16
TOLD_EVERY_BYTES = 1 << 20
# Answers that may be another one in a moment.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class Wanted:
    """What to fetch.

    url: https, or http where it is given so. size: in bytes, None if it is not known before. checksums: by
    algorithm, in hexadecimal, whole or first digits (see `checksums.difference`).
    """

    url: str
    size: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fetched:
    """A whole and checked file that is not in its place yet. sha256: whole; size: in bytes."""

    partial: PartialFile
    size: int
    sha256: str

    def keep(self) -> Path:
        """Rename it into its place, flushed. Returns the place. Raises OutputError."""
        with replacing(self.partial.place) as temporary:
            self.partial.path.replace(temporary)
        self.partial.discard()
        return self.partial.place


class _CutError(Exception):
    """A try that failed and may be repeated: a clause that says how. wait: what the server asks for, in
    seconds."""

    def __init__(self, clause: str, wait: float = 0.0) -> None:
        super().__init__(clause)
        self.wait = wait


def fetch(
    wanted: Wanted,
    place: Path,
    advance: Callable[[int, int], None],
    notice: Callable[[str], None],
) -> Fetched:
    """Fetch a file beside its place, or the rest of it, and check it; `keep` of the result puts it there.

    place: in a folder that is there. advance: told bytes here and bytes in all (0: not known). notice: told a
    sentence of every try that failed. Any exception, KeyboardInterrupt too, leaves what came for the next time.
    Raises DownloadError if the file can't be had or is another one (then nothing is kept of it), OutputError if
    the disk is full or refuses.
    """
    _check_scheme(wanted.url, wanted.url)
    partial = PartialFile(place, wanted.url)
    if not partial.complete:
        _check_space(place.parent, (wanted.size or 0) - partial.length)
        _fetch_in_tries(wanted, partial, advance, notice)
    with _told_of(partial.path):
        size = partial.path.stat().st_size
        found = digests(partial.path, ["sha256", *wanted.checksums])
    clause = difference(wanted.checksums, found)
    if clause:
        partial.discard()
        raise DownloadError(
            f"What came from {wanted.url} is not what it should be and was removed: {clause}. Try again; if it "
            "stays so, a proxy alters it or its publisher changed it."
        )
    return Fetched(partial, size, found["sha256"])


def _fetch_in_tries(
    wanted: Wanted, partial: PartialFile, advance: Callable[[int, int], None], notice: Callable[[str], None]
) -> None:
    """Until the partial file is whole. Raises DownloadError after TRIES that brought nothing."""
    import requests

    failures, furthest = 0, partial.length
    with requests.Session() as session:
        while True:
            try:
                return _try_once(session, wanted, partial, advance)
            except _CutError as cut:
                failures = failures + 1 if partial.length <= furthest else 0
                furthest = max(furthest, partial.length)
                if failures >= TRIES:
                    raise DownloadError(
                        f"{wanted.url} can't be fetched: {cut}, {failures} times in a row. Check the network "
                        "and try again; what came so far is kept."
                    ) from None
                wait = min(max(cut.wait, FIRST_WAIT_SECONDS * 2 ** max(failures - 1, 0)), LONGEST_WAIT_SECONDS)
                notice(f"{cut}; trying again in {wait:.0f} s.")
            time.sleep(wait)


def _try_once(
    session: Session, wanted: Wanted, partial: PartialFile, advance: Callable[[int, int], None]
) -> None:
    """One request for what is missing, to its end. Raises _CutError, DownloadError or OutputError."""
    response = _answer(session, wanted.url, partial.request_headers())
    with response:
        start, total = _agree(response, wanted, partial)
        _check_space(partial.path.parent, (total or 0) - start)
        with _told_of(partial.path):
            if not start:
                partial.begin(_validator(response), total)
            # Unbuffered, so that what was written survives a hard end.
            file = partial.path.open("r+b" if start else "wb", buffering=0)
        with file:
            length = _write(file, start, _blocks(response), lambda done: advance(done, total or 0))
    if total is not None and length != total:
        raise _CutError(f"{_host(response.url)} cut the connection after {length:,} of {total:,} bytes")


def _write(file: FileIO, start: int, blocks: Iterator[bytes], advance: Callable[[int], None]) -> int:
    """Append the blocks, flushed to disk, and tell now and then how long the file is. Returns its length."""
    done = told = start
    advance(done)
    with _told_of(Path(file.name)):
        file.seek(start)
    for block in blocks:
        rest = memoryview(block)
        while rest:
            with _told_of(Path(file.name)):
                rest = rest[file.write(rest) :]
        done += len(block)
        if done - told >= TOLD_EVERY_BYTES:
            advance(done)
            told = done
    # Here, where an interrupt costs nothing: a gigabyte takes its time, and renaming it should take none.
    with _told_of(Path(file.name)):
        os.fsync(file.fileno())
    advance(done)
    return done


def _answer(session: Session, url: str, headers: Mapping[str, str]) -> Response:
    """The server's answer with the bytes asked for, after its redirects. Raises _CutError or DownloadError."""
    import requests

    here = url
    for _ in range(MOST_REDIRECTS + 1):
        _check_scheme(here, url)
        try:
            response = session.get(
                here, headers=headers, stream=True, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise _no_answer(error, here) from None
        if response.status_code not in _REDIRECTS or "location" not in response.headers:
            return response
        response.close()
        here = urljoin(here, response.headers["location"])
    raise DownloadError(f"{url} can't be fetched: it leads from one address to the next and never to a file.")


def _agree(response: Response, wanted: Wanted, partial: PartialFile) -> tuple[int, int | None]:
    """Where in the file the answer begins, and how long the whole is (None: not told).

    Raises _CutError for an answer that may be another one in a moment, DownloadError for one that is final.
    """
    status, host = response.status_code, _host(response.url)
    if status in _PASSING:
        raise _CutError(f"{host} answers {status} {response.reason}", _asked_wait(response))
    if status == 416:
        partial.discard()
        raise _CutError(f"{host} has no rest to what was here, which is given up")
    if status not in (200, 206) or response.headers.get("content-encoding", "identity") != "identity":
        raise DownloadError(
            f"{wanted.url} can't be fetched: {host} answers {status} {response.reason}. See with a browser "
            f"what is there; a file from elsewhere can be put as '{partial.place}' by hand."
        )
    if status == 206:
        start, total = _content_range(response)
        if start != partial.length or _validator(response) not in ("", partial.validator):
            partial.discard()
            raise _CutError(f"{host} has another file than before; it is begun anew")
    else:
        length = response.headers.get("content-length", "")
        start, total = 0, int(length) if length.isdecimal() else None
    if wanted.size is not None and total not in (None, wanted.size):
        partial.discard()
        raise DownloadError(
            f"{wanted.url} is not what it should be: expected {wanted.size:,} bytes, {host} has {total:,}."
        )
    return start, total


def _content_range(response: Response) -> tuple[int, int | None]:
    """Start and whole length out of `bytes 100-199/200` (RFC 9110, 14.4); start -1 if it is not of that
    kind."""
    unit, _, rest = response.headers.get("content-range", "").partition(" ")
    span, _, total = rest.partition("/")
    start = span.partition("-")[0]
    if unit != "bytes" or not start.isdecimal():
        return -1, None
    return int(start), int(total) if total.isdecimal() else None


def _validator(response: Response) -> str:
    """What tells this very file from a later one of its address: a strong ETag, else the time of its last
    change."""
    tag = response.headers.get("etag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("last-modified", "")


def _blocks(response: Response) -> Iterator[bytes]:
    """The body. Where it ends too early it raises _CutError: errors of requests are OSErrors, as those of the
    disk."""
    import requests

    try:
        yield from response.iter_content(BLOCK_BYTES)
    except requests.RequestException:
        raise _CutError(f"{_host(response.url)} cut the connection or fell silent") from None


def _no_answer(error: Exception, url: str) -> Exception:
    """What it means that a request got no answer: _CutError if that may pass, else DownloadError."""
    import requests

    host = _host(url)
    if isinstance(error, requests.exceptions.SSLError):
        return DownloadError(
            f"{url} can't be fetched: {host} shows no certificate that is trusted here. If a proxy of your "
            "house stands between, name its certificate by REQUESTS_CA_BUNDLE."
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return _CutError("the proxy that HTTPS_PROXY or HTTP_PROXY names can't be reached")
    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return _CutError(f"{host} can't be reached or does not answer")
    return DownloadError(f"{url} can't be fetched: {str(error).rstrip('.')}.")


def _asked_wait(response: Response) -> float:
    """Seconds of a Retry-After; 0 if there is none, or a date."""
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else 0.0


def _check_scheme(url: str, first: str) -> None:
    """Raise DownloadError unless it is https; or http, if the first address is http too."""
    scheme, begun = urlsplit(url).scheme, urlsplit(first).scheme
    if scheme == "https" or (scheme == begun == "http"):
        return
    came = f" ({first} leads there)" if url != first else ""
    raise DownloadError(f"{url} is not fetched{came}: expected https, got {scheme or 'no scheme'}.")


def _check_space(folder: Path, needed: int) -> None:
    """Raise OutputError if the disk has less room than is needed, in bytes."""
    with _told_of(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"'{folder}' has too little room: {needed / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are "
            "free; free some space or choose another folder."
        )


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """OSErrors of the disk as OutputError."""
    try:
        yield
    except OSError as reason:
        raise OutputError(refusal(path, reason)) from reason


def _host(url: str) -> str:
    """Whom to name in a sentence."""
    return urlsplit(url).hostname or url
