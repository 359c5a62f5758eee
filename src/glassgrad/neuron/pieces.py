"""What neurons are made of: activations ŷ = a(z) and losses L(ŷ, y), as plain expressions that the engine differentiates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd.backward import grad
from ..ops.elementwise import abs as abs_
from ..ops.elementwise import clamp_min, exp, log, log1p, relu, sigmoid, softplus, square, tanh
from ..tensor import Tensor


@dataclass(frozen=True)
class Piece:
    """A function with its formula and its derivative's, as one reads them; the derivative's value is the engine's."""

    name: str
    call: Callable[..., Any]
    formula: str
    derivative: str


def _linear(z: Any) -> Any:
    return z


def _softplus(z: Any) -> Any:
    return softplus(z, 1.0, 40.0)  # beyond 40, z itself is exact in float64


def _squared_error(output: Any, y: Any) -> Any:
    return square(output - y)


def _cross_entropy(output: Any, y: Any) -> Any:
    return -(y * log(output)) - (1 - y) * log(1 - output)


def _perceptron(output: Any, y: Any) -> Any:
    return clamp_min((1 - 2 * y) * output, 0)


def _absolute_error(output: Any, y: Any) -> Any:
    return abs_(output - y)


ACTIVATIONS = {p.name: p for p in (
    Piece("linear", _linear, "z", "1"),
    Piece("sigmoid", sigmoid, "σ(z)", "ŷ(1 − ŷ)"),
    Piece("tanh", tanh, "tanh z", "1 − ŷ²"),
    Piece("relu", relu, "max(0, z)", "1 if z > 0 else 0"),
    Piece("softplus", _softplus, "ln(1 + eᶻ)", "σ(z)"),
)}  # fmt: skip
LOSSES = {p.name: p for p in (
    Piece("squared_error", _squared_error, "(ŷ − y)²", "2(ŷ − y)"),
    Piece("cross_entropy", _cross_entropy, "−y ln ŷ − (1 − y) ln(1 − ŷ)", "(ŷ − y) / (ŷ(1 − ŷ))"),
    Piece("perceptron", _perceptron, "max(0, (1 − 2y)ŷ)", "(1 − 2y) if (1 − 2y)ŷ ≥ 0 else 0"),
    Piece("absolute_error", _absolute_error, "|ŷ − y|", "sign(ŷ − y)"),
)}  # fmt: skip


def _squared_of_margin(m: Any, y: Any = None) -> Any:
    return square(sigmoid(m))


def _entropy_of_margin(m: Any, y: Any = None) -> Any:
    # the plain formula is faster, and as exact, where eᵐ is a number
    return log1p(exp(m)) if m._data.max() < 700 else _softplus(m)


def _perceptron_of_margin(m: Any, y: Any = None) -> Any:
    return clamp_min(m, 0)


# For y in {0, 1} the losses of a neuron are functions of m = (1 − 2y)z alone: the sign goes into the rows once, and no logarithm overflows.
OF_MARGIN: dict[tuple[str, str], Callable[..., Any]] = {
    ("sigmoid", "squared_error"): _squared_of_margin, ("sigmoid", "cross_entropy"): _entropy_of_margin, ("linear", "perceptron"): _perceptron_of_margin,
}  # fmt: skip


def piece(kind: str, given: Any) -> Piece:
    """The activation or the loss of a name, or one made of a function."""
    table = ACTIVATIONS if kind == "activation" else LOSSES
    if callable(given):
        of = "z" if kind == "activation" else "ŷ"
        name = getattr(given, "__name__", type(given).__name__)
        name = "f" if name == "<lambda>" else name
        return Piece(name, given, f"{name}({'z' if of == 'z' else 'ŷ, y'})", f"∂{name}/∂{of}")
    if given not in table:
        raise ValueError(f"{kind}={given!r} is not known: it is a function or one of {', '.join(map(repr, table))}")
    return table[given]


def leaf(value: Any) -> Tensor:
    """A float64 tensor that takes a gradient."""
    t = Tensor._wrap(value if isinstance(value, np.ndarray) and value.ndim else np.float64(value))
    t._needs = True
    return t


@functools.lru_cache(maxsize=64)
def bend(loss: Callable[..., Any]) -> float:
    """The largest |∂²ℓ/∂z²| of a loss of one sample, by the engine, over −16 ≤ z ≤ 16: what bounds the curvature of all of them."""
    z = leaf(np.linspace(-16, 16, 6401))
    (first,) = grad(loss(z, Tensor._wrap(np.zeros(6401))).sum(), [z], create_graph=True, materialize_grads=True)
    if not first._needs:
        return 0.0
    (second,) = grad(first.sum(), [z], materialize_grads=True)
    return float(np.abs(second._data).max())
