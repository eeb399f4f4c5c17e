"""Models as files: written, then checked against the net they came from."""
