"""A training bench for small networks: one YAML file says data, net, optimiser and schedule."""

__version__ = "0.1.0"
