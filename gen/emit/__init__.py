"""One emitter for each output, and how files are written."""
