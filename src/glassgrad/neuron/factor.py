"""The triangular factor of tall data, block by block: all that least squares needs to know of a hundred thousand rows."""

from __future__ import annotations

from typing import Any

import numpy as np

_ROWS = 500  # a block of this many rows and some twenty columns stays in a processor's cache, and BLAS factors it without its lock


def triangle(a: Any) -> np.ndarray:
    """R of A = QR, Householder, with the rows taken in blocks whose triangles are stacked and factored again; a: (n, k), R: (min(n, k), k).

    ‖Ax‖ = ‖Rx‖ for each x, backward stable: the condition number is that of A, not its square as it would be in AᵀA.
    Source: Demmel, Grigori, Hoemmen and Langou, SIAM J. Sci. Comput. 34 (2012).

    >>> R = triangle(np.array([[3.0, 1], [4, 2], [0, 2]]))
    >>> bool(np.allclose(R.T @ R, [[25, 11], [11, 9]]))
    True
    """
    n, k = a.shape
    rows = max(_ROWS, 4 * k)
    while n >= 2 * rows:
        whole = n // rows * rows
        blocks = np.asarray(np.linalg.qr(a[:whole].reshape(-1, rows, k), mode="r")).reshape(-1, k)
        a = blocks if whole == n else np.concatenate([blocks, a[whole:]])
        n = len(a)
    return np.asarray(np.linalg.qr(a, mode="r"))
