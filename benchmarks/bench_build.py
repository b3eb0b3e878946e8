"""Times a build of the release from the tables, in a process of its own, and reads its peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROOT, print_table

_BUILD = """
import json, resource, sys, time
from pathlib import Path
from kg_builder.graph.release import build_release
start, cpu = time.perf_counter(), time.process_time()
root = Path(sys.argv[1])
manifest = build_release(root / "ontology" / "knowledge", root / "ontology" / "core", Path(sys.argv[2]))
print(json.dumps({
    "seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu,
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "claims": sum(manifest.claims.values()), "terms": sum(manifest.terms.values()),
    "quads": sum(manifest.quads.values()),
}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _BUILD, str(ROOT), str(Path(folder) / "build")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    found = json.loads(run.stdout)
    rows = [
        ("build from tables", ""),
        ("wall time, s", f"{found['seconds']:.1f}"),
        ("processor time, s", f"{found['cpu']:.1f}"),
        ("peak memory, MB", f"{found['megabytes']:.0f}"),
        ("claims, terms, statements", f"{found['claims']:,}, {found['terms']:,}, {found['quads']:,}"),
    ]
    print_table("Release", rows)


if __name__ == "__main__":
    main()
