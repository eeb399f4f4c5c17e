"""From a parsed configuration to a training: the run it writes to, and its Trainer."""
