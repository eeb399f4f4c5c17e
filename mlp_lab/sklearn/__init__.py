"""Nets as estimators of scikit-learn."""

from mlp_lab.sklearn.estimators import NetClassifier, NetRegressor

__all__ = ["NetClassifier", "NetRegressor"]
