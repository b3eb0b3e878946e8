"""Releases of made-up knowledge, and the command `serve` on them, reached over real connections."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from kg_builder import KnowledgeGraph
from kg_builder.graph.release import build_release
from kg_builder.graph.slices import TERMS
from kg_builder.graph.store import MANIFEST, QUADS, Manifest, sha256_of
from kg_builder.server.limits import Limits
from kg_builder.server.pool import WorkerPool
from kg_builder.server.problems import Refused
from kg_builder.vocabulary import BASE, GRAPH_CORE, OWL

ROOT = Path(__file__).parents[2]
WORLD = ROOT / "tests" / "derivation" / "knowledge"
_ADDRESS = re.compile(r"serving on (http://\S+)/")

Build = Callable[[Mapping[str, Path]], Path]


@dataclass(frozen=True)
class Served:
    """A server that runs: its URL, what it writes to stdout and stderr, its process."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]


Serve = Callable[..., AbstractContextManager[Served]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """What came of a query: ``answered`` or the slug of the problem, the answer, how long it took."""

    kind: str
    content: bytes
    seconds: float
    refused: Refused | None = None


class Pooled:
    """A pool that runs in a thread of its own, without HTTP before it."""

    def __init__(self, release: Path, limits: Limits) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.pool = WorkerPool(release, limits)
        self.run(self.pool.start())

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Wait for what is to be done in the pool's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    async def query(self, text: str, media_type: str = "application/sparql-results+json", **more: Any) -> Outcome:
        """Ask, and say what came of it."""
        begun = time.monotonic()
        try:
            content = await self.pool.query(text, media_type=media_type, **more)
            return Outcome("answered", content, time.monotonic() - begun)
        except Refused as refused:
            return Outcome(refused.type, refused.to_json(), time.monotonic() - begun, refused)

    def ask(self, text: str, media_type: str = "application/sparql-results+json", **more: Any) -> Outcome:
        """Ask from the test's thread."""
        return self.run(self.query(text, media_type, **more))

    def stop(self) -> None:
        """End the processes and the thread."""
        self.run(self.pool.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def data_folder(*parts: str) -> Path:
    """Return a folder of the reference data; skip the test where it is not at hand."""
    places = [os.environ.get("SALVAGE_KG_DATA"), ROOT.parent / "shared" / "data"]
    for place in places:
        if place and (found := Path(place).joinpath(*parts)).is_dir():
            return found
    pytest.skip(f"no {'/'.join(parts)} in ../shared/data, nor in the folder that SALVAGE_KG_DATA names")


@contextmanager
def serving(release: Path, *options: str) -> Iterator[Served]:
    """Run `salvage-kg serve` on a free port until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="serve-"))
    log = folder / "log"
    program = "import sys; from kg_builder.cli import main; sys.argv[0] = 'salvage-kg'; main()"
    command = [sys.executable, "-c", program, "serve", "--port", "0", "--release", str(release), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder)
    try:
        url = _wait_until_ready(process, log)
        yield Served(url, log, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(300):
        found = _ADDRESS.search(log.read_text())
        if found:
            try:
                if httpx.get(f"{found[1]}/health", timeout=10).status_code == 200:
                    return found[1]
            except httpx.TransportError:
                pass
        try:
            process.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    pytest.fail(f"the server did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def serve() -> Serve:
    """The command `serve` as a context: ``with serve(release, "--rows", "5") as served``."""
    return serving


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release of the made-up world."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(ROOT / "ontology" / "core", folder / "core")
    shutil.copy(ROOT / "ontology" / "salvage.ttl", folder)
    build_release(WORLD, folder / "core", folder / "build")
    return folder / "build"


@pytest.fixture(scope="session")
def graphs_release(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Make a release that holds nothing but the N-Triples files given, each in the graph of its name."""

    def build(files: Mapping[str, Path]) -> Path:
        out = tmp_path_factory.mktemp("graphs")
        lines = [f"<{BASE}ontology> <{OWL}versionIRI> <{BASE}release/1> <{GRAPH_CORE}> .\n"]
        for graph, path in files.items():
            lines += [f"{line.removesuffix(' .')} <{graph}> .\n" for line in path.read_text().splitlines() if line]
        data = "".join(lines).encode()
        contents = {QUADS: gzip.compress(data), TERMS: gzip.compress(b"")}
        for name, content in contents.items():
            (out / name).write_bytes(content)
        manifest = Manifest(
            version="1",
            built="2020-01-01",
            code_version="1",
            sha256=sha256_of(data),
            ontology=BASE + "ontology",
            version_iri=BASE + "release/1",
            quads={GRAPH_CORE: 1} | {graph: len(path.read_text().splitlines()) for graph, path in files.items()},
            terms={},
            claims={},
            rows={},
            files={name: sha256_of(content) for name, content in contents.items()},
            inputs={},
        )
        (out / MANIFEST).write_bytes(manifest.to_json())
        return out

    return build


@pytest.fixture(scope="session")
def graph(release: Path) -> KnowledgeGraph:
    """The same knowledge, opened here."""
    return KnowledgeGraph.open(release)


@pytest.fixture(scope="session")
def served(release: Path) -> Iterator[Served]:
    """A server of the made-up world, with default limits."""
    with serving(release) as found:
        yield found


@pytest.fixture(scope="session")
def client(served: Served) -> Iterator[httpx.Client]:
    """A client of it."""
    with httpx.Client(base_url=served.url, timeout=30) as found:
        yield found


@pytest.fixture(scope="session")
def pooled(release: Path) -> Callable[..., AbstractContextManager[Pooled]]:
    """A pool as a context: ``with pooled(Limits(seconds=1)) as pool``; of the made-up world, or of another release."""

    @contextmanager
    def run(limits: Limits, of: Path = release) -> Iterator[Pooled]:
        found = Pooled(of, limits)
        try:
            yield found
        finally:
            found.stop()

    return run


@pytest.fixture(scope="session")
def limits() -> Limits:
    """Those of the pool that tests of workers share."""
    return Limits(
        seconds=2.0, memory_mb=256, rows=500, result_bytes=1_000_000, workers=2, slow=2, queue=4, patience=0.3
    )


@pytest.fixture(scope="module")
def running(pooled: Any, limits: Limits) -> Iterator[Any]:
    with pooled(limits) as pool:
        while not pool.run(pool.pool.health())["cases"]["workers"]:
            time.sleep(0.05)
        yield pool
