"""Every row of the table: values, types, gradients, gradients of gradients, formulas, against PyTorch and itself."""

import numpy as np
import pytest

import glassgrad as gg
from glassgrad.ops.op import OPS
from glassgrad.recording import Tape
from oracle import agree
from table import ROWS, UNTABLED, table_linalg, table_more, table_nn

each = pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name.replace(" ", "_"))


def tensors(T, arrays, requires_grad=False):
    return [T.tensor(a.tolist(), dtype=getattr(T, a.dtype.name)).reshape(a.shape).requires_grad_(requires_grad) for a in arrays]


def listed(out):
    return list(out) if isinstance(out, (list, tuple)) else [out]


def weighted(T, out):
    """A number that every element of the outputs moves differently."""
    total = None
    for k, part in enumerate(o for o in listed(out) if o.requires_grad):
        w = T.linspace(0.5, 1.5 + k, max(part.numel(), 1), dtype=T.float64)[: part.numel()].reshape(part.shape)
        term = (part * w).sum()
        total = term if total is None else total + term
    return total


def test_the_table_has_every_op():
    tabled = {name for row in ROWS for name in row.ops}
    assert set(OPS) - tabled - set(UNTABLED) == set()
    assert tabled - set(OPS) == set()


@each
def test_values(row):
    for sample in range(len(row.shapes)):
        for dtype in ("float64", "float32"):
            inputs = row.inputs(sample, dtype)
            agree(lambda T, i=inputs: listed(row.call(T, *tensors(T, i))), f"{sample} {dtype}", rtol=None if dtype == "float64" else 4e-6, atol=1e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("row", [r for r in ROWS if r.elementwise], ids=lambda r: r.name.replace(" ", "_"))
def test_single_precision_in_ulps_of_the_double(row):
    rng = np.random.default_rng(5)
    inputs = [rng.uniform(*row.domain, 200).astype(np.float32) for _ in row.shapes[0]]

    def program(T):
        xs = tensors(T, inputs)
        return row.call(T, *(xs if T is gg else [x.double() for x in xs])).double()

    agree(program, rtol=4 * 2.0**-23, atol=1e-37)


@each
def test_gradients_and_their_gradients(row):
    for sample in range(len(row.shapes)):
        inputs = row.inputs(sample)

        def program(T, inputs=inputs):
            xs = tensors(T, inputs, True)
            out = row.call(T, *xs)
            value = weighted(T, out)
            first = T.autograd.grad(value, xs, create_graph=True, materialize_grads=True)
            found = [g.detach() for g in first]
            total = None
            for g in first:
                if g.requires_grad:
                    total = (g * g).sum() if total is None else total + (g * g).sum()
            if total is not None and total.requires_grad:
                found += [g.detach() for g in T.autograd.grad(total, xs, materialize_grads=True)]
            else:
                found += [T.zeros_like(x) for x in xs]
            return found

        agree(program, str(sample), rtol=1e-6 if row.name == "to" else 1e-9, atol=1e-10)


OTHER_NODES = {  # put together here from operations that show what they do, one node in PyTorch, or the other way round
    "pairwise_distance", "soft_margin_loss", "pad circular 1d", "pad circular 2d", "pad circular 3d", "attention", "attention causal",
} | table_nn.OTHER_NODES | table_more.OTHER_NODES | table_linalg.OTHER_NODES  # fmt: skip


@pytest.mark.parametrize("row", [r for r in ROWS if r.name not in OTHER_NODES], ids=lambda r: r.name.replace(" ", "_"))
def test_graph_names(row):
    inputs = row.inputs(0)
    agree(lambda T: [o.grad_fn.name() for o in listed(row.call(T, *tensors(T, inputs, True))) if o.requires_grad])


@each
def test_transposed_inputs(row):
    inputs = row.inputs(0)
    if any(i.ndim != 2 for i in inputs):
        inputs = row.inputs(1) if len(row.shapes) > 1 else inputs

    def program(T):
        xs = [x.T.contiguous().T if x.ndim == 2 else x for x in tensors(T, inputs)]
        return listed(row.call(T, *xs))

    agree(program, rtol=1e-11)


@pytest.mark.parametrize("row", [r for r in ROWS if r.elementwise], ids=lambda r: r.name)
def test_dtypes(row):
    for dtype in ("int64", "int32", "uint8", "bool", "float16", "complex64"):
        def program(T, dtype=dtype):
            kind = getattr(T, dtype)
            xs = [T.tensor([1, 0, 2], dtype=kind) for _ in row.shapes[0]]
            if len(xs) == 2:
                xs[1] = T.tensor([1, 2, 1], dtype=kind)
            return row.call(T, *xs)

        if dtype == "complex64" and row.name in ("erf", "sign", "floor", "ceil", "trunc", "round", "relu", "maximum", "minimum", "remainder",
                                                 "fmod", "atan2", "log1p", "exp2", "expm1", "log", "log2", "log10", "reciprocal", "rsqrt", "pow",
                                                 "atanh", "acosh", "asinh", "asin", "acos"):  # fmt: skip
            continue  # PyTorch refuses them, or differs from NumPy at a pole or branch cut
        if dtype in ("bool", "uint8") and row.name in ("sub", "neg", "remainder", "fmod", "sign", "square", "pow", "abs", "relu", "floor", "ceil", "trunc", "round", "maximum", "minimum", "mul", "add"):
            continue  # covered by test_arithmetic_of_bools_and_bytes where PyTorch allows them
        if dtype in ("int64", "int32") and row.name in ("pow", "rsqrt"):
            continue  # covered by test_integer_powers
        agree(program, dtype, rtol=2e-3 if dtype == "float16" else 4e-6, atol=1e-5)


@pytest.mark.parametrize("row", [r for r in ROWS if r.elementwise], ids=lambda r: r.name)
def test_special_values(row):
    values = [0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1.0, -1.0]

    def program(T):
        x = T.tensor(values)
        return row.call(T, *([x] if len(row.shapes[0]) == 1 else [x.reshape(-1, 1), x]))

    agree(program, rtol=4e-6, atol=1e-6)


@each
def test_rules_run_on_recording_arrays(row):
    """Decision 2: the forward and the backward of every op are plain NumPy, so a strict tape can hold them and play them again."""
    if row.name in ("mask", "masked_select", "setitem"):
        return  # a mask's number of elements depends on values; a write in place cannot be a formula
    for sample in range(len(row.shapes)):
        inputs = row.inputs(sample)
        if any(i.size == 0 for i in inputs):
            continue
        tape = Tape(strict=True)
        xs = [gg.Tensor._wrap(tape.input(a if a.ndim else a[()])) for a in inputs]
        for x in xs:
            x.requires_grad = True
        out = [o for o in listed(row.call(gg, *xs)) if o.requires_grad]
        starts = [gg.Tensor._wrap(np.ones(o._data.shape, o._data.dtype)[()]) for o in out]
        grads = gg.autograd.grad(out, xs, grad_outputs=starts, allow_unused=True)
        outputs = [o._data for o in out] + [g._data for g in grads if g is not None]
        again = row.inputs(sample)
        replayed = tape.replay(outputs, [a * 0.9 + 0.05 if a.ndim else (a * 0.9 + 0.05)[()] for a in again]) if not row.others else None
        plain = tensors(gg, [a * 0.9 + 0.05 for a in again], True)
        out = [o for o in listed(row.call(gg, *plain)) if o.requires_grad]
        direct = gg.autograd.grad(out, plain, grad_outputs=[gg.ones_like(o) for o in out], allow_unused=True)
        expected = [o.detach().numpy() for o in out] + [g.numpy() for g in direct if g is not None]
        for a, b in zip(replayed, expected):
            if row.smooth and "where" not in row.name and "clamp" not in row.name and "mask" not in row.name and "max" not in row.name and "min" not in row.name:
                np.testing.assert_allclose(np.asarray(a, float), b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("row", [r for r in ROWS if r.smooth], ids=lambda r: r.name.replace(" ", "_"))
def test_gradients_against_finite_differences(row):
    if row.name == "to":
        return  # float32 in the middle: no finite difference of float64 sees its steps
    inputs = row.inputs(0)
    xs = tensors(gg, inputs, True)
    value = weighted(gg, row.call(gg, *xs))
    grads = gg.autograd.grad(value, xs, materialize_grads=True)
    for k, a in enumerate(inputs):
        for i in np.ndindex(a.shape):
            def at(d, k=k, i=i):
                moved = [b.copy() for b in inputs]
                moved[k][i] += d
                return float(weighted(gg, row.call(gg, *tensors(gg, moved, True))))

            slope = (at(1e-6) - at(-1e-6)) / 2e-6
            assert abs(slope - float(grads[k].numpy()[i])) < 1e-5 * max(1, abs(slope)), (k, i)


@pytest.mark.parametrize("left", ["bool", "uint8", "int8", "int64", "float16", "float32", "float64", "complex64"])
def test_promotion(left):
    """Two tensors with dims, a tensor with and one without, a tensor and a number: the dtype is PyTorch's."""
    for right in ("bool", "uint8", "int8", "int64", "float16", "float32", "float64", "complex64", "complex128"):
        if left + right in ("float16complex64", "float16complex128", "complex64float16"):
            continue  # PyTorch makes complex32 of some of these: there is no such NumPy type
        def program(T, right=right):
            a, b = T.tensor([1, 1], dtype=getattr(T, left)), T.tensor([1, 1], dtype=getattr(T, right))
            return [str((a * b).dtype), str((a * b[0]).dtype), str((a[0] * b).dtype), str((a[0] + b[0]).dtype), str((a / b).dtype)]

        agree(program, right)
    for number in (True, 2, 2.5, 2j):
        if left == "float16" and number == 2j:
            continue  # complex32 again
        agree(lambda T, n=number: [str((T.tensor([1, 1], dtype=getattr(T, left)) * n).dtype), str((n * T.tensor(1, dtype=getattr(T, left))).dtype)], repr(number))


def test_arithmetic_of_bools_and_bytes():
    agree(lambda T: [T.tensor([True, False]) + 1, T.tensor([True, False]) * T.tensor([True, True]), T.tensor([200, 3], dtype=T.uint8) + 100,
                     T.tensor([1], dtype=T.uint8) - 2, T.tensor([True, False]) + T.tensor([True, True])])  # fmt: skip
    agree(lambda T: T.tensor([True]) - T.tensor([True]), "bool minus bool")
    agree(lambda T: [T.tensor([1, 2], dtype=T.uint8) * 300, T.tensor([7, -7]) // 2, T.tensor([7, -7]) % 3, -T.tensor([1, 2])], "wrap")


def test_integer_powers():
    agree(lambda T: [T.tensor([1, 2, 3]) ** 2, T.tensor([1, 2]) ** T.tensor([3, 0]), T.tensor([1, 2]) ** 0.5, 2 ** T.tensor([1, 2])])
    agree(lambda T: T.tensor([1, 2]) ** -1, "negative")


def test_comparisons_and_logic():
    def program(T):
        a, b = T.tensor([1.0, 2.0, float("nan")]), T.tensor([2, 2, 2])
        return [a < b, a <= 2, a > b, a >= b, a == b, a != 2.0, T.logical_and(a > 0, b > 0), T.logical_or(a > 5, b > 5), T.logical_not(b > 2),
                T.logical_xor(a > 1, b > 1), (a > 1) & (b > 1), (a > 1) | (b > 5), (a > 1) ^ (b > 1), ~(b > 1), b & 3, b | 1, b ^ 7, ~b,
                T.isnan(a), T.isclose(a, a), T.isclose(a, a, equal_nan=True), T.allclose(b, b), T.equal(b, b), T.isinf(a), T.isfinite(a),
                a.argmax(), a.argmin(), b.argmax(0, keepdim=True), (a > 0).all(), (a > 5).any(), (a > 0).all(0), a == None]  # noqa: E711  # fmt: skip

    agree(program)


def test_complex_gradients():
    def program(T):
        z = T.tensor([1 + 2j, -0.5 + 1j], dtype=T.complex128, requires_grad=True)
        w = T.tensor([0.5, 2.0], dtype=T.float64, requires_grad=True)
        value = (z * w).exp().abs().sum() + (z.conj() * z).real.sum() + (1 / z).imag.sum() + (w * z**2).abs().mean()
        return list(T.autograd.grad(value, [z, w]))

    agree(program)


def test_softplus_formula_and_second_derivative():
    from glassgrad.ops.elementwise import softplus

    x = gg.linspace(-3, 30, 9, dtype=gg.float64).requires_grad_()
    y = softplus(x)
    expected = np.where(x.detach().numpy() > 20, x.detach().numpy(), np.log1p(np.exp(x.detach().numpy())))
    np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-14)
    (g,) = gg.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = gg.autograd.grad(g.sum(), x)
    s = 1 / (1 + np.exp(-x.detach().numpy()))
    np.testing.assert_allclose(h.numpy(), np.where(x.detach().numpy() > 20, 0, s * (1 - s)), rtol=1e-9, atol=1e-12)


def test_erf_to_a_few_ulps():
    import math

    x = np.linspace(-7, 7, 4001)
    exact = np.array([math.erf(v) for v in x])
    assert np.abs(gg.erf(gg.from_numpy(x)).numpy() - exact).max() < 4e-15
