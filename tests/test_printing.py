"""Text as PyTorch prints it, character for character."""

import glassgrad as gg
import numpy as np
import pytest
from oracle import agree

DTYPES = ("float32", "float64", "float16", "int64", "int32", "uint8", "int8", "bool", "complex64", "complex128")
SHAPES = ((), (0,), (0, 3), (1,), (3,), (40,), (2, 3), (2, 2, 3), (1200,), (60, 40), (3, 2, 300))


def values(seed, shape, scale, whole, odd):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(shape) * scale
    a = np.round(a) if whole else a
    return np.where(rng.random(shape) < 0.15, odd, a) if odd is not None and a.size else a


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors(dtype):
    def program(T):
        out = []
        for k, shape in enumerate(SHAPES):
            for scale, whole, odd in ((1, False, None), (100, True, None), (1e-5, False, 0.0), (1e6, False, np.inf), (3, False, np.nan), (1e9, True, -np.inf)):
                a = values(k, shape, scale, whole, odd)
                if dtype[0] in "iu":
                    a = np.clip(np.nan_to_num(a, posinf=9, neginf=3), 0, 100)
                with np.errstate(all="ignore"):
                    a = np.asarray(a > 0 if dtype == "bool" else (a + 1j * np.round(a, 2)).astype(dtype) if dtype[0] == "c" else a.astype(dtype))
                out.append(repr(T.from_numpy(a.copy())))
        return out

    agree(program)


def test_suffixes():
    def program(T):
        x = T.linspace(0, 1, 9, requires_grad=True)
        y = T.arange(12.0).reshape(3, 4).requires_grad_()
        texts = [x, x * 2, y, y.exp(), y.sum(), T.zeros(2, 0, requires_grad=True), T.tensor(2.0, requires_grad=True), x.double(), y.double() * 1, x[0], y.T, y[None].max(1)]
        return [repr(t) for t in texts] + [str(x * 2), f"{y.sum()}", f"{x}", f"{y.sum():.2f}", "{}".format(x[1]), repr(T.ones(3).max(0)), str(x.shape), repr(T.float16)]

    agree(program)


@pytest.mark.parametrize("options", [dict(precision=2), dict(threshold=5), dict(edgeitems=1, threshold=3), dict(linewidth=40), dict(sci_mode=True), dict(sci_mode=False),
                                     dict(profile="short"), dict(profile="full")], ids=str)  # fmt: skip
def test_options(options):
    def program(T):
        T.set_printoptions(**options)
        try:
            return [repr(T.arange(24.0).reshape(4, 6) / 7), repr(T.tensor([1e-6, 1.0])), repr(T.arange(30)), repr(T.tensor(1 / 3))]
        finally:
            T.set_printoptions(profile="default")

    agree(program)


def test_default_dtype():
    def program(T):
        T.set_default_dtype(T.float64)
        try:
            return [repr(T.ones(1)), repr(T.ones(1, dtype=T.float32)), repr(T.zeros(0)), repr(T.ones(1, dtype=T.complex128))]
        finally:
            T.set_default_dtype(T.float32)

    agree(program)


def test_generated_and_custom_nodes_print_as_pytorchs():
    def program(T):
        import re

        class Twice(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return g * 2

        x = T.ones(1, requires_grad=True)
        y = Twice.apply(x)
        return [re.sub("0x[0-9a-f]+", "ADDRESS", repr(t)) for t in (y.grad_fn, y, (x * 2).grad_fn, (x * 2).grad_fn.next_functions)]

    agree(program)
    assert gg.__name__ == "glassgrad"
