"""``mlp-lab new``: a directory to begin a course or project in."""
