"""The scenario language: what may be written, in which units, in YAML and in Python."""
