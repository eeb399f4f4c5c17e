"""Configurations that come with mlp_lab; in a wheel they are mlp_lab.configs."""
