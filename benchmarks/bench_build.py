"""Times a build of the release from the tables, loading it, and the imports; each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from common import DATA, ROOT, print_table

_REPORT = """
print(json.dumps([time.perf_counter() - start, time.process_time() - cpu,
    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, said]))
"""
_START = """
import json, resource, sys, time
from pathlib import Path
paths = list(map(Path, sys.argv[1:]))
start, cpu = time.perf_counter(), time.process_time()
"""
_BUILD = """
from kg_builder.graph.release import build_release
manifest = build_release(paths[0] / "knowledge", paths[0] / "core", paths[1])
said = [sum(manifest.claims.values()), sum(manifest.terms.values()), sum(manifest.quads.values())]
"""
_LOAD = """
from kg_builder.graph.store import find_release, open_cut, open_release
start, cpu = time.perf_counter(), time.process_time()
release = find_release(paths[0])
if sys.argv[2] == "whole":
    said = len(open_release(release))
else:
    cuts = sorted(release.glob("slice-*.nt.gz"), key=lambda path: path.stat().st_size)
    said = len(open_cut(release, "terms.nt.gz")) + len(open_cut(release, cuts[-1].name))
"""
_IMPORT = """
import shutil
from kg_builder.graph.materialise import materialise
from kg_builder.knowledge import (
    build_statements, check_knowledge, derive_indexes, derive_narrower, derive_reflexive, load_knowledge)
from kg_builder.sources import aro, who_tb
home = paths[1] / "ontology"
for name in ("core", "knowledge", "mappings"):
    shutil.copytree(paths[0] / name, home / name)
knowledge = home / "knowledge"
aro.import_file(paths[2], knowledge / "aro", knowledge=knowledge)
who_tb.import_file(paths[3], knowledge / "who-tb", knowledge=knowledge)
tables = load_knowledge(knowledge)
assert not [issue for issue in check_knowledge(tables) if issue.severity == "error"]
statements = build_statements(tables, home / "core")
del tables
materialise(statements)
for derive in (derive_narrower, derive_reflexive, derive_indexes):
    derive(statements)
said = len(statements)
"""
_ARO, _WHO = DATA / "aro" / "aro.obo", DATA / "who_tb" / "who_v2_catalog.csv.gz"


def measure(code: str, *arguments: Path | str) -> tuple[list[str], object]:
    """Run a piece of code; return wall time, processor time and peak memory as cells, and what it said."""
    command = [sys.executable, "-c", f"{_START}{code}{_REPORT}", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    wall, cpu, memory, said = json.loads(done.stdout)
    return [f"{wall:.2f}", f"{cpu:.2f}", f"{memory:.0f}"], said


def main() -> None:
    rows = [["what", "wall, s", "processor, s", "peak, MB", "statements"]]
    with tempfile.TemporaryDirectory() as folder:
        cells, said = measure(_BUILD, ROOT / "ontology", Path(folder, "build"))
        assert isinstance(said, list)
        rows.append([f"build from tables: {said[0]:,} claims, {said[1]:,} terms", *cells, f"{said[2]:,}"])
        for what, part in (("load what a case needs (largest cut)", "cut"), ("load the whole", "whole")):
            cells, count = measure(_LOAD, Path(folder, "build"), part)
            rows.append([what, *cells, f"{count:,}"])
        if _ARO.is_file() and _WHO.is_file():
            cells, count = measure(_IMPORT, ROOT / "ontology", folder, _ARO, _WHO)
            rows.append(["import ARO and WHO catalogue, check, reason", *cells, f"{count:,}"])
        else:
            print(f"imports are left out: no {_ARO} or {_WHO}")
    print_table("Release", rows)


if __name__ == "__main__":
    main()
