"""A plain grid of fits into one experiment."""
