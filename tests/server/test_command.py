"""The command `serve`: where it listens, what it says, how it ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from kg_builder.cli import run
from kg_builder.server.app import _Front


def ended(process_id: int) -> bool:
    """Return whether a process is no more; one that nobody has buried yet is no more either."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def children(process_id: int) -> set[int]:
    """Return the processes under a process."""
    found: set[int] = set()
    for task in Path(f"/proc/{process_id}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= {int(child)} | children(int(child))
    return found


def test_it_listens_on_this_machine_only(served) -> None:
    assert served.url.startswith("http://127.0.0.1:")


def test_a_port_that_is_taken(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["serve", "--port", str(port), "--release", str(release)]) == 3
    assert f"cannot listen on 127.0.0.1 port {port}: address already in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--host", "no.such.host.invalid"], 2, "--host no.such.host.invalid"),
        (["--port", "99999"], 2, ""),
        (["--seconds", "0"], 2, ""),
        (["--public-url", "example.org"], 2, "begins with http"),
    ],
)
def test_faulty_options(
    arguments: list[str], code: int, said: str, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["serve", *arguments, "--release", str(release)]) == code
    assert said in capsys.readouterr().err


def test_no_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--port", "0", "--release", str(tmp_path)]) == 3
    assert "no release" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_without_the_packages_that_it_needs(
    package: str, release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("starlette", "uvicorn") or name.startswith("kg_builder.server."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert run(["serve", "--port", "0", "--release", str(release)]) == 3
    assert "pip install 'salvage-kg[serve]'" in capsys.readouterr().err


def test_the_url_by_which_clients_come(release: Path, serve) -> None:
    with serve(release, "--public-url", "https://kg.example/") as served:
        description = httpx.get(f"{served.url}/sparql", headers={"Accept": "application/n-triples"}).text
        assert "<https://kg.example/sparql>" in description
        assert served.url not in description


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_its_processes_end_with_it(how: signal.Signals, release: Path, serve) -> None:
    with serve(release) as served:
        below = children(served.process.pid)
        assert below
        served.process.send_signal(how)
        served.process.wait(timeout=15)
        assert all(ended(process_id) for process_id in below)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{served.url}/health")


def test_a_fault_of_the_program_is_told_without_what_was_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """The text of an error may quote a case: neither the answer nor the log may hold it."""
    secret = "zq7-secret-of-one-patient"
    sent: list[dict[str, Any]] = []

    async def fail(scope: object, receive: object, send: object) -> None:
        raise ValueError(f"cannot handle {secret}")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": secret.encode(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": f"/{secret}", "query_string": secret.encode(), "headers": [],
    }  # fmt: skip
    asyncio.run(_Front(fail, ())(scope, receive, send))
    start, body = sent
    assert start["status"] == 500
    assert b'"status": 500' in body["body"]
    captured = capsys.readouterr()
    assert "ValueError at " in captured.err
    assert secret not in captured.err + captured.out + str(sent)
