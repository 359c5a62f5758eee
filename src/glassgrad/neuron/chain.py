"""`chain`: the chain rule of one neuron and one sample laid open, each factor with its formula and its number, and the update as a ledger."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autograd.backward import grad
from ..ops.products import dot
from ..tensor import Tensor
from .pieces import Piece, leaf, piece
from .system import numbers


@dataclass(frozen=True)
class Chain:
    """∇L(W) = ∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂W at one sample, W = (b, w₁, w₂, …) and ∂z/∂W = (1, x₁, x₂, …).

    Each factor is the engine's derivative of its piece alone. `gradient` is their product (features + 1,), the bias first; `engine` what one
    backward pass through the whole gives; `update` is −α∇L and `after` W − α∇L.
    """

    x: np.ndarray
    y: float
    w: np.ndarray
    b: float
    activation: Piece = field(repr=False)
    loss_function: Piece = field(repr=False)
    z: float
    y_hat: float
    loss: float
    dL_dy_hat: float
    dy_hat_dz: float
    dz_dw: np.ndarray
    dz_db: float
    engine: np.ndarray
    learning_rate: float
    names: tuple[str, ...] = field(repr=False)

    @property
    def gradient(self) -> np.ndarray:
        """The product of the factors, for (b, w₁, w₂, …)."""
        return self.dL_dy_hat * self.dy_hat_dz * np.concatenate([[self.dz_db], self.dz_dw])

    @property
    def update(self) -> np.ndarray:
        """−α∇L."""
        return -self.learning_rate * self.gradient

    @property
    def after(self) -> np.ndarray:
        """W − α∇L, the bias first."""
        return np.concatenate([[self.b], self.w]) + self.update

    def forward(self) -> list[tuple[str, str, float]]:
        """The way forward: what, formula, value."""
        terms = " + ".join([*_first([f"{_n(w)}·{_n(x)}" for w, x in zip(self.w, self.x)]), _n(self.b)])
        return [
            ("z", f"w·x + b = {terms}".replace("+ -", "− "), self.z),
            ("ŷ", self.activation.formula, self.y_hat),
            ("L", f"{self.loss_function.formula}, y = {_n(self.y)}", self.loss),
        ]

    def factors(self) -> list[tuple[str, str, Any]]:
        """The way back: factor, formula, value."""
        return [
            ("∂L/∂ŷ", self.loss_function.derivative, self.dL_dy_hat),
            ("∂ŷ/∂z", self.activation.derivative, self.dy_hat_dz),
            ("∂z/∂W", "(1, x)", np.concatenate([[self.dz_db], self.dz_dw])),
            ("∇L(W)", "∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂W", self.gradient),
        ]

    def ledger(self) -> list[tuple[str, float, float, float, float]]:
        """The update, a row a weight: name, W, ∂L/∂W, −α · ∂L/∂W, W − α · ∂L/∂W."""
        return list(zip(self.names, [self.b, *self.w.tolist()], self.gradient.tolist(), self.update.tolist(), self.after.tolist()))

    def _heads(self) -> list[str]:
        return ["", "W", "∂L/∂W", f"−{self.learning_rate:g} · ∂L/∂W", "W_new"]

    def __str__(self) -> str:
        parts = [*self.forward(), *self.factors()]
        wide = max(len(formula) for _, formula, _ in parts)
        lines = [f"{what:<5}  {formula:<{wide}}  {_values(value)}" for what, formula, value in parts]
        lines.insert(3, "")
        rows = [self._heads(), *([name, *map(_n, numbers)] for name, *numbers in self.ledger())]
        widths = [max(len(r[i]) for r in rows) for i in range(5)]
        lines += ["", *("  ".join([r[0].ljust(widths[0]), *(c.rjust(n) for c, n in zip(r[1:], widths[1:]))]) for r in rows)]
        return "\n".join([*lines, *self._note()])

    __repr__ = __str__

    def _note(self) -> list[str]:
        if np.allclose(self.gradient, self.engine, rtol=1e-9, atol=1e-300):
            return []
        return ["", f"the factors' product differs from one backward pass, {_values(self.engine)}: a factor has left float64's range"]

    def _repr_html_(self) -> str:
        def cells(row: list[str], tag: str = "td") -> str:
            return "<tr>" + "".join(f"<{tag} style='text-align:left'>{html.escape(c)}</{tag}>" for c in row) + "</tr>"

        rule = "".join(cells([what, formula, _values(value)]) for what, formula, value in [*self.forward(), *self.factors()])
        book = cells(self._heads(), "th") + "".join(cells([name, *map(_n, numbers)]) for name, *numbers in self.ledger())
        return f"<table>{rule}</table><table>{book}</table>" + "".join(f"<p>{html.escape(n)}</p>" for n in self._note() if n)


def _n(v: float) -> str:
    return f"{v:.6g}"


def _first(said: list[str]) -> list[str]:
    """All of a few, else the first of many."""
    return said if len(said) <= 6 else [*said[:4], "…"]


def _values(value: Any) -> str:
    return f"({', '.join(_first([*map(_n, value)]))})" if isinstance(value, np.ndarray) else _n(value)


def chain(
    neuron: Any, x: Any, y: Any, w: Any = None, b: Any = None, *, loss: Any = "squared_error", learning_rate: float | None = None,
) -> Chain:  # fmt: skip
    """Lays the chain rule open at one sample: ∇L(W) = ∂L/∂ŷ · ∂ŷ/∂z · ∂z/∂W, z = w·x + b, ŷ = a(z), and the step W − α∇L.

    `neuron` is a fitted estimator of this package, which brings its activation, loss, weights and learning rate, or an activation: "linear",
    "sigmoid", "tanh", "relu", "softplus", or a function of tensors; `loss` is "squared_error", "cross_entropy", "perceptron",
    "absolute_error", or a function of ŷ and y. x: (features,), w: (features,); y and b are numbers (b = 0 unless given; for a classifier y is
    a label). float64. learning_rate is 0.5 unless given.

    Raises ValueError for shapes that do not fit, and names that are not known. Source: Rumelhart, Hinton and Williams, Nature 323 (1986).

    >>> laid = chain("sigmoid", x=[2, 3], y=0, w=[0.7, 0.5], b=0.3)
    >>> round(laid.dL_dy_hat, 4), round(laid.dy_hat_dz, 4), laid.dz_dw.tolist(), laid.gradient.round(6).tolist()
    (1.9217, 0.0376, [2.0, 3.0], [0.072316, 0.144632, 0.216947])
    """
    x = numbers(x, "x", 1)
    names: tuple[str, ...] = tuple(f"w{i + 1}" for i in range(len(x)))
    activation: Any = neuron
    if hasattr(neuron, "pieces"):
        if not hasattr(neuron, "coef_"):
            raise ValueError(f"this {type(neuron).__name__} has no weights yet: fit it, or give its activation by name, with w and b")
        activation, loss = neuron.pieces()
        if hasattr(neuron, "classes_"):
            labels = neuron.classes_.tolist()
            if y not in labels:
                raise ValueError(f"y={y!r} is none of the neuron's classes {labels}")
            y = float(labels.index(y))
        w = neuron.coef_ if w is None else w
        b = np.ravel(neuron.intercept_)[0] if b is None else b
        learning_rate = neuron.learning_rate_ if learning_rate is None else learning_rate
        names = tuple(map(str, getattr(neuron, "feature_names_in_", names)))
    elif w is None:
        raise ValueError("w is missing: the weights, one for each number in x")
    w = numbers(np.ravel(w), "w", 1)
    if w.shape != x.shape:
        raise ValueError(f"x has {len(x)} numbers and w has {len(w)}")
    a, l = piece("activation", activation), piece("loss", loss)
    target, bias = float(y), float(0.0 if b is None else b)
    rate = 0.5 if learning_rate is None else float(learning_rate)
    # the way forward in pieces, each from a leaf of its own, so that its derivative is its own
    leaf_w, leaf_b = leaf(w), leaf(bias)
    z = dot(Tensor._wrap(x), leaf_w) + leaf_b
    dz_dw, dz_db = grad(z, [leaf_w, leaf_b])
    leaf_z = leaf(z.item())
    y_hat = a.call(leaf_z) * 1.0
    dy_hat_dz = _slope(y_hat, leaf_z)
    leaf_y = leaf(y_hat.item())
    value = l.call(leaf_y, Tensor._wrap(np.float64(target)))
    dL_dy_hat = _slope(value, leaf_y)
    whole_w, whole_b = leaf(w), leaf(bias)
    whole = l.call(a.call(dot(Tensor._wrap(x), whole_w) + whole_b), Tensor._wrap(np.float64(target)))
    by_w, by_b = grad(whole, [whole_w, whole_b], allow_unused=True, materialize_grads=True)
    engine = np.concatenate([[by_b.item()], by_w.numpy()])
    return Chain(x, target, w, bias, a, l, z.item(), y_hat.item(), value.item(), dL_dy_hat, dy_hat_dz, dz_dw.numpy(), dz_db.item(), engine, rate, ("b", *names))


def _slope(output: Any, at: Tensor) -> float:
    if not isinstance(output, Tensor) or output._data.size != 1:
        raise ValueError("an activation and a loss return one number for one number, as a tensor")
    return grad(output.reshape(()), [at], allow_unused=True, materialize_grads=True)[0].item() if output._needs else 0.0
