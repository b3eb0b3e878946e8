"""What curators need: everything that is wrong with tables and ontology, told so that it can be repaired."""
