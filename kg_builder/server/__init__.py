"""The knowledge over HTTP: SPARQL 1.1, questions by name, answers to cases. Read-only, and stands up to strangers."""
