"""linalg: gradients of complex matrices, of equal and of missing parts; conventions that the table cannot hold."""

import numpy as np
import pytest

import glassgrad as gg

L = gg.linalg


def matrix(*shape, kind=gg.complex128, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return gg.from_numpy(x + 1j * rng.normal(size=shape) if kind is gg.complex128 else x).requires_grad_()


def hermitian(x):
    return x + x.mH


def positive(x):
    return x @ x.mH + gg.eye(x.shape[-1], dtype=x.dtype)


CASES = {
    "inv": L.inv, "solve": lambda x: L.solve(x, gg.tensor([1.0, 2.0, 3.0], dtype=x.dtype)), "det": L.det, "logabsdet": lambda x: L.slogdet(x)[1], "sign": lambda x: L.slogdet(x)[0],
    "cholesky": lambda x: L.cholesky(positive(x)), "cholesky upper": lambda x: L.cholesky(positive(x), upper=True), "pinv": L.pinv, "matrix_exp": L.matrix_exp,
    "eigvalsh": lambda x: L.eigvalsh(hermitian(x)), "projections": lambda x: (lambda v: v.unsqueeze(-2) * v.conj().unsqueeze(-3))(L.eigh(hermitian(x))[1]),
    "eigvals": L.eigvals, "svdvals": L.svdvals, "left": lambda x: (lambda u: u.unsqueeze(-2) * u.conj().unsqueeze(-3))(L.svd(x, False)[0]),
    "right": lambda x: (lambda v: v.unsqueeze(-2) * v.conj().unsqueeze(-3))(L.svd(x, False)[2].mH),
    "both": lambda x: (lambda u, s, vh: (u * s.exp().unsqueeze(-2)) @ vh)(*L.svd(x, False)), "qr": lambda x: (lambda q, r: (q * q.conj(), r * r.conj()))(*L.qr(x)),
    "triangular": lambda x: L.solve_triangular(x, gg.eye(3, dtype=x.dtype) + 1, upper=True), "norm": lambda x: L.norm(x, 2), "nuclear": lambda x: L.norm(x, "nuc"), "power": lambda x: L.matrix_power(x, -3),
    "lengths": lambda x: L.eig(x)[1].abs(), "vdot": lambda x: L.vecdot(x, x * 2j), "lstsq": lambda x: L.lstsq(x, gg.ones(3, 1, dtype=x.dtype)).solution,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [gg.float64, gg.complex128], ids=["real", "complex"])
def test_gradients_and_their_gradients(name, kind):
    x = matrix(3, 3, kind=kind)
    assert gg.autograd.gradcheck(CASES[name], (x,), check_forward_ad=True, check_batched_grad=name not in ("qr",), atol=1e-4)
    if name not in ("lengths",):
        assert gg.autograd.gradgradcheck(CASES[name], (x,), atol=1e-3)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (2, 3, 2)])
def test_gradients_of_matrices_that_are_not_square(shape):
    for kind in (gg.float64, gg.complex128):
        x = matrix(*shape, kind=kind)
        for name in ("pinv", "svdvals", "left", "right", "both", "qr", "norm"):
            if len(shape) == 2 or name != "norm":
                assert gg.autograd.gradcheck(CASES[name], (x,), check_forward_ad=True, atol=1e-4), name


def test_parts_give_the_matrix_back():
    for kind in (gg.float64, gg.complex128):
        x = matrix(2, 4, 3, kind=kind).detach()
        close = lambda a, b: np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-12)  # noqa: E731
        u, s, vh = L.svd(x)
        close((u[..., :3] * s.unsqueeze(-2)) @ vh, x)
        q, r = L.qr(x, "complete")
        close(q @ r, x)
        close(q.mH @ q, gg.eye(4, dtype=x.dtype).expand(2, 4, 4))
        square = x[..., :3, :]
        values, vectors = L.eig(square)
        close(vectors * values.unsqueeze(-2), square.to(vectors.dtype) @ vectors)
        h = hermitian(square)
        values, vectors = L.eigh(h)
        close((vectors * values.unsqueeze(-2)) @ vectors.mH, h)
        close(L.inv(square) @ square, gg.eye(3, dtype=x.dtype).expand(2, 3, 3))
        assert L.LinAlgError is type(_raised(lambda: L.inv(square * 0)))


def _raised(act):
    with pytest.raises(RuntimeError) as caught:
        act()
    return caught.value


def test_a_determinant_of_rank_less_by_one_has_a_gradient():
    """The gradient of det is the matrix of cofactors, which a singular matrix has too."""
    a = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    x = gg.tensor(a, requires_grad=True)
    L.det(x).backward()
    expected = [[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12)


def test_forward_mode_is_what_differences_give():
    """cholesky_inverse and triangular_solve, whose forward mode in PyTorch differs from its own gradients."""
    x = (matrix(3, 3, kind=gg.float64).detach() + 4 * gg.eye(3, dtype=gg.float64)).requires_grad_()
    assert gg.autograd.gradcheck(lambda x: gg.cholesky_inverse(x.tril()), (x,), check_forward_ad=True)
    assert gg.autograd.gradcheck(lambda b, x: gg.triangular_solve(b, x, transpose=True).solution, (matrix(3, 2, kind=gg.float64), x), check_forward_ad=True)


def test_single_precision_stays_single():
    x = matrix(3, 3, kind=gg.float64).detach().float().requires_grad_()
    for name, f in CASES.items():
        out = f(x)
        for o in out if isinstance(out, tuple) else (out,):
            assert o.dtype in (gg.float32, gg.complex64), name
            (g,) = gg.autograd.grad(o.abs().sum(), x, create_graph=True)
            assert g.dtype is gg.float32, name


def test_the_exponential_of_a_large_matrix():
    x = gg.tensor([[-49.0, 24.0], [-64.0, 31.0]], dtype=gg.float64)  # C. Moler and C. Van Loan's example (1978)
    np.testing.assert_allclose(L.matrix_exp(x).numpy(), [[-0.735759, 0.551819], [-1.471518, 1.103638]], atol=1e-6)


def test_results_written_into_other_tensors():
    a, b = gg.eye(2) * 2, gg.empty(2, 2)
    assert L.inv(a, out=b) is b and b[0, 0] == 0.5
    values, vectors = gg.empty(2), gg.empty(2, 2)
    L.eigh(a, out=(values, vectors))
    assert values.tolist() == [2, 2]
