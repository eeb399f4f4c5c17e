"""The same networks by hand, for readers who want to see the mechanism."""
