"""Files on the disk: who may write to a directory."""
