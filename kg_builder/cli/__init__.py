"""The command line: thin, one function a command. Data goes to stdout, progress and errors to stderr.

Exit codes: 0 done, 1 the data is at fault, 2 usage, 3 something is missing or the program has a bug,
130 interrupted, 141 the reader of the output went away.
"""

from kg_builder.cli.main import main, run

__all__ = ["main", "run"]
