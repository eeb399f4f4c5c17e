"""Signals, threads and other processes."""
