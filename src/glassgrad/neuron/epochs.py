"""`epochs`: a neuron's first epochs, one by one, as a table and a picture."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..descent.run import Descent, descend
from ..ops.products import mv
from ..tensor import Tensor
from .pieces import Piece, piece
from .system import numbers


@dataclass(frozen=True)
class Epochs:
    """Epochs of gradient descent on the mean loss of one neuron; W = (b, w₁, w₂, …).

    `path` (epochs + 1, features + 1) has W before each epoch and after the last, `losses` and `gradients` the same way; `z` and `y_hat`
    (epochs + 1, samples) what the neuron answers. `run` is the `Descent`, which says why it stopped.
    """

    X: np.ndarray
    y: np.ndarray
    activation: Piece = field(repr=False)
    loss: Piece = field(repr=False)
    run: Descent
    z: np.ndarray = field(repr=False)
    y_hat: np.ndarray = field(repr=False)

    @property
    def path(self) -> np.ndarray:
        """W before each epoch and after the last, the bias first."""
        return self.run.path

    @property
    def losses(self) -> np.ndarray:
        """The loss at each W of the path."""
        return self.run.losses

    @property
    def gradients(self) -> np.ndarray:
        """∇L at each W of the path."""
        return self.run.gradients

    @property
    def learning_rate(self) -> float:
        """α."""
        return self.run.lr

    @property
    def w(self) -> np.ndarray:
        """The weights after the last epoch."""
        return self.path[-1, 1:]

    @property
    def b(self) -> float:
        """The bias after the last epoch."""
        return float(self.path[-1, 0])

    def __len__(self) -> int:
        return self.run.steps

    def table(self) -> list[list[str]]:
        """Rows of text, heads first: epoch, the answer (of a single sample), loss, gradient, step, new weights."""
        one = len(self.y) == 1
        answer = ["ŷ", *(["label"] if self.activation.name == "sigmoid" else [])] if one else []
        rows = [["epoch", *answer, "loss", "∇L(W)", f"−{self.learning_rate:g} · ∇L", "W_new = (b, w)"]]
        for i in range(len(self)):
            said = [f"{self.y_hat[i, 0]:.4f}", *([str(int(self.y_hat[i, 0] >= 0.5))] if len(answer) > 1 else [])] if one else []
            g = self.gradients[i]
            rows.append([str(i), *said, f"{self.losses[i]:.4f}", _row(g), _row(-self.learning_rate * g), _row(self.path[i + 1])])
        return rows

    def __str__(self) -> str:
        rows = self.table()
        widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(c.rjust(n) for c, n in zip(r, widths)) for r in rows]
        return "\n".join([*lines, f"loss {self.losses[0]:.6g} → {self.losses[-1]:.6g}; {self.run.reason}"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = self.table()
        cells = lambda r, tag: "<tr>" + "".join(f"<{tag} style='text-align:right'>{html.escape(c)}</{tag}>" for c in r) + "</tr>"
        return f"<table>{cells(head, 'th')}{''.join(cells(r, 'td') for r in rows)}</table><p>{html.escape(str(self).splitlines()[-1])}</p>"

    def loss_at(self, weights: Any) -> np.ndarray:
        """The mean loss at each of many W (points, features + 1), the bias first: what the landscape is drawn of."""
        weights = np.asarray(weights, np.float64)
        z = weights[:, :1] + weights[:, 1:] @ self.X.T
        each = self.loss.call(self.activation.call(Tensor._wrap(z)), Tensor._wrap(np.broadcast_to(self.y, z.shape).copy()))
        return each._data.mean(1)

    def plot(self, axes: Any = None) -> Any:
        """The activation with the answers on it, the loss's landscape with the path, the loss by epoch; on three axes, or a new figure."""
        from .pictures import plot_epochs

        return plot_epochs(self, axes)


def _row(values: Any) -> str:
    shown = ", ".join(f"{v:.4f}" for v in values[:6])
    return f"({shown}{', …' if len(values) > 6 else ''})"


def epochs(
    x: Any = (2.0, 3.0), y: Any = 0.0, w: Any = (0.7, 0.5), b: float = 0.3, *, activation: Any = "sigmoid", loss: Any = "squared_error",
    learning_rate: float = 0.5, n: int = 10,
) -> Epochs:  # fmt: skip
    """Follows W ← W − α∇L(W) for n epochs and keeps what happened in each; without arguments, the ten epochs of the workshop's neuron.

    L(W) is the mean over the samples of loss(activation(w·x + b), y). x: (features,) and y a number, or x: (samples, features) and
    y: (samples,); w: (features,). float64. `activation` and `loss` as for `chain`.

    Raises ValueError for shapes that do not fit, names that are not known, a learning rate that is not positive.

    >>> ten = epochs()
    >>> ten.losses[:3].round(4).tolist(), ten.path[1].round(4).tolist()
    ([0.9232, 0.8773, 0.7598], [0.2638, 0.6277, 0.3915])
    """
    X = np.asarray(x.detach().numpy() if hasattr(x, "detach") else x)
    X = numbers(x, "x", 2) if X.ndim == 2 else numbers(x, "x", 1)[None, :]
    target = np.atleast_1d(np.asarray(y, np.float64))
    if target.shape != (len(X),):
        raise ValueError(f"x has {len(X)} sample{'' if len(X) == 1 else 's'} and y has shape {list(target.shape)}")
    start = np.concatenate([[float(b)], numbers(np.ravel(w), "w", 1)])
    if len(start) != X.shape[1] + 1:
        raise ValueError(f"x has {X.shape[1]} features and w has {len(start) - 1} weights")
    a, l = piece("activation", activation), piece("loss", loss)
    rows, goal = Tensor._wrap(np.column_stack([np.ones(len(X)), X])), Tensor._wrap(target)

    def mean_loss(W: Tensor) -> Any:
        return l.call(a.call(mv(rows, W)), goal).mean()

    run = descend(mean_loss, start, lr=learning_rate, steps=n, tolerance=0.0, progress=False)
    z = run.path @ rows._data.T
    return Epochs(X, target, a, l, run, z, np.asarray(a.call(Tensor._wrap(z))._data))
