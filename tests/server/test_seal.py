"""What a sealed process can do, and what it can not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder.server.seal import seal_process


def in_sealed_child(files: bool, attempt: Any) -> str:
    """Return the name of the error that an attempt ends with in a process that is sealed; empty if it succeeds."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        word = "not sealed"
        try:
            if seal_process(files=files):
                attempt()
                word = ""
        except BaseException as error:  # noqa: BLE001 whatever ends the attempt is told
            word = type(error).__name__
        finally:
            os.write(writer, word.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        word = pipe.read()
    os.waitpid(pid, 0)
    if word == "not sealed":
        pytest.skip("this kernel cannot seal a process")
    return word


def call_out() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)):
        pass


def call_service() -> None:
    list(ox.Store().query("SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"))


@pytest.mark.parametrize(
    ("files", "attempt", "error"),
    [
        (False, call_out, "PermissionError"),
        (True, call_out, "PermissionError"),
        (False, lambda: Path("/etc/passwd").read_bytes(), "PermissionError"),
        (True, lambda: Path("/etc/passwd").read_bytes(), ""),
        (False, lambda: os.kill(os.getppid(), 0), "PermissionError"),
        (False, os.fork, "PermissionError"),
        (True, os.fork, "PermissionError"),
        (True, lambda: subprocess.run(["true"], check=True), "PermissionError"),
        (True, lambda: Path("/tmp").joinpath("what-no-case-leaves").mkdir(), "PermissionError"),
        (False, lambda: ox.Store().query("ASK { ?s ?p ?o }"), ""),
    ],
)
def test_what_a_sealed_process_can_do(files: bool, attempt: Any, error: str) -> None:
    assert in_sealed_child(files, attempt) == error


def test_the_engine_in_a_sealed_process_cannot_call_a_service() -> None:
    assert in_sealed_child(False, call_service) not in ("", "SyntaxError")


def test_workers_say_whether_they_are_sealed(running: Any) -> None:
    health = running.run(running.pool.health())
    sealed = in_sealed_child(False, lambda: None) == ""
    assert health["queries"]["sealed"] is sealed
    assert health["cases"]["sealed"] is sealed
