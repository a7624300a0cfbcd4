"""From a path to bytes that are text: gzip unpacked, what is no text refused in one line, the encoding found.

UTF-8 with and without byte-order mark, UTF-16, GB18030, Big5 and Windows-1252 are read; a file that mixes encodings is
refused.
"""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

MAX_BYTES = 2 * 1024**3  # unpacked
EMAIL = re.compile(r"[^\s@<>(),;:\"'=/]+@[^\s@<>(),;:\"'=/]+")


class ImportProblem(Exception):
    """The file cannot be imported and nothing was changed. The message is one line: file, where, remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(EMAIL.sub("[e-mail]", " ".join(message.split())))


@dataclass(frozen=True)
class Source:
    """A file's content. `sha256` is that of the unpacked content; `modified` the file's own date."""

    name: str
    data: bytes
    sha256: str
    modified: dt.date


def load(path: str | Path) -> Source:
    """The content of `path`. Raises ImportProblem for what is not there, not readable or not text."""
    path = Path(path)
    data = _bytes(path)
    modified = dt.date.fromtimestamp(path.stat().st_mtime)
    return Source(EMAIL.sub("[e-mail]", path.name), data, hashlib.sha256(data).hexdigest(), modified)


def _bytes(path: Path) -> bytes:
    """The file's bytes, unpacked when gzip. Raises ImportProblem for what is not readable or not a text file."""
    name = path.name
    if path.is_dir():
        raise ImportProblem(f"{path}: is a folder; name the files in it one by one.")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ImportProblem(f"{name}: there is no such file; check the path.") from error
    except PermissionError as error:
        raise ImportProblem(f"{name}: no permission to read it; change its access rights or copy it.") from error
    except OSError as error:
        raise ImportProblem(
            f"{name}: cannot be read ({error.strerror or error}); copy it to this disk and try again."
        ) from error
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, name)
    if not data.strip(b" \r\n\t\x00\xef\xbb\xbf\xff\xfe"):
        raise ImportProblem(f"{name}: is empty; export it again.")
    _refuse_binary(data, name)
    return data


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ImportProblem(f"{name}: the gzip archive is damaged; download it again.") from error
    if len(unpacked) > MAX_BYTES:
        raise ImportProblem(f"{name}: unpacks to more than 2 GiB; split it by date and import the parts.")
    return unpacked


def _refuse_binary(data: bytes, name: str) -> None:
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        try:
            excel = any(entry.startswith("xl/") for entry in zipfile.ZipFile(io.BytesIO(data)).namelist())
        except zipfile.BadZipFile:
            excel = False
        what = (
            "an Excel workbook, whatever its name says; open it and save it as 'CSV UTF-8'"
            if excel
            else "a ZIP archive; unpack it"
        )
        raise ImportProblem(f"{name}: is {what}, then import that.")
    signatures = {
        b"\xd0\xcf\x11\xe0": "an old Excel or Word file; open it and save it as 'CSV UTF-8'",
        b"%PDF": "a PDF; export the data as CSV",
        b"PAR1": "a Parquet file; export it as CSV",
    }
    for magic, what in signatures.items():
        if data.startswith(magic):
            raise ImportProblem(f"{name}: is {what}, then import that.")
    if re.match(rb"\s*(<!doctype html|<html)", data[:200], re.I):
        raise ImportProblem(
            f"{name}: is a web page, perhaps a sign-in page saved by mistake; download the export again."
        )


def encoding_of(data: bytes, name: str) -> tuple[str, list[str]]:
    """Which encoding reads every byte, and what to tell the user about it.

    Raises ImportProblem on a mixture or junk.
    """
    if data[:3] == b"\xef\xbb\xbf":
        encoding = "utf-8-sig"
    elif data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    else:
        head = np.frombuffer(data[:4096], dtype=np.uint8)
        even, odd = (head[0::2] == 0).mean(), (head[1::2] == 0).mean() if len(head) > 1 else 0.0
        encoding = "utf-16-le" if odd > 0.3 > even else "utf-16-be" if even > 0.3 > odd else "utf-8"
    if encoding.startswith("utf-16"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError as error:
            raise ImportProblem(
                f"{name}: breaks off in the middle of a UTF-16 character (byte {error.start}); export it again."
            ) from error
        return encoding, []
    control = np.bincount(np.frombuffer(data[:1_000_000], dtype=np.uint8), minlength=256)
    junk = control[:9].sum() + control[14:32].sum()
    if b"\x00" in data or junk > 10 + 0.001 * min(len(data), 1_000_000):
        raise ImportProblem(f"{name}: holds binary data, not text; export it as CSV.")
    try:
        data.decode("utf-8")
        return encoding, []
    except UnicodeDecodeError:
        return _legacy_encoding(data, name)


def _legacy_encoding(data: bytes, name: str) -> tuple[str, list[str]]:
    """Not UTF-8: Big5 or GB18030 when the high bytes come in their pairs, else Windows-1252; a mixture with UTF-8 is
    refused.
    """
    utf8_line = other_line = 0
    other: list[bytes] = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            utf8_line = utf8_line or number
        except UnicodeDecodeError:
            other_line = other_line or number
            other.append(line)
    pairs = sum(len(run) for line in other for run in re.findall(rb"(?:[\xb0-\xf7][\xa1-\xfe])+", line))
    high = sum(len(run) for line in other for run in re.findall(rb"[\x80-\xff]+", line))
    chinese = (
        high
        and pairs / high > 0.7
        and any(len(run) >= 4 for line in other for run in re.findall(rb"[\xa1-\xfe]+", line))
    )
    encoding, spoken = ("gb18030", "GB18030 (Chinese)") if chinese else ("cp1252", "Windows-1252")
    if _is_big5(b"\n".join(other), high):
        chinese, encoding, spoken = True, "cp950", "Big5 (traditional Chinese)"
    if utf8_line and not chinese:
        raise ImportProblem(
            f"{name}: mixes encodings: line {utf8_line} is UTF-8, line {other_line} is not; open it in a "
            "spreadsheet or editor, mend that line, save it as UTF-8 and import it again."
        )
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ImportProblem(f"{name}: line {line} is neither UTF-8 nor {spoken}; save the file as UTF-8.") from error
    return encoding, [f"The file is not UTF-8; it was read as {spoken}."]


def _is_big5(data: bytes, high: int) -> bool:
    """Whether nearly all of the `high` bytes stand in runs of Big5's common characters, a tenth of them ending in ASCII.

    GB18030's common characters never end in ASCII; in Windows-1252 such pairs come one at a time.
    """
    runs = b"".join(re.findall(rb"(?:[\xa1-\xc6\xc9-\xf9][\x40-\x7e\xa1-\xfe]){2,}", data))
    ascii_ends = sum(byte < 0x80 for byte in runs)
    return len(runs) - ascii_ends > 0.9 * high and ascii_ends > 0.05 * len(runs)
