"""`system(X, y)`: the equations Xw = y judged: rank, consistency, how many solutions, how well they are determined."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class System:
    """What is known of Aw = y, A being X, with a last column of ones where there is an intercept.

    `kind` compares the number of equations with that of unknowns ("overdetermined", "underdetermined", "square"); `solutions` is "none",
    "one" or "infinitely many"; `solution` the vector of least ‖Aw − y‖ and, among those, of least ‖w‖ (unknowns,), the intercept last;
    `residual` that ‖Aw − y‖; `null_space` an orthonormal basis of what may be added to w without a change (unknowns, unknowns − rank).
    """

    equations: int
    unknowns: int
    rank: int
    augmented_rank: int
    consistent: bool
    solutions: str
    kind: str
    condition_number: float
    singular_values: np.ndarray
    residual: float
    relative_residual: float
    solution: np.ndarray
    null_space: np.ndarray = field(repr=False)
    tolerance: float
    names: tuple[str, ...] = field(repr=False, default=())

    @property
    def coef(self) -> np.ndarray:
        """The weights of `solution`, without the intercept."""
        return self.solution[:-1] if self.names[-1:] == ("b",) else self.solution

    @property
    def intercept(self) -> float:
        """The intercept of `solution`; 0 where there is none."""
        return float(self.solution[-1]) if self.names[-1:] == ("b",) else 0.0

    def lines(self) -> list[tuple[str, str]]:
        """The judgement as labelled sentences."""
        rank, free = self.rank, self.unknowns - self.rank
        full = f"all {self.unknowns} unknowns are determined" if not free else f"{_many(free, 'unknown')} of {self.unknowns} can be chosen freely"
        if self.consistent:
            verdict = f"consistent: adding y leaves the rank at {rank}, so that {_HOW_MANY[self.solutions]}"
        else:
            verdict = f"inconsistent: adding y raises the rank from {rank} to {self.augmented_rank}, so that no w solves all equations"
        size = f"{_number(self.residual)}, {_number(self.relative_residual)} of ‖y‖" if self.relative_residual else _number(self.residual)
        best = "the solution" if self.solutions == "one" else "the shortest solution" if self.consistent else "least squares"
        if free and not self.consistent:
            best += ", the shortest"
        kept = self.singular_values[:rank]
        noise = self.tolerance * (float(kept[0] / kept[-1]) if rank else 1.0) * float(np.abs(self.solution).max())  # what rounding alone may bring
        shown = [f"{n} = {_number(v) if abs(v) > noise else '0'}" for n, v in list(zip(self.names, self.solution))[:12]]
        digits = np.log10(self.condition_number) if np.isfinite(self.condition_number) else np.inf
        lost = "no digit is lost" if digits < 0.5 else f"about {digits:.0f} of 16 digits may be lost" if np.isfinite(digits) else "the rank is not full"
        return [
            ("shape", f"{_many(self.equations, 'equation')}, {_many(self.unknowns, 'unknown')}: {self.kind}"),
            ("rank", f"{rank}: {full}"),
            ("verdict", verdict),
            (best, ", ".join(shown) + (f", … ({self.unknowns})" if len(self.solution) > 12 else "")),
            ("residual", f"‖Aw − y‖ = {size}"),
            ("condition", f"κ = σmax/σmin = {_number(self.condition_number)}: {lost}"),
            ("tolerance", f"σ counts as zero below {_number(self.tolerance)} · σmax; a residual below {_number(self.tolerance)} · (σmax‖w‖ + ‖y‖)"),
        ]

    def __str__(self) -> str:
        rows = self.lines()
        wide = max(len(label) for label, _ in rows)
        return "\n".join(f"{label:<{wide}}  {text}" for label, text in rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td style='text-align:left;opacity:.65'>{html.escape(label)}</td><td style='text-align:left'>{html.escape(text)}</td></tr>"
            for label, text in self.lines()
        )
        return f"<table>{cells}</table>"


_HOW_MANY = {"one": "exactly one w solves them", "infinitely many": "infinitely many w solve them"}


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _number(v: float) -> str:
    return f"{v:.6g}" if abs(v) > 1e-12 or v == 0 else f"{v:.2g}"


def numbers(value: Any, name: str, ndim: int) -> np.ndarray:
    """A float64 array of finite numbers with so many dimensions, or a line that says what is wrong."""
    try:
        a = np.asarray(value.detach().numpy() if hasattr(value, "detach") else value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} holds something that is not a number") from None
    if a.ndim != ndim:
        raise ValueError(
            f"{name} has {a.ndim} dimension{'' if a.ndim == 1 else 's'}, and {ndim} are needed" + (" (one column: X[:, None])" if a.ndim == 1 else "")
        )
    if not np.isfinite(a).all():
        raise ValueError(f"{name} holds values that are not finite")
    return a


def system(X: Any, y: Any, *, fit_intercept: bool = False, rtol: float | None = None) -> System:
    """Judges the equations Xw = y, or Xw + b = y.

    By the singular values σ of A (X, or X with a column of ones): the rank counts those above rtol · σmax; the equations are consistent
    (rank of [A | y] = rank of A) when y lies in A's column space, judged by the residual of the shortest least-squares solution,
    ‖Aw − y‖ ≤ rtol · (σmax‖w‖ + ‖y‖): then a change of A and y no larger than rtol, relative to them, makes it zero. rtol is
    max(equations, unknowns + 1) · 2.2e-16 unless it is given. X: (equations, features), y: (equations,). κ = σmax/σmin, infinite when A
    has no full rank.

    Raises ValueError for shapes that do not fit, and values that are not finite. Source: Golub and Van Loan, Matrix Computations, 5.5;
    Rigal and Gaches, J. ACM 14 (1967), for the tolerance of the residual.

    >>> found = system([[1, 1], [2, 3], [1, 2]], [2, 5, 3])
    >>> found.kind, found.rank, found.consistent, found.solutions
    ('overdetermined', 2, True, 'one')
    """
    columns = [str(c) for c in X.columns] if hasattr(X, "columns") else None
    a, y = numbers(X, "X", 2), numbers(y, "y", 1)
    if len(a) != len(y):
        raise ValueError(f"X has {len(a)} rows and y has {len(y)}")
    if not a.size:
        raise ValueError(f"X is empty: {a.shape[0]} × {a.shape[1]}")
    names = tuple(columns or (f"w{i + 1}" for i in range(a.shape[1]))) + (("b",) if fit_intercept else ())
    if fit_intercept:
        a = np.column_stack([a, np.ones(len(a))])
    n, k = a.shape
    unit_a, unit_y = _power(a), _power(y)  # powers of two, so that no square of a number leaves float64's range
    a, y = a / unit_a, y / unit_y
    tolerance = max(n, k + 1) * float(np.finfo(np.float64).eps) if rtol is None else float(rtol)
    u, s, vt = np.linalg.svd(a, full_matrices=n < k)
    top = float(s[0])
    rank = int((s > tolerance * top).sum())
    w = vt[:rank].T @ ((u[:, :rank].T @ y) / s[:rank])
    residual, length = float(np.linalg.norm(a @ w - y)), float(np.linalg.norm(y))
    consistent = residual <= tolerance * (top * float(np.linalg.norm(w)) + length)
    solutions = ("one" if rank == k else "infinitely many") if consistent else "none"
    kind = "overdetermined" if n > k else "underdetermined" if n < k else "square"
    condition = top / float(s[-1]) if rank == k else float("inf")
    relative = residual / length if length else 0.0
    return System(
        n, k, rank, rank + (not consistent), consistent, solutions, kind, condition, s * unit_a, residual * unit_y, relative, w * (unit_y / unit_a),
        vt[rank:].T, tolerance, names,
    )  # fmt: skip


def _power(values: np.ndarray) -> float:
    """The power of two next to the largest absolute value; 1 where all are zero."""
    top = float(np.abs(values).max(initial=0.0))
    return float(2.0 ** np.floor(np.log2(top))) if top else 1.0
