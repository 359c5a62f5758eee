"""What neurons trained by gradients share: the epochs, the learning rate, when they stop and why. A neuron adds its activation and loss."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .conventions import (
    BaseEstimator,
    ClassifierMixin,
    ConvergenceWarning,
    check_classification_targets,
    check_is_fitted,
    check_random_state,
    check_sample_weight,
    type_of_target,
    validate_data,
)
from .factor import triangle
from .pieces import bend
from .steps import BLOCK, PIECE, Batch, const, single_steps, value_and_gradient

PATIENCE = 50  # epochs without a lower loss after which single steps have settled


class Limit(NamedTuple):
    """How far a step may go: `value` is 2/λmax (infinite where nothing curves), `words` say of what, `spread` is λmax/λmin."""

    value: float
    words: str
    spread: float


class Neuron(BaseEstimator):
    """Gradient descent on the mean of ℓ(z, y), z = Xw + b; subclasses say ℓ in `_loss_of`, and what their targets are in `_targets`."""

    def __init__(
        self, *, learning_rate: Any = "auto", batch_size: int | None = None, max_iter: int = 1000, tol: float | None = 1e-6, decay: float = 0.0,
        fit_intercept: bool = True, shuffle: bool = True, random_state: Any = None,
    ):  # fmt: skip
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.decay = decay
        self.fit_intercept = fit_intercept
        self.shuffle = shuffle
        self.random_state = random_state

    # What a neuron says of itself.
    _signed = False  # whether the rows take the sign of their class: the loss is a function of (1 − 2y)z alone
    _quadratic = False  # whether the loss is (z − y)²: tall data may be replaced by its triangular factor, and single steps be found in blocks

    def pieces(self) -> tuple[str, str]:
        """The names of the activation and of the loss."""
        raise NotImplementedError

    def _loss_of(self) -> Callable[[Any, Any], Any]:
        raise NotImplementedError

    def _validated(self, X: Any, y: Any, reset: bool, classes: Any) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def fit(self, X: Any, y: Any, sample_weight: Any = None, coef_init: Any = None, intercept_init: Any = None) -> Any:
        """Learns from X (samples, features) and y (samples,), from zero weights or from those given; returns self."""
        return self._fit(X, y, sample_weight, coef_init, intercept_init)

    def _fit(self, X: Any, y: Any, sample_weight: Any = None, coef_init: Any = None, intercept_init: Any = None, watch: Any = None) -> Any:
        self._check_settings()
        X, y = self._validated(X, y, True, None)
        self._rng = check_random_state(self.random_state)
        self._w = self._start(X.shape[1], coef_init, intercept_init)
        self.loss_curve_: list[float] = []
        self.n_iter_ = 0
        self._prepare(X, y, sample_weight)
        self._train(self._batches(X, y, sample_weight), int(self.max_iter), watch)
        if self.stopped_ == "diverged" or (self.stopped_ == "out of epochs" and self.tol is not None):
            warnings.warn(self.reason_, ConvergenceWarning, stacklevel=3)
        return self

    def _epoch_more(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Any:
        """`partial_fit`: one epoch on these samples, on from where the weights are."""
        first = not hasattr(self, "coef_")
        self._check_settings()
        X, y = self._validated(X, y, first, classes)
        if first:
            self._rng = check_random_state(self.random_state)
            self._w = self._start(X.shape[1], None, None)
            self.loss_curve_, self.n_iter_ = [], 0
            self._prepare(X, y, sample_weight)
        self._train(self._batches(X, y, sample_weight), 1, None)
        return self

    # ---- settings
    def _check_settings(self) -> None:
        if self.learning_rate != "auto" and not _positive(self.learning_rate):
            raise ValueError(f'learning_rate={self.learning_rate!r}: it is "auto" or a positive number')
        for name, least, none in (("max_iter", 1, False), ("batch_size", 1, True)):
            value = getattr(self, name)
            if value is None and none:
                continue
            try:
                good = operator.index(value) >= least
            except TypeError:
                good = False
            if not good:
                raise ValueError(f"{name}={value!r}: it is {'None (all samples) or ' if none else ''}a whole number of at least {least}")
        if self.tol is not None and not (_positive(self.tol) or self.tol == 0):
            raise ValueError(f"tol={self.tol!r}: it is None or a number that is not negative")
        if not (_positive(self.decay) or self.decay == 0):
            raise ValueError(f"decay={self.decay!r}: it is a number that is not negative")

    def _start(self, features: int, coef: Any, intercept: Any) -> np.ndarray:
        w = np.zeros(features + bool(self.fit_intercept))
        if coef is not None:
            given = np.ravel(np.asarray(coef, np.float64))
            if given.size != features:
                raise ValueError(f"coef_init has {given.size} weights, and X has {features} features")
            w[:features] = given
        if intercept is not None and self.fit_intercept:
            w[-1] = float(np.ravel(np.asarray(intercept, np.float64))[0])
        return w

    # ---- the data in the layout that an epoch wants
    def _weights(self, sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
        if sample_weight is None:
            return None
        s = check_sample_weight(sample_weight, X, dtype=np.float64)
        if (s < 0).any():
            raise ValueError("sample_weight has negative values")
        if not s.sum() > 0:
            raise ValueError("sample_weight is zero for every sample")
        return s / s.sum()

    def _whole(self, n: int) -> bool:
        return self.batch_size is None or self.batch_size >= n

    def _prepare(self, X: np.ndarray, y: np.ndarray, sample_weight: Any) -> None:
        """The limit of the learning rate, and the rate."""
        s = self._weights(sample_weight, X)
        highest = bend(self._loss_of())
        if self._whole(len(X)):
            largest, spread = _curvatures(X, s, self.fit_intercept)
            words = "2/λmax of the loss" if self._quadratic else "2/λmax (a bound of the loss's curvature)"
        else:
            kept = X if s is None else X[s > 0]
            largest, spread = float(np.einsum("ij,ij->i", kept, kept).max()) + bool(self.fit_intercept), math.nan
            words = "2/λmax of the longest sample's loss"
        curvature = highest * largest
        self._limit = Limit(2 / curvature if curvature > 1e-300 else math.inf, words, spread)
        if self.learning_rate == "auto":
            self.learning_rate_ = self._limit.value / 2 if math.isfinite(self._limit.value) else 1.0
        else:
            self.learning_rate_ = float(self.learning_rate)

    def _batches(self, X: np.ndarray, y: np.ndarray, sample_weight: Any) -> Callable[[], Iterator[Sequence[Batch]]]:
        """What one epoch goes through, as often as it is called."""
        n, d = X.shape
        s, k, whole = self._weights(sample_weight, X), d + bool(self.fit_intercept), self._whole(len(X))
        rows = np.empty((n, k), order="F" if whole else "C")  # whole: columns at a stretch suit both products of an epoch
        rows[:, :d] = X
        rows[:, d:] = 1
        if self._signed:
            rows *= (1 - 2 * y)[:, None]
        if whole and self._quadratic and n * k > 4096 and n >= 4 * (k + 1):
            all_at_once: list[Batch] = [_compacted(rows, y, s)]
        elif whole:
            cuts = np.linspace(0, n, -(-n // PIECE) + 1).astype(int)
            all_at_once = [self._batch(np.asfortranarray(rows[i:j]), y[i:j], None if s is None else s[i:j], (j - i) / n) for i, j in zip(cuts, cuts[1:])]
        if whole:
            return lambda: iter((all_at_once,))
        size = int(self.batch_size or n)
        scale = None if s is None else s * n  # weights whose mean is 1

        def some_by_some() -> Iterator[Sequence[Batch]]:
            order = self._rng.permutation(n) if self.shuffle else np.arange(n)
            width = BLOCK if size == 1 else size
            for first in range(0, n, width):
                chosen = order[first : first + width]
                yield [self._batch(rows[chosen], y[chosen], None if scale is None else scale[chosen] / (1 if size == 1 else len(chosen)))]

        return some_by_some

    def _batch(self, rows: np.ndarray, y: np.ndarray, s: np.ndarray | None, share: float = 1.0) -> Batch:
        return Batch(const(rows), None if self._signed else const(y), None if s is None else const(s), 0.0, share if s is None else 1.0)

    # ---- epochs
    def _train(self, batches: Callable[[], Iterator[Sequence[Batch]]], epochs: int, watch: Any) -> None:
        loss_of, w, rate, tol = self._loss_of(), self._w, self.learning_rate_, self.tol
        stopped, best, since, enough = "out of epochs", math.inf, 0, 0.0
        started = len(self.loss_curve_)
        for epoch in range(started, started + epochs):
            step = rate / (1 + self.decay * epoch)
            before, losses, count = w, 0.0, 0
            if watch is not None:
                watch(w)
            for pieces in batches():
                if self.batch_size == 1 and len(pieces[0].rows._data) > 1:
                    loss, w = single_steps(loss_of, w, pieces[0], step, self._quadratic)
                    count += len(pieces[0].rows._data)
                else:
                    loss, g = value_and_gradient(loss_of, w, pieces)
                    w = w - step * g
                    count += 1
                losses += loss
            losses /= count
            self.loss_curve_.append(losses)
            finite = math.isfinite(_length(w))
            if not math.isfinite(losses) or not finite or losses > 1e6 * max(1.0, self.loss_curve_[0]):
                stopped = "diverged"
                w = w if finite else before
                break
            size = _length(g) if count == 1 else _length(before - w) / (step * count)
            if epoch == started:
                enough = (tol or 0.0) * size
            if tol is not None and size <= enough:
                stopped = "converged"
                w = before if count == 1 else w
                break
            if count > 1 and tol is not None and not self.decay:
                since = 0 if losses < best - tol * abs(best if math.isfinite(best) else losses) else since + 1
                best = min(best, losses)
                if since >= PATIENCE:
                    stopped = "settled"
                    break
        self._w = w
        self.n_iter_ = len(self.loss_curve_)
        if watch is not None:
            watch(w)
        self.stopped_ = stopped
        self.reason_ = self._reason(stopped)
        self._publish(w)

    def _publish(self, w: np.ndarray) -> None:
        d = self.n_features_in_
        self.coef_: Any = w[:d].copy()
        self.intercept_: Any = float(w[d]) if self.fit_intercept else 0.0

    def _reason(self, stopped: str) -> str:
        n = self.n_iter_
        after = f"after {n} epoch{'' if n == 1 else 's'}"
        limit, rate = self._limit.value, self.learning_rate_
        over = f"learning_rate {rate:.3g} is over {self._limit.words} = {limit:.3g}" if rate > limit else ""
        if stopped == "diverged":
            return f"diverged {after}: {over or 'the loss grew without bound'}" + (f' (below it, or learning_rate="auto": {limit / 2:.3g})' if over else "")
        if stopped == "converged" and n == 1:
            return f"converged {after}: the gradient is zero at the start"
        if stopped == "converged":
            return f"converged {after}: the gradient is {'zero' if not self.tol else f'within {self.tol:g} of its first'}"
        if stopped == "settled":
            return f"settled {after}: no lower loss in {PATIENCE} of them; steps of a fixed length wander about the minimum (decay > 0 calms them)"
        text = f"out of epochs ({n}): the gradient is not yet within {self.tol:g} of its first" if self.tol is not None else f"out of epochs ({n})"
        if over:
            return f"{text}; {over}"
        spread = self._limit.spread
        if self.tol is not None and spread > 1e3:
            text += f"; the curvatures of the data differ by {spread:.2g}, and descent needs as many epochs: standardise the features, or raise max_iter"
        return text

    def _linear(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "coef_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ np.ravel(self.coef_) + float(np.ravel(self.intercept_)[0])


class NeuronClassifier(ClassifierMixin, Neuron):
    """A neuron that tells two classes apart by the sign of z; its loss is one of m = (1 − 2y)z."""

    _signed = True

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """One epoch more on these samples; `classes` are all labels, where the first samples do not have both. Returns self."""
        return self._epoch_more(X, y, sample_weight, classes)

    def _validated(self, X: Any, y: Any, reset: bool, classes: Any) -> tuple[np.ndarray, np.ndarray]:
        X, y = validate_data(self, X, y, dtype=np.float64, reset=reset)
        check_classification_targets(y)
        if reset:
            found = np.unique(y if classes is None else classes)
            if len(found) != 2:
                kind = type_of_target(y, input_name="y")
                raise ValueError(
                    "Only binary classification is supported. The type of the target is multiclass: one neuron tells two classes apart, and y has "
                    f"{len(found)}; sklearn.multiclass.OneVsRestClassifier trains one for each"
                    if len(found) > 2
                    else f"one neuron tells two classes apart, and y ({kind}) has one class only: {found.tolist()[0]!r}"
                )
            self.classes_ = found
        strange = ~np.isin(y, self.classes_)
        if strange.any():
            raise ValueError(f"y has a class that was not there before: {y[strange].tolist()[0]!r}; known are {self.classes_.tolist()!r}")
        return X, (y == self.classes_[1]).astype(np.float64)

    def _publish(self, w: np.ndarray) -> None:
        d = self.n_features_in_
        self.coef_ = w[None, :d].copy()
        self.intercept_ = w[d:].copy() if self.fit_intercept else np.zeros(1)

    def decision_function(self, X: Any) -> np.ndarray:
        """z = Xw + b, (samples,): positive for the second class."""
        return self._linear(X)

    def predict(self, X: Any) -> np.ndarray:
        """The class of each sample, (samples,)."""
        z = self._linear(X)
        return self.classes_[(z > 0).astype(int)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _length(v: np.ndarray) -> float:
    return math.sqrt(v @ v)


def _positive(value: Any) -> bool:
    try:
        return 0 < float(value) < math.inf
    except (TypeError, ValueError):
        return False


def _compacted(rows: np.ndarray, y: np.ndarray, s: np.ndarray | None) -> Batch:
    """The batch of k + 1 rows with the same mean of squares: mean (rows·w − y)² = mean (R·w − r)² + constant for every w."""
    n, k = rows.shape
    a = np.empty((n, k + 1))
    a[:, :k], a[:, k] = rows, y
    a *= np.sqrt((k / n) if s is None else k * s)[..., None]
    r = triangle(a)
    return Batch(const(np.asfortranarray(r[:k, :k])), const(r[:k, k].copy()), None, float(r[k, k] ** 2) / k)


def _curvatures(X: np.ndarray, s: np.ndarray | None, intercept: bool) -> tuple[float, float]:
    """The largest eigenvalue of Σ sᵢ x̃ᵢx̃ᵢᵀ, x̃ = (x, 1), Σ sᵢ = 1, and its ratio to the least (nan where that is not computed)."""
    a = np.column_stack([X, np.ones(len(X))]) if intercept else X
    n, k = a.shape
    a = a * np.sqrt(s)[:, None] if s is not None else a
    share = 1 / n if s is None else 1.0
    if min(n, k) <= 500:
        values = np.linalg.eigvalsh((a.T @ a if k <= n else a @ a.T) * share)
        least = float(values[0])
        return float(values[-1]), float(values[-1]) / least if k <= n and least > 0 else math.inf
    v, largest = np.full(k, k**-0.5), 0.0
    for _ in range(100):  # the power method: from below, and near enough to halve it
        v = a.T @ (a @ v) * share
        largest = float(np.linalg.norm(v))
        if not largest:
            break
        v /= largest
    return largest, math.nan
