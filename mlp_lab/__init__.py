"""A training bench for small networks: data, net, optimiser and schedule in one YAML file."""

__version__ = "0.1.0"
