"""PyTorch's `signal.windows`: symmetric windows, or one period of a longer signal's with `sym=False`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..dtypes import float32, float64
from ..ops import signals
from ..tensor import Tensor

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser", "nuttall"]


def _window(name: str, formula: Any, M: int, sym: bool, dtype: Any, requires_grad: bool, device: Any) -> Tensor:
    if dtype not in (None, float32, float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    return signals.window(formula, M, not sym, dtype, requires_grad, device)


def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Σₖ (−1)ᵏ aₖ cos(2πkj/n) for j = 0, …, M − 1, n = M − 1 (M with `sym=False`). Raises ValueError for M < 0 or no coefficients.

    >>> general_cosine(5, a=[0.5, 0.5])
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _window("general_cosine", signals.cosines(*a), M, sym, dtype, requires_grad, device)


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """α − (1 − α) cos(2πj/n)."""
    return general_cosine(M, a=[alpha, 1 - alpha], sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def hann(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """½ − ½ cos(2πj/n)."""
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def hamming(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """0.54 − 0.46 cos(2πj/n)."""
    return general_hamming(M, sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def blackman(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """0.42 − 0.5 cos(2πj/n) + 0.08 cos(4πj/n)."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def nuttall(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Four cosines whose side lobes are lowest. Source: Nuttall, Some windows with very good sidelobe behavior, IEEE Trans. ASSP 29 (1981)."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, dtype=dtype, device=device, requires_grad=requires_grad)


def bartlett(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """1 − |2j/n − 1|."""
    return _window("bartlett", signals.bartlett, M, sym, dtype, requires_grad, device)


def cosine(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """sin(π(j + ½)/(n + 1))."""
    return _window("cosine", lambda j, n: np.sin(np.pi * (j + 0.5) / (n + 1)), M, sym, dtype, requires_grad, device)


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """e^(−|j − c|/τ), c the middle unless given. Raises ValueError for τ ≤ 0, and a centre of a symmetric window."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    return _window("exponential", lambda j, n: np.exp(-np.abs(j - (n / 2 if center is None else center)) / tau), M, sym, dtype, requires_grad, device)


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """e^(−(j − n/2)²/2σ²). Raises ValueError for σ ≤ 0."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return _window("gaussian", lambda j, n: np.exp(-(((j - n / 2) / std) ** 2) / 2), M, sym, dtype, requires_grad, device)


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """I₀(β√(1 − (2j/n − 1)²)) / I₀(β). Raises ValueError for β < 0."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _window("kaiser", signals.kaiser(beta), M, sym, dtype, requires_grad, device)
