"""One neuron, learnt three ways: by a system of equations, by the delta rule, by backpropagation.

The estimators and `compare` follow scikit-learn's conventions and need it: pip install "glassgrad[neuron]". The rest does not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .chain import Chain, chain
from .epochs import Epochs, epochs
from .system import System, system

if TYPE_CHECKING:
    from .adaline import Adaline
    from .comparison import Comparison, compare
    from .least_squares import LeastSquares
    from .perceptron import Perceptron
    from .sigmoid import SigmoidNeuron

__all__ = [
    "Adaline", "Chain", "Comparison", "Epochs", "LeastSquares", "Perceptron", "SigmoidNeuron", "System", "chain", "compare", "epochs", "system",
]  # fmt: skip
# What is built on scikit-learn is imported when it is asked for.
_FILES = {
    "LeastSquares": "least_squares", "Adaline": "adaline", "SigmoidNeuron": "sigmoid", "Perceptron": "perceptron", "compare": "comparison",
    "Comparison": "comparison",
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _FILES:
        raise AttributeError(f"glassgrad.neuron has no {name!r}; it has {', '.join(__all__)}")
    found = getattr(importlib.import_module(f".{_FILES[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
