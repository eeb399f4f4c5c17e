"""Networks written by hand, for readers who want to see how they work."""
