"""Write ontology/released/iris.txt: the IRIs of the knowledge as it stands, once it is published as a release.

Every IRI of the list before stays on it: one that was given up is kept by the build as a deprecated term.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kg_builder.graph.release import assemble
from kg_builder.graph.released import FOLDER, IRIS, list_iris, read_released, write_iris

ONTOLOGY = Path(__file__).parents[1] / "ontology"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--as", dest="version", help="version of the release; default the date of the newest claim")
    assembled = assemble(ONTOLOGY / "knowledge", ONTOLOGY / "core", version=parser.parse_args().version)
    before = read_released(ONTOLOGY / FOLDER).iris
    iris = before | {*list_iris(assembled.statements)}
    (ONTOLOGY / FOLDER / IRIS).write_text(write_iris(iris, assembled.version), encoding="utf-8", newline="\n")
    print(f"release {assembled.version}: {len(iris):,} IRIs, {len(iris - before):,} of them new")


if __name__ == "__main__":
    main()
