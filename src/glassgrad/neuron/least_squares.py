"""`LeastSquares`: the system of equations, solved as well as it can be."""

from __future__ import annotations

from typing import Any

import numpy as np

from .conventions import BaseEstimator, MultiOutputMixin, RegressorMixin, check_is_fitted, check_sample_weight, validate_data
from .factor import triangle


class LeastSquares(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Solves Xw + b = y in the sense of least squares: the w of least Σ s(Xw + b − y)², and, among several, of least ‖w‖.

    By QR of [1, X, y] in blocks and the singular values of R, those up to max(samples, features) · 2.2e-16 · σmax counted as zero: no
    normal equations, so that the condition number is not squared. The column of ones comes first, which centres the others.
    X: (samples, features); y: (samples,) or (samples, targets).

    Attributes: `coef_` (features,) or (targets, features), `intercept_`, `rank_`, `singular_` (of the centred X), `condition_number_`,
    `residual_` (‖Xw + b − y‖, weighted), `n_features_in_`, `feature_names_in_`. `glassgrad.neuron.system` judges the equations.
    Raises ValueError for data that does not fit. Source: Golub and Van Loan, Matrix Computations, chapter 5.

    >>> from glassgrad.neuron import LeastSquares
    >>> X, y = [[1, 1], [2, 3], [1, 2], [3, 1], [2, 4], [3, 2], [4, 1]], [2, 5, 3, 4, 6, 5, 5]
    >>> solved = LeastSquares().fit(X, y)
    >>> solved.coef_.round(9).tolist(), solved.rank_
    ([1.0, 1.0], 2)
    """

    def __init__(self, *, fit_intercept: bool = True):
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Solves for X (samples, features) and y (samples,) or (samples, targets); returns self."""
        return self._merged(X, y, sample_weight, None, 0)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Solves for these samples and all before them, of which the triangle R is kept: the same answer as from all at once. Returns self."""
        return self._merged(X, y, sample_weight, getattr(self, "_triangle", None), getattr(self, "_samples", 0))

    def _merged(self, X: Any, y: Any, sample_weight: Any, before: np.ndarray | None, samples: int) -> Any:
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, multi_output=True, reset=before is None)
        y = np.asarray(y, np.float64)
        (n, d), many, first = X.shape, y.ndim == 2, int(bool(self.fit_intercept))
        a = np.empty((n, first + d + (y.shape[1] if many else 1)))
        if before is not None and before.shape[1] != a.shape[1]:
            raise ValueError(f"y has {a.shape[1] - first - d} targets, and had {before.shape[1] - first - d} before")
        a[:, :first] = 1
        a[:, first : first + d] = X
        a[:, first + d :] = y if many else y[:, None]
        if sample_weight is not None:
            a *= np.sqrt(check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True))[:, None]
        self._triangle, self._samples = r, n = triangle(a, before), samples + n
        inner, right = r[first:, first : first + d], r[first:, first + d :]
        u, s, vt = np.linalg.svd(inner, full_matrices=False)
        top = float(s[0]) if s.size else 0.0
        rank = int((s > max(n, d) * np.finfo(np.float64).eps * top).sum())
        coef = (vt[:rank].T @ ((u[:, :rank].T @ right) / s[:rank, None])).T
        self.rank_, self.singular_ = rank, s
        self.condition_number_ = top / float(s[rank - 1]) if rank == d and rank else float("inf")
        residual = np.linalg.norm(inner @ coef.T - right, axis=0)
        zero = np.zeros(len(coef))
        intercept = (r[0, first + d :] - coef @ r[0, first : first + d]) / r[0, 0] if first and r[0, 0] else zero
        self.coef_, self.intercept_ = (coef, intercept if first else 0.0) if many else (coef[0], float(intercept[0]))
        self.residual_ = residual if many else float(residual[0])
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Xw + b, (samples,) or (samples, targets)."""
        check_is_fitted(self, "coef_")
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_.T + self.intercept_
