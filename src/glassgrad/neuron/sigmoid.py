"""`SigmoidNeuron`: a neuron with a sigmoid, taught by backpropagation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .base import NeuronClassifier
from .pieces import ACTIVATIONS, OF_MARGIN


class SigmoidNeuron(NeuronClassifier):
    """Neuron ŷ = σ(Xw + b) between two classes, 0 and 1, that follows the gradient of its mean loss by backpropagation.

    `loss` is "squared_error", (ŷ − y)², or "cross_entropy", −y ln ŷ − (1 − y) ln(1 − ŷ): then it is logistic regression without penalty,
    and its loss is convex. ∂L/∂w = ∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂w comes from the engine. `batch_size=None` takes all samples a step, 1 single ones.

    `learning_rate="auto"` is half of 2/λmax, from a bound of the loss's curvature: max |∂²ℓ/∂z²| (1/4 for the cross-entropy, 0.154 for the
    squared error) times the largest eigenvalue of the mean of xxᵀ. The other settings and the attributes are as for `Adaline`, with
    `classes_`; `coef_` is (1, features) and `intercept_` (1,), as scikit-learn has them for two classes. Raises ValueError for more than
    two classes, and settings out of their range. Source: Rumelhart, Hinton and Williams, Learning representations by back-propagating
    errors, Nature 323 (1986).

    >>> from glassgrad.neuron import SigmoidNeuron
    >>> neuron = SigmoidNeuron(loss="cross_entropy").fit([[0], [1], [2], [3]], ["no", "yes", "no", "yes"])
    >>> neuron.predict([[0], [3]]).tolist(), neuron.predict_proba([[1.5]]).round(3).tolist()
    (['no', 'yes'], [[0.5, 0.5]])
    """

    def __init__(
        self, loss: str = "squared_error", *, learning_rate: Any = "auto", batch_size: int | None = None, max_iter: int = 1000,
        tol: float | None = 1e-6, decay: float = 0.0, fit_intercept: bool = True, shuffle: bool = True, random_state: Any = None,
    ):  # fmt: skip
        self.loss = loss
        super().__init__(
            learning_rate=learning_rate, batch_size=batch_size, max_iter=max_iter, tol=tol, decay=decay, fit_intercept=fit_intercept,
            shuffle=shuffle, random_state=random_state,
        )  # fmt: skip

    def pieces(self) -> tuple[str, str]:
        """The names of the activation and of the loss."""
        return "sigmoid", self.loss

    def _loss_of(self) -> Any:
        return OF_MARGIN[self.pieces()]

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.pieces() not in OF_MARGIN:
            raise ValueError(f'loss={self.loss!r}: it is "squared_error" or "cross_entropy"')

    def predict_proba(self, X: Any) -> np.ndarray:
        """1 − σ(z) and σ(z), (samples, 2), in the order of `classes_`."""
        z = self._linear(X)
        sigmoid = ACTIVATIONS["sigmoid"].call
        return np.column_stack([sigmoid(Tensor._wrap(-z))._data, sigmoid(Tensor._wrap(z))._data])

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`, also where that rounds to 0."""
        z = self._linear(X)
        softplus = ACTIVATIONS["softplus"].call
        return np.column_stack([-softplus(Tensor._wrap(z))._data, -softplus(Tensor._wrap(-z))._data])
