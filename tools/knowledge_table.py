"""Write the knowledge table of README.md from the curation tables. Run by `make knowledge-table`."""

from __future__ import annotations

import sys
from pathlib import Path

from kg_builder.curation.summary import count_systems, replace_block, write_summary
from kg_builder.knowledge import load_knowledge

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Rewrite the block; 1 if the tables have errors, which are told on standard error."""
    knowledge = load_knowledge(ROOT / "ontology" / "knowledge")
    errors = [issue for issue in knowledge.issues if issue.severity == "error"]
    if errors:
        sys.stderr.writelines(f"{issue}\n" for issue in errors)
        return 1
    readme = ROOT / "README.md"
    page = readme.read_text(encoding="utf-8")
    new = replace_block(page, write_summary(count_systems(knowledge)))
    if new != page:
        readme.write_text(new, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
