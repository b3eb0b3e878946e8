"""Read a published text file, plain or gzip, with what is damaged told and a limit to what is unpacked."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Final

from kg_builder.issues import Issue, SourceError

MAX_BYTES: Final = 512 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b"


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, unpacked where it is gzip, without a byte-order mark.

    Raises:
        SourceError: S001 if the file cannot be read, S004 if it holds (unpacked) more than 512 MB, S007 if the
            gzip is damaged or cut short, S008 with the line if it is not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            is_packed = stream.read(2) == _GZIP
            stream.seek(0)
            if is_packed:
                with gzip.GzipFile(fileobj=stream) as packed:
                    data = packed.read(MAX_BYTES + 1)
            else:
                data = stream.read(MAX_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        hint = "fetch the file again and compare its size"
        raise _fault(path, 0, "S007", f"the compressed file is damaged or cut short: {error}", hint) from error
    except OSError as error:
        raise _fault(path, 0, "S001", f"cannot be read: {error.strerror or error}", "name a readable file") from error
    if len(data) > MAX_BYTES:
        raise _fault(path, 0, "S004", f"holds more than {MAX_BYTES // 1024**2} MB", "give the published file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte {data[error.start]:#04x} is not UTF-8"
        raise _fault(path, line, "S008", message, "give the file as published") from error


def _fault(path: Path, line: int, code: str, message: str, hint: str) -> SourceError:
    return SourceError([Issue(str(path), line, "", code, message, hint)])
