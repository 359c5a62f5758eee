"""PyTorch's `linalg`: systems, decompositions, norms and products of matrices."""

from .ops.contractions import linalg_cross as cross
from .ops.decompositions import eig, eigh, eigvals, eigvalsh, qr, svd, svdvals
from .ops.lu import lu, lu_factor, lu_factor_ex, lu_solve
from .ops.matrices import (
    cond,
    householder_product,
    matrix_norm,
    matrix_power,
    matrix_rank,
    multi_dot,
    norm,
    tensorinv,
    tensorsolve,
    vander,
    vecdot,
)
from .ops.products import matmul
from .ops.reductions import vector_norm
from .ops.shapes import linalg_diagonal as diagonal
from .ops.solvers import (
    LinAlgError,
    cholesky,
    cholesky_ex,
    det,
    inv,
    inv_ex,
    lstsq,
    matrix_exp,
    pinv,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
)

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh", "householder_product", "inv",
    "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot",
    "norm", "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot",
    "vector_norm",
]  # fmt: skip
