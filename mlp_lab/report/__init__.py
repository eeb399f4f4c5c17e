"""A page about one run, or about many compared, from run directories alone. Imports no torch."""
