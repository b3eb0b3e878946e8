"""Write what commands print into the blocks of README.md that quote them. Run by `make readme`.

A block is a fenced one after `<!-- printed by: salvage-kg … -->`; `| head -n N` keeps the first N lines.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- printed by: (salvage-kg .+?)(?: \| head -n (\d+))? -->\n```\n)(.*?)(```\n)", re.DOTALL)


def run_command(command: str, *, release: Path | None = None) -> str:
    """Return what a `salvage-kg` command prints on standard output, 100 columns wide, without colour."""
    hidden = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "SALVAGE_KG_RELEASE")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    if release:
        environment["SALVAGE_KG_RELEASE"] = str(release)
    program = [sys.executable, "-c", "from kg_builder.cli import main; main()"]
    done = subprocess.run(  # noqa: S603
        [*program, *shlex.split(command)[1:]], check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    return done.stdout


def replace_blocks(page: str, *, release: Path | None = None) -> str:
    """Return the page with each block as its command prints it now."""

    def write(match: re.Match[str]) -> str:
        lines = run_command(match[2], release=release).splitlines()
        kept = lines[: int(match[3])] if match[3] else lines
        rest = ["…"] if len(kept) < len(lines) else []
        return match[1] + "\n".join(line.rstrip() for line in [*kept, *rest]) + "\n" + match[5]

    return BLOCK.sub(write, page)


def main() -> None:
    readme = ROOT / "README.md"
    readme.write_text(replace_blocks(readme.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
