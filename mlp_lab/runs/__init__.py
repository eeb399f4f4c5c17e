"""Configurations: where they are found, and which classes of the user's own they name."""
