"""The triangular factor of tall data, block by block: all that least squares needs to know of a hundred thousand rows."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

try:
    from scipy.linalg import cython_lapack
except ImportError:
    raise ImportError('the triangle of tall data needs SciPy: pip install "glassgrad[neuron]"') from None

ROWS = 2000  # a block of this many rows and some twenty columns stays in a processor's cache
PANEL = 4  # columns that are reflected at once


def triangle(a: Any, onto: Any = None) -> np.ndarray:
    """R of A = QR, Householder, the rows taken in blocks, each added to the triangle of those before; a: (n, k), R: (min(n, k), k).

    With `onto`, a triangle from before, R of both, one on top of the other. ‖Ax‖ = ‖Rx‖ for each x, backward stable: the condition number is that
    of A, not its square as it would be in AᵀA. Other threads run meanwhile.
    Source: Demmel, Grigori, Hoemmen and Langou, SIAM J. Sci. Comput. 34 (2012).

    >>> R = triangle(np.array([[3.0, 1], [4, 2], [0, 2]]))
    >>> bool(np.allclose(R.T @ R, [[25, 11], [11, 9]]))
    True
    """
    n, k = a.shape
    if n < max(500, 4 * k):
        return np.asarray(np.linalg.qr(a if onto is None else np.concatenate([onto, a]), mode="r"))
    r, block, kept, work = (np.zeros(shape, order="F") for shape in ((k, k), (min(n, max(ROWS, 4 * k)), k), (PANEL, k), (PANEL, k)))
    if onto is not None:
        r[: len(onto)] = onto
    height, panel, info = len(block), min(PANEL, k), ctypes.c_int()
    for start in range(0, n, height):
        rows = min(height, n - start)
        block[:rows] = a[start : start + height]
        sizes = [ctypes.byref(ctypes.c_int(size)) for size in (rows, k, 0, panel, k, height, PANEL)]
        at = [m.ctypes.data for m in (r, block, kept, work)]
        _factored_onto(*sizes[:4], at[0], sizes[4], at[1], sizes[5], at[2], sizes[6], at[3], ctypes.byref(info))
    return np.triu(r)


def _tpqrt() -> Any:
    """LAPACK's dtpqrt, the QR of a triangle on top of a block, from SciPy: its own wrapper copies the block and holds all other threads up."""
    name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    capsule = cython_lapack.__pyx_capi__["dtpqrt"]
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 12)(pointer(capsule, name(capsule)))


_factored_onto = _tpqrt()
