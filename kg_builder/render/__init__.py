"""Answers, scores, proofs and rows as people read them (terminal, Markdown) and as programs do (JSON, CSV, Turtle).

Every function takes values and returns text; nothing here writes to a stream or opens a file. Modules are
imported one by one, so that a JSON answer need not wait for the terminal's library.
"""
