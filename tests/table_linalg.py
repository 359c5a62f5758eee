"""The rows of linalg: as in table.py, one an op. Inputs are made regular; what is unique only up to a sign or phase is made unique."""

from __future__ import annotations

from typing import Any

from table import Row, row

SQUARE = [((3, 3),), ((2, 2, 2),)]
WIDE = [((2, 3),), ((2, 2, 3),)]
TALL = [((3, 2),), ((2, 3, 2),)]


def L(T: Any) -> Any:
    return T.linalg


def far(T: Any, x: Any) -> Any:
    """A regular matrix near x."""
    return x + 4 * T.eye(x.shape[-1], dtype=x.dtype)


def positive(T: Any, x: Any) -> Any:
    return x @ x.mT + T.eye(x.shape[-1], dtype=x.dtype) + T.diag(T.arange(x.shape[-1], dtype=x.dtype))


def apart(T: Any, x: Any) -> Any:
    """A matrix near x with singular values (and eigenvalues) well apart."""
    n = min(x.shape[-2:])
    return x * 0.3 + (T.eye(x.shape[-2], x.shape[-1], dtype=x.dtype) * (2 + 2 * T.arange(x.shape[-1], dtype=x.dtype)) if n else 0)


def unsigned(v: Any) -> Any:
    """Vectors in columns, made independent of their signs."""
    return v.unsqueeze(-2) * v.unsqueeze(-3)


def linalg(name: str, call: Any, shapes: Any, *ops: str, **more: Any) -> Row:
    return row(name, call, shapes, *ops, domain=(-1.0, 1.0), **more)


