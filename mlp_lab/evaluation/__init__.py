"""What a net's outputs say about it: metrics, curves and calibration, from tensors alone."""
