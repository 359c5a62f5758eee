"""`Adaline`: Widrow and Hoff's adaptive linear neuron, taught by the delta rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Neuron
from .conventions import RegressorMixin, validate_data
from .pieces import LOSSES


class Adaline(RegressorMixin, Neuron):
    """Linear neuron ŷ = Xw + b that follows the gradient of its mean squared error: the delta rule, or LMS.

    w ← w − α · ∂/∂w (ŷ − y)², for each sample in turn with `batch_size=1` (the online rule as published), for the mean over all samples
    with `batch_size=None`, or over some. The gradient is the engine's. The batch rule tends to the least squares for α below 2/λmax of
    the mean's Hessian; the online rule does so where the equations are consistent, else it wanders about them, the nearer the smaller α.

    `learning_rate="auto"` is half the limit: 1/λmax of the mean's Hessian, or, for single samples, of the longest sample's, which
    answers that sample exactly. Epoch t (0, 1, …) uses α / (1 + `decay` · t). Stops as converged when the gradient has fallen to `tol`
    times its first size (for single samples: the mean step, divided by α); as settled when single steps of a fixed rate have not lowered
    the loss for 50 epochs; as diverged when the loss has left all bounds. Tall data is factored once for the batch rule (X = QR): the same loss and
    gradient from as many rows as features. Single steps are found 64 at a time, from the engine's slopes at the first of them: the same steps.

    Attributes: `coef_` (features,), `intercept_`, `n_iter_`, `loss_curve_` (the loss met in each epoch), `learning_rate_`, `stopped_`,
    `reason_`, `n_features_in_`, `feature_names_in_`. Raises ValueError for settings and data out of their range; warns
    (ConvergenceWarning) when it runs out of epochs or diverges. Source: Widrow and Hoff, Adaptive switching circuits, IRE WESCON (1960).

    >>> from glassgrad.neuron import Adaline
    >>> neuron = Adaline(max_iter=5000, tol=1e-9).fit([[1, 1], [2, 3], [1, 2], [3, 1]], [2, 5, 3, 4])
    >>> neuron.coef_.round(6).tolist(), neuron.stopped_
    ([1.0, 1.0], 'converged')
    """

    _quadratic = True

    def pieces(self) -> tuple[str, str]:
        """The names of the activation and of the loss."""
        return "linear", "squared_error"

    def _loss_of(self) -> Any:
        return LOSSES["squared_error"].call

    def _validated(self, X: Any, y: Any, reset: bool, classes: Any) -> tuple[np.ndarray, np.ndarray]:
        X, y = validate_data(self, X, y, dtype=np.float64, reset=reset, y_numeric=True)
        return X, np.asarray(y, np.float64)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """One epoch more on these samples, on from the weights as they are; returns self."""
        return self._epoch_more(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """Xw + b, (samples,)."""
        return self._linear(X)
