"""Knowledge on SPARQL servers elsewhere: put there by :mod:`~kg_builder.remote.load`, asked through SPARQLWrapper."""
