"""A plane through the space of parameters, in which a run of many variables can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass
class Plane:
    """The points origin + a · axes[0] + b · axes[1]. `explained` is the share of the path's variance along each axis, where that is known."""

    origin: np.ndarray
    axes: np.ndarray
    explained: tuple[float, float] | None = None

    def point(self, a: float, b: float) -> np.ndarray:
        """The point of the space at the plane's coordinates."""
        return self.origin + a * self.axes[0] + b * self.axes[1]

    def project(self, points: np.ndarray) -> np.ndarray:
        """The coordinates of the nearest points of the plane, (k, 2)."""
        return np.linalg.lstsq(self.axes.T, (np.asarray(points) - self.origin).T, rcond=None)[0].T

    def directions(self, vectors: np.ndarray) -> np.ndarray:
        """The parts of vectors, such as gradients, that lie in the plane, (k, 2)."""
        return np.linalg.lstsq(self.axes.T, np.asarray(vectors).T, rcond=None)[0].T

    def grid(self, value: Callable[[np.ndarray], float], low: Sequence[float], high: Sequence[float], points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A function on a grid between two corners: coordinates along each axis, and the values (points, points), NaN where it has none."""
        xs, ys = (np.linspace(a, b, points) for a, b in zip(low, high))
        z = np.array([[value(self.point(x, y)) for x in xs] for y in ys], np.float64)
        return xs, ys, np.where(np.isfinite(z), z, np.nan)


def whole(n: int) -> Plane:
    """The plane of a function of two variables: the variables themselves."""
    if n != 2:
        raise ValueError(f"{n} variables are no plane")
    return Plane(np.zeros(2), np.eye(2))


def principal(path: np.ndarray, end: np.ndarray | None = None) -> Plane:
    """The plane through the end of a path along its two principal components: where the path spreads most.

    Source: H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, "Visualizing the Loss Landscape of Neural Nets", 2018, §7.

    >>> import numpy as np
    >>> plane = principal(np.array([[3.0, 0, 0], [1, 1, 0], [0, 0, 0]]))
    >>> [bool(v) for v in np.isclose(plane.project(np.array([[3.0, 0, 0], [0, 0, 0]]))[1], 0)]
    [True, True]
    """
    path = np.asarray(path, np.float64)
    origin = path[-1] if end is None else end
    moved = path - origin
    _, size, axes = np.linalg.svd(moved, full_matrices=False)
    total = float((size**2).sum())
    if len(size) < 2 or size[0] == 0:
        raise ValueError("the path does not move: there is no plane to see it in")
    if size[1] <= 1e-12 * size[0]:  # a straight line: any direction across it will do
        across = np.zeros(path.shape[1])
        across[int(np.argmin(np.abs(axes[0])))] = 1.0
        across -= (across @ axes[0]) * axes[0]
        axes = np.stack([axes[0], across / np.linalg.norm(across)])
        return Plane(origin, axes, (1.0, 0.0))
    return Plane(origin, axes[:2], (float(size[0] ** 2) / total, float(size[1] ** 2) / total))


def filter_normalised(parameters: Sequence[np.ndarray], seed: int = 0) -> Plane:
    """A random plane through parameters, each filter of a direction scaled to the norm of the filter it moves; biases stay.

    So a step of 1 changes every filter by its own size, and landscapes of different nets can be compared.
    Source: Li et al. 2018 (see `principal`), §4.
    """
    random = np.random.default_rng(seed)
    axes = []
    for _ in range(2):
        parts = []
        for w in parameters:
            d = random.normal(size=w.shape)
            if w.ndim < 2:
                d = np.zeros(w.shape)
            else:
                rows, mine = d.reshape(len(d), -1), w.reshape(len(w), -1)
                rows *= (np.linalg.norm(mine, axis=1) / np.maximum(np.linalg.norm(rows, axis=1), 1e-30))[:, None]
            parts.append(d.ravel())
        axes.append(np.concatenate(parts))
    return Plane(np.concatenate([np.ravel(w) for w in parameters]).astype(np.float64), np.stack(axes))
