"""SPARQL servers on loopback, each in a folder and at a port of its own: real ones, and one that misbehaves."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlsplit

import pyoxigraph as ox
import pytest

from kg_builder import KnowledgeGraph
from kg_builder.graph.release import build_release
from kg_builder.remote.client import Client
from kg_builder.remote.endpoint import Endpoint

ROOT = Path(__file__).parents[2]
WORLD = ROOT / "tests" / "derivation" / "knowledge"


# --- releases -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release of the made-up world."""
    folder = tmp_path_factory.mktemp("remote")
    shutil.copytree(ROOT / "ontology" / "core", folder / "core")
    build_release(WORLD, folder / "core", folder / "build")
    return folder / "build"


@pytest.fixture(scope="session")
def other_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release of less: the made-up world under another version, one claim table poorer."""
    folder = tmp_path_factory.mktemp("former")
    shutil.copytree(ROOT / "ontology" / "core", folder / "core")
    tables = folder / "tables"
    shutil.copytree(WORLD, tables)
    table = tables / "testitis" / "toxicities.tsv"
    table.write_text(table.read_text().splitlines(keepends=True)[0])
    build_release(tables, folder / "core", folder / "build", version="0.1-former")
    return folder / "build"


@pytest.fixture(scope="session")
def shipped() -> Path:
    """Return the release of the shipped knowledge, where one is built."""
    found = Path(os.environ.get("SALVAGE_KG_RELEASE", ROOT / "build"))
    if not found.exists():
        pytest.skip(f"no release of the shipped knowledge in {found}: run `make build`")
    return found


@pytest.fixture(scope="session")
def embedded(release: Path) -> KnowledgeGraph:
    """The made-up world, opened here."""
    return KnowledgeGraph.open(release)


# --- servers --------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}?query=ASK%7B%7D", timeout=5):
                return
        except HTTPError as error:
            error.close()
            return
        except (URLError, OSError):
            time.sleep(0.05)
    pytest.fail(f"the server at {url} did not start")


@dataclass
class Server:
    """A SPARQL server that runs."""

    query: str
    update: str | None
    store: str | None
    process: subprocess.Popen[bytes] | None = None

    def endpoint(self, **given: Any) -> Endpoint:
        stores = (self.store,) if self.store else ()
        return Endpoint(**{"query": self.query, "update": self.update, "stores": stores, "timeout": 30, **given})

    def graphs(self) -> dict[str, int]:
        """Return the number of statements of every graph on it."""
        text = "SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g"
        rows = Client(self.endpoint()).select(text, (), doing="looking")
        assert isinstance(rows, ox.QuerySolutions)
        prefix = "https://w3id.org/salvage-kg/"
        return {row["g"].value: int(row["n"].value) for row in rows if row["g"].value.startswith(prefix)}

    def content(self, graph: str) -> set[str]:
        """Return the statements of a graph that have no blank nodes."""
        found = Client(self.endpoint()).construct("CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", [graph], doing="looking")
        return {str(t) for t in found if "_:" not in str(t)}

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@contextmanager
def oxigraph_running(folder: Path | None = None, *, read_only: bool = False, port: int = 0) -> Iterator[Server]:
    binary = shutil.which("oxigraph", path=str(Path(sys.executable).parent)) or shutil.which("oxigraph")
    if binary is None:
        pytest.skip("the command oxigraph is not installed: pip install oxigraph")
    port = port or free_port()
    where = ["--location", str(folder)] if folder else []
    command = [binary, "serve-read-only" if read_only else "serve", "--bind", f"127.0.0.1:{port}", *where]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        base = f"http://127.0.0.1:{port}"
        try:
            wait_for(f"{base}/query", process)
            yield Server(f"{base}/query", f"{base}/update", f"{base}/store", process)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def run_oxigraph() -> Callable[..., Any]:
    """``with run_oxigraph(folder, read_only=True, port=…) as server``; in memory without a folder."""
    return oxigraph_running


@pytest.fixture
def server() -> Iterator[Server]:
    """An empty Oxigraph server."""
    with oxigraph_running() as found:
        yield found


@pytest.fixture
def own_server(release: Path) -> Iterator[str]:
    """The query address of `salvage-kg serve` with the made-up world."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/sparql"
    own = ["-c", "from kg_builder.cli import main; main()", "serve", "--release", str(release), "--port", str(port)]
    with subprocess.Popen([sys.executable, *own], cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(url, process)
            yield url
        finally:
            process.terminate()


# --- a server that misbehaves ---------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A request as the misbehaving server sees it: ``text`` is the query or update, empty for the graph store."""

    method: str
    path: str
    text: str
    headers: dict[str, str]


@dataclass
class Fake:
    """Stands before a real server. ``act`` says for each request what to do instead of passing it on.

    What it may return: None (pass on), ``(status, content type, body)`` and maybe headers, ``"slow"``,
    ``"slow-done"`` (pass on, and answer too late), ``"cut"`` (pass on nothing and close), ``"cut-done"`` (pass on,
    then close without an answer), ``"half"`` (half of the answer), ``"endless"`` (the answer, without its length).
    """

    url: str
    act: Callable[[Asked], Any] = lambda _: None
    asked: list[Asked] = field(default_factory=list)

    @property
    def server(self) -> Server:
        return Server(f"{self.url}/query", f"{self.url}/update", f"{self.url}/store")


SLOW = 4


@contextmanager
def fake_running(real: Server) -> Iterator[Fake]:
    base = real.query.rpartition("/")[0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_form = self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
            form = parse_qs(body.decode()) if is_form else {}
            text = "".join(form.get("query", form.get("update", [])))
            asked = Asked(self.command, urlsplit(self.path).path, text, dict(self.headers))
            fake.asked.append(asked)
            act = fake.act(asked)
            self.close_connection = True
            if isinstance(act, tuple):
                self.answer(*act)
                return
            if act == "cut":
                return
            if act == "slow":
                time.sleep(SLOW)
                return
            request = urllib.request.Request(base + self.path, data=body or None, method=self.command)
            for name in ("Content-Type", "Accept"):
                if name in self.headers:
                    request.add_header(name, self.headers[name])
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    status, kind, data = response.status, response.headers["Content-Type"], response.read()
            except HTTPError as error:
                with error:
                    status, kind, data = error.code, error.headers["Content-Type"], error.read()
            if act == "slow-done":
                time.sleep(SLOW)
            if act in ("cut-done", "slow-done"):
                return
            own = {"Content-Length": None} if act == "endless" else {}
            self.answer(status, kind or "text/plain", data, own, half=act == "half")

        def answer(
            self, status: int, kind: str, data: bytes, own: dict[str, str | None] | None = None, half: bool = False
        ) -> None:
            self.send_response(status)
            length = str(len(data))
            headers = {"Content-Type": kind, "Content-Length": length, "Connection": "close", **(own or {})}
            for name, value in headers.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if half else data)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 names that http.server asks for

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        fake = Fake(f"http://127.0.0.1:{httpd.server_address[1]}")
        threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield fake
        finally:
            httpd.shutdown()


@pytest.fixture
def fake(server: Server) -> Iterator[Fake]:
    """A misbehaving server before an empty one."""
    with fake_running(server) as found:
        yield found


@pytest.fixture(scope="session")
def fake_of() -> Callable[..., Any]:
    """``with fake_of(server) as fake``."""
    return fake_running


# --- Virtuoso -------------------------------------------------------------------------------------

INI = """\
[Database]
DatabaseFile = virtuoso.db
ErrorLogFile = virtuoso.log
LockFile = virtuoso.lck
TransactionFile = virtuoso.trx
xa_persistent_file = virtuoso.pxa
FileExtend = 200
[TempDatabase]
DatabaseFile = temp.db
TransactionFile = temp.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
DisableUnixSocket = 1
ServerThreads = 8
CheckpointInterval = 60
NumberOfBuffers = 20000
MaxDirtyBuffers = 15000
ThreadsPerQuery = 1
DirsAllowed = .
AllowOSCalls = 0
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = .
ServerThreads = 4
EnabledGzipContent = 0
[SPARQL]
ResultSetMaxRows = 10000
"""


@pytest.fixture(scope="session")
def virtuoso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An empty Virtuoso 7 that cuts answers after 10,000 rows, as it does where nobody has told it otherwise."""
    binary, isql = shutil.which("virtuoso-t"), shutil.which("isql-vt") or shutil.which("isql")
    if binary is None or isql is None:
        pytest.skip("Virtuoso 7 is not installed: apt-get install virtuoso-opensource-7-bin")
    folder = tmp_path_factory.mktemp("virtuoso")
    sql, http = free_port(), free_port()
    (folder / "virtuoso.ini").write_text(INI.format(sql=sql, http=http))
    command = [binary, "+foreground", "+configfile", "virtuoso.ini"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        base = f"http://127.0.0.1:{http}"
        try:
            wait_for(f"{base}/sparql", process)
            grant = b"GRANT SPARQL_UPDATE TO \"SPARQL\";\nDB.DBA.RDF_DEFAULT_USER_PERMS_SET('nobody', 7);\n"
            subprocess.run([isql, f"127.0.0.1:{sql}", "dba", "dba"], input=grant, capture_output=True, check=True)
            yield Server(f"{base}/sparql", f"{base}/sparql", f"{base}/sparql-graph-crud", process)
        finally:
            process.kill()
