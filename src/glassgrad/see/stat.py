"""A tensor in a few numbers: what is kept where its elements are not."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from . import engines


@dataclasses.dataclass(frozen=True)
class Stat:
    """Shape, extremes, norm, and how much of it is zero, NaN or infinite. `bad` is the index of the first element that is not finite.

    >>> import glassgrad as gg
    >>> Stat.of(gg.tensor([3.0, -4.0])).norm
    5.0
    """

    shape: tuple[int, ...]
    count: int
    low: float
    high: float
    mean: float
    norm: float
    zeros: int
    nans: int
    infs: int
    bad: tuple[int, ...] | None
    first: float  # the only element, or the first that is not finite

    @staticmethod
    def of(tensor: Any) -> Stat:
        """Reads a tensor or an array."""
        a = np.asarray(engines.array(tensor) if engines.is_tensor(tensor) else tensor)
        if a.dtype.kind in "biu" or a.dtype == object:
            a = a.astype(float)
        n = a.size
        if n == 0:
            return Stat(a.shape, 0, math.nan, math.nan, math.nan, 0.0, 0, 0, 0, None, math.nan)
        with np.errstate(all="ignore"):
            size = np.abs(a) if a.dtype.kind == "c" else a
            wide = size.astype(np.float64, copy=False)
            finite = np.isfinite(wide)
            whole = bool(finite.all())
            nans = 0 if whole else int(np.isnan(wide).sum())
            bad = None if whole else tuple(int(i) for i in np.unravel_index(int(np.argmin(finite)), a.shape))
            good = wide if whole else wide[finite]
            low, high, mean = (float(good.min()), float(good.max()), float(good.mean())) if good.size else (math.nan,) * 3
            largest = max(abs(low), abs(high)) if good.size else 0.0
            norm = largest * float(np.sqrt(((good / largest) ** 2).sum())) if largest > 0 else 0.0
            first = float(wide[bad] if bad is not None else wide.reshape(-1)[0])
            zeros = int(n - np.count_nonzero(a))
        return Stat(a.shape, n, low, high, mean, norm, zeros, nans, 0 if whole else int((~finite).sum()) - nans, bad, first)

    @staticmethod
    def all_finite(g: Any) -> bool:
        """Whether a tensor, or what a summary tells of it, is finite throughout: quicker than the whole summary."""
        if isinstance(g, Stat):
            return g.bad is None
        a = np.asarray(engines.array(g))
        return a.dtype.kind not in "fc" or bool(np.isfinite(a).all())

    @property
    def finite(self) -> bool:
        return self.bad is None

    @property
    def sign(self) -> float:
        """From -1, where every element is negative, to 1."""
        if not self.count or math.isnan(self.low):
            return 0.0
        return (
            1.0
            if self.low >= 0 and self.high > 0
            else -1.0
            if self.high <= 0 and self.low < 0
            else max(-1.0, min(1.0, self.mean / (abs(self.low) + abs(self.high) or 1)))
        )

    def __str__(self) -> str:
        if self.count == 1:
            return number(self.first)
        if self.count == 0:
            return f"{list(self.shape)} empty"
        parts = [f"norm {number(self.norm)}", f"from {number(self.low)} to {number(self.high)}"] if not math.isnan(self.low) else []
        if self.zeros == self.count:
            parts = ["all zero"]
        if self.nans:
            parts.append(f"{self.nans} NaN")
        if self.infs:
            parts.append(f"{self.infs} infinite")
        return f"{list(self.shape)}: " + ", ".join(parts)


def number(x: Any, digits: int = 4) -> str:
    """A number as it is read: 3, 0.25, 1.2e-05, ∞, NaN.

    >>> number(3.0), number(-0.25), number(1.23456e-7), number(float("inf"))
    ('3', '-0.25', '1.235e-07', '∞')
    """
    if isinstance(x, complex):
        return f"{number(x.real)}{'+' if x.imag >= 0 or x.imag != x.imag else ''}{number(x.imag)}j"
    x = float(x)
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "∞" if x > 0 else "-∞"
    if x == int(x) and abs(x) < 1e6:
        return str(int(x))
    return f"{x:.{digits}g}"


def values(tensor: Any, most: int = 6) -> str:
    """The numbers of a small tensor, a summary of a large one.

    >>> import glassgrad as gg
    >>> values(gg.tensor([1.0, 2.5])), values(gg.zeros(100))
    ('[1, 2.5]', '[100]: all zero')
    """
    a = np.asarray(engines.array(tensor) if engines.is_tensor(tensor) else tensor)
    if a.size <= most and a.ndim <= 2:
        return _nested(a.tolist())
    return str(Stat.of(a))


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return str(value) if isinstance(value, bool) else number(value)


def at(index: tuple[int, ...] | None) -> str:
    """An index as it is written: [0, 3]; nothing for a scalar."""
    return f"[{', '.join(map(str, index))}]" if index else ""
