"""Evidence about a model or a run: gathers video, has it measured, and writes what was found."""
