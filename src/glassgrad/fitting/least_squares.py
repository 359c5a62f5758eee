"""Least squares from one pass over the data: the R factors of blocks, merged (TSQR), and solved by an SVD of what is left.

XᵀX would square the condition number and lose half of the digits; an R factor keeps them.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from ..neuron.factor import triangle
from .faults import DataError
from .parts import Part, Reading, blocks

FEW = 3  # distinct values of the target that are kept: two are classes, a third says that it has none


@dataclasses.dataclass(frozen=True)
class Survey:
    """What one pass learns: the triangular factor of [1, X, y], the rows it is of, up to three of the target's values, and the rows left out."""

    factor: np.ndarray
    rows: int
    values: tuple[Any, ...] = ()
    dropped: int = 0


def survey(reading: Reading, part: Part) -> Survey:
    """The summary of a partition. Block by block, R ← the R of QR([R; block]): memory for one block, whatever the partition's size."""
    width = len(reading.features) + 2
    factor, rows, read = np.zeros((0, width)), 0, 0
    values: tuple[Any, ...] = ()
    for block, batches in blocks(part, reading):
        read += sum(batch.num_rows for batch in batches)
        if not len(block):
            continue
        factor = triangle(block, factor)
        if not np.isfinite(factor).all():
            raise part.fault(reading)
        if reading.target is not None and len(values) < FEW:
            text = reading.kinds[reading.target] == "text"
            values = _few(values, _texts(batches, reading.target) if text else _ends(block[:, -1] + reading.origin[-1]))
        rows += len(block)
    return Survey(factor, rows, values, read - rows)


def _ends(values: np.ndarray) -> list[float]:
    """Three distinct values if there are as many: the smallest, the largest and one that is neither."""
    low, high = values.min(), values.max()
    between = values[(values != low) & (values != high)]
    return [float(low), float(high), *map(float, between[:1])]


def _texts(batches: list[Any], target: str) -> list[str]:
    return [v for batch in batches for v in batch.column(target).unique().to_pylist() if v is not None]


def _few(*groups: Any) -> tuple[Any, ...]:
    return tuple(sorted({value for group in groups for value in group})[:FEW])


def merged(*surveys: Survey) -> Survey:
    """The summary of several partitions together: the R of their R factors, one on top of the other."""
    factor = triangle(np.concatenate([s.factor for s in surveys]))
    return Survey(factor, sum(s.rows for s in surveys), _few(*(s.values for s in surveys)), sum(s.dropped for s in surveys))


@dataclasses.dataclass(frozen=True)
class Solution:
    """A least-squares fit: y ≈ X·coef + intercept."""

    coef: np.ndarray
    intercept: float
    loss: float
    rank: int
    condition: float


@dataclasses.dataclass(frozen=True)
class Centred:
    """What a survey says about columns: their means, and the triangular factor of the columns less their means.

    The first row of R belongs to the column of ones: it is √rows times the means. What stands below it is the R of the centred columns, so that
    variances and correlations come without a difference of large numbers.
    """

    means: np.ndarray
    factor: np.ndarray
    rows: int

    @functools.cached_property
    def deviations(self) -> np.ndarray:
        """Standard deviations (division by the number of rows); exactly 0 for a constant column."""
        return np.sqrt(np.square(self.factor).sum(axis=0) / self.rows)


def centred(found: Survey, origin: np.ndarray) -> Centred:
    """Means and centred factor of a survey whose blocks were taken less `origin`."""
    factor = np.zeros((found.factor.shape[1],) * 2)
    factor[: len(found.factor)] = found.factor
    return Centred(origin + factor[0, 1:] / factor[0, 0], factor[1:, 1:], found.rows)


def solve(about: Centred) -> Solution:
    """The coefficients that make the mean of (y - X·coef - intercept)² smallest; the shortest vector of them, if several do.

    Columns are brought to unit length, and singular values below ε·max(rows, columns) times the largest count as zero (ε = 2.2e-16): columns that
    are constant, or combinations of others, are found whatever their units are. Shapes: coef (features,). Source: J. Demmel, L. Grigori,
    M. Hoemmen, J. Langou, Communication-optimal parallel and sequential QR and LU factorizations, SIAM J. Sci. Comput. 34 (2012), A206–A239.

    >>> block = np.array([[1, 0, 1], [1, 1, 3], [1, 2, 5.0]])  # ones, x, y = 2x + 1
    >>> found = solve(centred(Survey(np.linalg.qr(block, mode="r"), 3), np.zeros(2)))
    >>> found.coef.round(12), round(found.intercept, 12)
    (array([2.]), 1.0)
    """
    x, y = about.factor[:, :-1], about.factor[:, -1]
    lengths = np.linalg.norm(x, axis=0)
    used = lengths > 0
    coef = np.zeros(len(lengths))
    rank, condition, rest = 0, 1.0, y
    if used.any():
        scaled = x[:, used] / lengths[used]
        left, singular, right = np.linalg.svd(scaled, full_matrices=False)
        rank = int((singular > np.finfo(float).eps * max(about.rows, len(lengths)) * singular[0]).sum())
        solution = right[:rank].T @ ((left[:, :rank].T @ y) / singular[:rank])
        rest = y - scaled @ solution
        found = solution / lengths[used]
        if rank < used.sum():
            null = np.linalg.qr(right[rank:].T / lengths[used, None])[0]
            found = found - null @ (null.T @ found)
        coef[used] = found
        condition = float(singular[0] / singular[rank - 1]) if rank == used.sum() else float("inf")
    intercept = float(about.means[-1] - about.means[:-1] @ coef)
    if not np.isfinite(coef).all():
        raise DataError("the columns hold numbers too large or too small to calculate with")
    return Solution(coef, intercept, float(rest @ rest / about.rows), rank, condition)
