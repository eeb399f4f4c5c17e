"""The estimators."""

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data
from torch import Tensor

from mlp_lab.data import Samples
from mlp_lab.sklearn.arrays import Arrays, as_rows, as_tensor
from mlp_lab.sklearn.frames import encode_frame, is_mixed, learn_frame
from mlp_lab.sklearn.training import PATIENCE, Config, alone, train
from mlp_lab.tables import Column

_DEFAULT_VAL_FRACTION = 0.1
_SAMPLES_AT_ONCE = 4096  # bounds the memory of a prediction
_MAX_SEED = 2**32


class _NetEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """What both estimators do: check arrays, train by the settings of mlp-lab fit, predict."""

    input_shape_: tuple[int, ...]

    def __init__(
        self,
        hidden_dims: Sequence[int] = (100,),
        activation: str | Sequence[str] = "ReLU",
        learning_rate: float = 0.001,
        batch_size: int = 64,
        max_epochs: int = 50,
        val_fraction: float | None = None,
        early_stopping: bool = False,
        config: Config | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        run_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self.hidden_dims = hidden_dims
        self.activation = activation
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.val_fraction = val_fraction
        self.early_stopping = early_stopping
        self.config = config
        self.random_state = random_state
        self.verbose = verbose
        self.run_dir = run_dir

    def _check_training(self, X: ArrayLike, y: ArrayLike, **checks: Any) -> tuple[Tensor, Any]:
        """Check what to learn from by the rules of scikit-learn.

        Returns:
            Inputs ``(N, *input_shape)``, and the targets.
        """
        self._columns: list[Column] | None = None
        if is_mixed(X):
            return self._check_frame(X, y, **checks)
        rows, shape = as_rows(X)
        dtype = np.uint8 if shape else np.float32
        rows, y = validate_data(self, rows, y, dtype=dtype, **checks)
        self.input_shape_ = shape or rows.shape[1:]
        return as_tensor(rows).reshape(-1, *self.input_shape_), y

    def _check_frame(self, X: Any, y: ArrayLike, **checks: Any) -> tuple[Tensor, Any]:
        """Check a frame with categories or missing values, which scikit-learn would refuse."""
        y = validate_data(self, y=y, **checks)
        validate_data(self, X, skip_check_array=True)
        check_consistent_length(X, y)
        self._columns, cells = learn_frame(X)
        self.input_shape_ = cells.shape[1:]
        return as_tensor(cells), y

    def _check_inputs(self, X: ArrayLike) -> Tensor:
        """Check inputs against those that were learnt from, ``(N, *input_shape)``."""
        if self._columns is not None:
            validate_data(self, X, reset=False, skip_check_array=True)
            return as_tensor(encode_frame(X, self._columns))
        rows, shape = as_rows(X)
        expected = self.input_shape_ if len(self.input_shape_) > 1 else None
        if shape != expected:
            raise ValueError(
                f"X has {_describe(shape)}, but {type(self).__name__} was fitted on "
                f"{_describe(expected)}."
            )
        rows = validate_data(self, rows, dtype=np.uint8 if shape else np.float32, reset=False)
        return as_tensor(rows).reshape(-1, *self.input_shape_)

    def _train(self, samples: Samples, task: str, source: dict[str, Any], data: Any) -> None:
        """Train, and set the attributes that both estimators have."""
        validates = self.early_stopping or self.val_fraction is not None
        fraction = _DEFAULT_VAL_FRACTION if self.val_fraction is None else self.val_fraction
        settings = {
            "model": {
                "class_path": f"mlp_lab.tasks.{task}",
                "init_args": {
                    "net": {
                        "class_path": "mlp_lab.nets.MLP",
                        "init_args": {
                            "hidden_dims": self.hidden_dims,
                            "activation": self.activation,
                        },
                    },
                    "optimizer": {
                        "class_path": "torch.optim.Adam",
                        "init_args": {"lr": self.learning_rate},
                    },
                },
            },
            "data": {
                "source": {
                    "class_path": f"{Arrays.__module__}.{Arrays.__name__}",
                    "init_args": {
                        "input_shape": self.input_shape_,
                        "holds_out": validates,
                        "columns": [column.plain() for column in self._columns or ()],
                        **source,
                    },
                },
                "batch_size": self.batch_size,
                "val_fraction": fraction if validates else None,
                **data,
            },
            "trainer": {
                "max_epochs": self.max_epochs,
                "limit_val_batches": 1.0 if validates else 0,
                "enable_progress_bar": False,
                "enable_model_summary": False,
            },
            "figures": False,
            "onnx": False,
        }
        trained = train(
            samples,
            settings,
            self.config,
            seed=self._seed(),
            stops_early=self.early_stopping,
            prints=self.verbose,
            runs_dir=None if self.run_dir is None else Path(self.run_dir),
            command=f"{type(self).__name__}.fit",
        )
        # In double precision an answer does not depend on what else is predicted with it.
        self.net_ = trained.net.double()
        if trained.columns:
            self._columns = trained.columns
        self.history_ = trained.history
        if trained.run_dir is not None:
            self.run_dir_ = trained.run_dir
        if not trained.has_converged:
            with alone:  # another thread's training makes some warnings errors for a moment
                warnings.warn(
                    f"max_epochs {self.max_epochs} came to its end, and the net was still "
                    f"improving within the last {PATIENCE} epochs.",
                    ConvergenceWarning,
                    stacklevel=3,
                )

    def _seed(self) -> int:
        random = check_random_state(0 if self.random_state is None else self.random_state)
        if isinstance(self.random_state, np.random.RandomState):
            return int(random.randint(_MAX_SEED, dtype=np.int64))
        return int(self.random_state or 0)

    def _predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities ``(N, K)``, or targets ``(N, T)``."""
        check_is_fitted(self)
        inputs = self._check_inputs(X)
        with torch.inference_mode():
            parts = [self.net_(part)[-1] for part in torch.split(inputs, _SAMPLES_AT_ONCE)]
        predicted: NDArray[np.float64] = torch.cat(parts).numpy()
        return predicted


class NetClassifier(ClassifierMixin, _NetEstimator):  # type: ignore[misc]  # as above
    """A net that classifies, as an estimator of scikit-learn.

    Features are standardised, and bytes of images scaled to 0..1 first, within the estimator. All
    other settings are those of ``mlp-lab fit``, and ``config`` sets them.

    Args:
        hidden_dims: Neurons of each hidden layer; ``()`` for a linear model.
        activation: Name of an activation of torch.nn, or one for each hidden layer.
        learning_rate: Of Adam.
        batch_size: Samples in a batch.
        max_epochs: Epochs to train, or at most with ``early_stopping``.
        val_fraction: Share of the samples that is held out for validation, which then picks the
            best epoch; by default none, or 0.1 with ``early_stopping``.
        early_stopping: Whether to stop after 10 epochs without a better score on validation.
        class_weight: Weights of the classes in the training loss, by class, or ``balanced``.
        config: All the rest: a configuration file, or settings by their names on the command line,
            such as ``{"model.net.dropout": 0.2}``. They win over the arguments above.
        random_state: What everything random is drawn from; None is 0, so that two fits are equal.
        verbose: Whether to print a line for each epoch.
        run_dir: Where each fit leaves a run, as ``version_<n>``; by default nothing is written.

    Attributes:
        classes_: The classes ``(K,)``, in the order of the probabilities.
        net_: The net in double precision, from raw inputs ``(N, *input_shape_)`` to logits and
            probabilities.
        history_: Metrics of each epoch by name, such as ``train/loss`` and ``val/acc``.
        input_shape_: Shape of one input.
        n_features_in_: Number of features, or of the values of an image.
        feature_names_in_: Names of the features, where X has them.
        run_dir_: The run of this fit, where one was written.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> net = NetClassifier(learning_rate=0.01, max_epochs=200, early_stopping=True)
        >>> net.fit(X, y).score(X, y) > 0.9
        True
    """

    def __init__(
        self,
        hidden_dims: Sequence[int] = (100,),
        activation: str | Sequence[str] = "ReLU",
        learning_rate: float = 0.001,
        batch_size: int = 64,
        max_epochs: int = 50,
        val_fraction: float | None = None,
        early_stopping: bool = False,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        config: Config | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        run_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(
            hidden_dims=hidden_dims,
            activation=activation,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_epochs=max_epochs,
            val_fraction=val_fraction,
            early_stopping=early_stopping,
            config=config,
            random_state=random_state,
            verbose=verbose,
            run_dir=run_dir,
        )
        self.class_weight = class_weight

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on inputs and their classes.

        Args:
            X: Features ``(N, D)``, or images ``(N, C, H, W)`` or ``(N, H, W)`` of bytes. A frame
                of pandas or polars may hold texts, booleans, categories and missing values too.
            y: The class of each, ``(N,)``, of any type.

        Raises:
            ValueError: Inputs or classes that cannot be learnt from, or a setting that cannot work.
        """
        inputs, y = self._check_training(X, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(
                f"y has one class alone, {self.classes_.tolist()[0]!r}; there must be two."
            )
        weights: Any = self.class_weight
        if weights is not None and weights != "balanced":
            weights = compute_class_weight(weights, classes=self.classes_, y=y).tolist()
        names = [str(name) for name in self.classes_.tolist()]
        self._train(
            Samples(inputs, torch.from_numpy(labels)),
            "ClassificationTask",
            {"class_names": names},
            {"class_weights": weights},
        )
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, ``(N, K)``."""
        return self._predict(X)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of the highest probability, ``(N,)``."""
        probabilities = self._predict(X)
        predicted: NDArray[Any] = self.classes_[probabilities.argmax(1)]
        return predicted


class NetRegressor(RegressorMixin, _NetEstimator):  # type: ignore[misc]  # as above
    """A net that predicts numbers, as an estimator of scikit-learn.

    Features and targets are standardised within the estimator, and predictions are in the units of
    the targets. All other settings are those of ``mlp-lab fit``, and ``config`` sets them.

    Args:
        hidden_dims: Neurons of each hidden layer; ``()`` for a linear model.
        activation: Name of an activation of torch.nn, or one for each hidden layer.
        learning_rate: Of Adam.
        batch_size: Samples in a batch.
        max_epochs: Epochs to train, or at most with ``early_stopping``.
        val_fraction: Share of the samples that is held out for validation, which then picks the
            best epoch; by default none, or 0.1 with ``early_stopping``.
        early_stopping: Whether to stop after 10 epochs without a better score on validation.
        config: All the rest: a configuration file, or settings by their names on the command line,
            such as ``{"model.loss": "HuberLoss"}``. They win over the arguments above.
        random_state: What everything random is drawn from; None is 0, so that two fits are equal.
        verbose: Whether to print a line for each epoch.
        run_dir: Where each fit leaves a run, as ``version_<n>``; by default nothing is written.

    Attributes:
        net_: The net in double precision, from raw inputs ``(N, *input_shape_)`` to targets in
            their units.
        history_: Metrics of each epoch by name, such as ``train/loss`` and ``val/rmse``.
        input_shape_: Shape of one input.
        n_features_in_: Number of features, or of the values of an image.
        feature_names_in_: Names of the features, where X has them.
        run_dir_: The run of this fit, where one was written.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> net = NetRegressor(learning_rate=0.01, max_epochs=200, early_stopping=True)
        >>> net.fit(X, y).score(X, y) > 0.4
        True
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on inputs and their targets.

        Args:
            X: Features ``(N, D)``, or images ``(N, C, H, W)`` or ``(N, H, W)`` of bytes. A frame
                of pandas or polars may hold texts, booleans, categories and missing values too.
            y: The target of each, ``(N,)``, or T of them, ``(N, T)``.

        Raises:
            ValueError: Inputs or targets that cannot be learnt from, or a setting that cannot work.
        """
        inputs, y = self._check_training(X, y, multi_output=True, y_numeric=True)
        targets = as_tensor(np.asarray(y, np.float32))
        self._predicts_one = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self._train(
            Samples(inputs, targets), "RegressionTask", {"num_targets": targets.shape[1]}, {}
        )
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the predicted targets, in the shape of those that were learnt."""
        predicted = self._predict(X)
        return predicted[:, 0] if self._predicts_one else predicted

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _describe(shape: tuple[int, ...] | None) -> str:
    return f"images of shape {shape}" if shape else "rows of features"