ROWS = [
    linalg("inv", lambda T, x: L(T).inv(far(T, x)), SQUARE, "_inv"), linalg("inverse", lambda T, x: far(T, x).inverse(), SQUARE),
    linalg("solve", lambda T, a, b: L(T).solve(far(T, a), b), [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 2, 2), (2, 2)), ((2, 2, 2), (2, 1)), ((2, 2), (3, 2, 1))], "_solve"),
    linalg("solve from the right", lambda T, a, b: L(T).solve(far(T, a), b, left=False), [((3, 3), (2, 3))]),
    *[linalg(f"solve_triangular {upper} {unit}", lambda T, a, b, upper=upper, unit=unit: L(T).solve_triangular(far(T, a), b, upper=upper, unitriangular=unit),
             [((3, 3), (3, 2)), ((2, 2, 2), (2, 1))], *(("_solve_triangular",) if upper and unit else ())) for upper in (True, False) for unit in (True, False)],
    linalg("solve_triangular from the right", lambda T, a, b: L(T).solve_triangular(far(T, a), b, upper=True, left=False), [((3, 3), (2, 3))]),
    linalg("triangular_solve", lambda T, b, a: T.triangular_solve(b, far(T, a), transpose=True).solution, [((3, 2), (3, 3))]),
    linalg("det", lambda T, x: L(T).det(x), SQUARE, "_det", "_cofactors"), linalg("det of regular ones", lambda T, x: far(T, x).det(), SQUARE),
    linalg("slogdet", lambda T, x: L(T).slogdet(far(T, x))[1], SQUARE, "_logabsdet"), linalg("logdet", lambda T, x: T.logdet(far(T, x)), SQUARE),
    linalg("slogdet sign", lambda T, x: T.slogdet(far(T, x))[0] * x.sum(), [((3, 3),)], "_sign_of_det"),
    linalg("cholesky", lambda T, x: L(T).cholesky(positive(T, x)), SQUARE, "_cholesky"), linalg("cholesky upper", lambda T, x: L(T).cholesky(positive(T, x), upper=True), SQUARE),
    linalg("cholesky_solve", lambda T, b, x: T.cholesky_solve(b, far(T, x).tril()), [((3, 2), (3, 3))]), linalg("cholesky_inverse", lambda T, x: T.cholesky_inverse(far(T, x).tril()), [((3, 3),)]),
    linalg("pinv", lambda T, x: L(T).pinv(apart(T, x)), SQUARE + WIDE + TALL, "_pinv"), linalg("pinv hermitian", lambda T, x: L(T).pinv(positive(T, x), hermitian=True), SQUARE),
    linalg("lstsq", lambda T, a, b: L(T).lstsq(apart(T, a), b).solution, [((3, 2), (3, 1)), ((2, 3), (2, 2)), ((3, 2), (3,))], "_lstsq"),
    linalg("lu_factor", lambda T, x: list(L(T).lu_factor(far(T, x)))[0], SQUARE, "_lu"),
    linalg("lu", lambda T, x: list(L(T).lu(apart(T, x.flip(-2))))[1:], SQUARE + WIDE + TALL),
    linalg("lu_unpack", lambda T, x: list(T.lu_unpack(*L(T).lu_factor(far(T, x)))), SQUARE),
    *[linalg(f"lu_solve {left} {adjoint}", lambda T, x, b, left=left, adjoint=adjoint: L(T).lu_solve(
        *L(T).lu_factor(far(T, x.flip(-2))), b if left else b.mT, left=left, adjoint=adjoint), [((3, 3), (3, 2)), ((2, 2, 2), (2, 1))])
      for left in (True, False) for adjoint in (True, False)],
    linalg("matrix_exp", lambda T, x: L(T).matrix_exp(x * 2), SQUARE, "_matrix_exp"),
    linalg("eigh", lambda T, x: L(T).eigh(positive(T, x))[0], SQUARE, "_eigh_values"), linalg("eigvalsh", lambda T, x: L(T).eigvalsh(positive(T, x), "U"), SQUARE),
    linalg("eigh vectors", lambda T, x: unsigned(L(T).eigh(positive(T, x))[1]), SQUARE, "_eigh_vectors"),
    linalg("eigvals", lambda T, x: T.view_as_real(L(T).eigvals(apart(T, x))).sort(-2)[0], [((2, 2),)], "_eig_values"),
    linalg("eig vectors", lambda T, x: unsigned(L(T).eig(apart(T, x))[1].real), [((2, 2),)], "_eig_vectors"),
    linalg("svdvals", lambda T, x: L(T).svdvals(apart(T, x)), SQUARE + WIDE + TALL, "_svd_values"),
    linalg("svd left", lambda T, x: unsigned(L(T).svd(apart(T, x), full_matrices=False)[0]), SQUARE + WIDE + TALL, "_svd_left"),
    linalg("svd right", lambda T, x: unsigned(L(T).svd(apart(T, x), full_matrices=False)[2].mT), SQUARE + WIDE + TALL, "_svd_right"),
    linalg("svd", lambda T, x: (lambda u, s, v: (u * s.exp().unsqueeze(-2)) @ v.mT)(*T.svd(apart(T, x))), WIDE + TALL),
    linalg("qr", lambda T, x: list(L(T).qr(far(T, x))), SQUARE, "_qr_q", "_qr_r"), linalg("qr tall", lambda T, x: L(T).qr(apart(T, x))[0], TALL), linalg("qr tall R", lambda T, x: L(T).qr(apart(T, x))[1], TALL),
    linalg("qr wide", lambda T, x: list(L(T).qr(apart(T, x))), WIDE),
    *[linalg(f"norm {ord}", lambda T, x, ord=ord: L(T).norm(apart(T, x), ord), [((3, 3),), ((2, 3),)]) for ord in ("fro", "nuc", 2, -2, 1, -1, float("inf"), -float("inf"))],
    linalg("matrix_norm", lambda T, x: L(T).matrix_norm(x, 1, (0, 2), True), [((2, 3, 2),)]), linalg("norm of all", lambda T, x: L(T).norm(x), [((2, 3, 2),), ((3,),)]),
    linalg("vector_norm", lambda T, x: L(T).vector_norm(x, 3, dim=-1), [((2, 3),)]),
    *[linalg(f"matrix_power {n}", lambda T, x, n=n: L(T).matrix_power(far(T, x), n), SQUARE) for n in (3, 2, 1, -2)],
    linalg("cond", lambda T, x: L(T).cond(apart(T, x)), SQUARE), linalg("cond nuc", lambda T, x: L(T).cond(apart(T, x), "nuc"), SQUARE),
    linalg("multi_dot", lambda T, a, b, c: L(T).multi_dot([a, b, c]), [((2, 3), (3, 4), (4, 2)), ((3,), (3, 4), (4,))]), linalg("chain_matmul", lambda T, a, b: T.chain_matmul(a, b), [((2, 3), (3, 2))]),
    linalg("vecdot", lambda T, x, y: L(T).vecdot(x, y, dim=0), [((3, 2), (3, 2))]), linalg("vander", lambda T, x: L(T).vander(x, N=4), [((3,),), ((2, 2),)]),
    linalg("tensorinv", lambda T, x: L(T).tensorinv(far(T, x).reshape(2, 2, 4), ind=2), [((4, 4),)]), linalg("tensorsolve", lambda T, x, b: L(T).tensorsolve(far(T, x).reshape(2, 2, 4), b), [((4, 4), (2, 2))]),
    linalg("householder_product", lambda T, x, t: L(T).householder_product(x, t), [((3, 2), (2,))]), linalg("linalg cross", lambda T, x, y: L(T).cross(x, y), [((2, 3), (2, 3))]),
    linalg("linalg diagonal", lambda T, x: L(T).diagonal(x, offset=1), SQUARE),
]  # fmt: skip
# put together here from operations that show what they do, one node in PyTorch, or the other way round
OTHER_NODES = {
    "lu", "lu_unpack", *(f"lu_solve {left} {adjoint}" for left in (True, False) for adjoint in (True, False)),
    "solve from the right", "solve_triangular from the right", "logdet", "cholesky_solve", "cholesky_inverse", "cholesky upper", "eigvals", "eig vectors", "qr wide", "triangular_solve", "multi_dot", "chain_matmul", "cond", "cond nuc",
    "tensorinv", "tensorsolve", "householder_product", "vander", "matrix_norm", *[f"norm {o}" for o in (1, -1, float("inf"), -float("inf"), 2, -2)], "matrix_power -2", "matrix_power 1", "lstsq", "svd",
}  # fmt: skip

