"""Text as PyTorch prints it, character for character."""

import math
import random

import numpy as np
import pytest

import glassgrad as gg
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
        return [repr(t) for t in texts] + [str(x * 2), f"{y.sum()}", f"{x}", f"{y.sum():.2f}", f"{x[1]}", repr(T.ones(3).max(0)), str(x.shape), repr(T.float16)]

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


def drawn(seed):
    """A tensor's values, print options and graph, drawn by Python's own generator, whose numbers never change."""
    r = random.Random(seed)
    shape = r.choice([(), (1,), (3,), (9,), (30,), (1001,), (2, 3), (7, 8), (3, 0), (2, 3, 4), (7, 1, 7), (40, 30), (2, 2, 2, 2), (3, 5, 70)])
    scale = 10.0 ** r.choice([-43, -8, -5, -4, -3, -1, 0, 0, 0, 1, 3, 4, 7, 8, 9, 30])
    make = r.choice([
        lambda: r.gauss(0, scale), lambda: float(round(r.gauss(0, scale))), lambda: r.choice([0.0, -0.0, 0.5, -1.5, scale]),
        lambda: r.gauss(0, 1) * 10.0 ** r.randint(-4, 4), lambda: 10.0 ** r.randint(-5, 9), lambda: round(r.gauss(0, 100), 2),
        lambda: r.choice([math.nan, math.inf, -math.inf, r.gauss(0, scale)]), lambda: r.choice([1e-4, 9.9999e-5, 1e8, 1e8 + 8, 1000.0, 999.99995]),
    ])  # fmt: skip
    dtype = r.choice(["float32"] * 5 + ["float64", "float16", "complex64", "complex128", "int64", "int8", "uint8", "int32", "bool"])
    numbers = [make() for _ in range(math.prod(shape))]
    if dtype[0] in "iu":
        numbers = [int(max(0 if dtype == "uint8" else -100, min(v, 120))) if v == v else 7 for v in numbers]
    if dtype[0] == "c":
        numbers = [complex(a, b) for a, b in zip(numbers, reversed(numbers))]
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.array(numbers, np.complex128 if dtype[0] == "c" else float).astype(dtype).reshape(shape)
    options = {
        "precision": r.choice([4, 4, 0, 1, 2, 3, 7]), "threshold": r.choice([1000, 1000, 0, 5, 50, math.inf]), "edgeitems": r.choice([3, 3, 0, 1, 2, 5]),
        "linewidth": r.choice([80, 80, 10, 40, 79, 120]), "sci_mode": r.choice([None, None, True, False]),
    } if r.random() < 0.6 else {}  # fmt: skip
    return array, options, r.choice(["float32"] * 4 + ["float64"]), r.choice(["plain", "plain", "leaf", "node"]) if dtype[0] in "fc" else "plain"


@pytest.mark.parametrize("seed", range(160))
def test_drawn_tensors(seed):
    array, options, default, graph = drawn(seed)

    def program(T):
        x = T.from_numpy(array.copy())
        x = x if graph == "plain" else x.requires_grad_() if graph == "leaf" else x.requires_grad_().clone()
        T.set_default_dtype(getattr(T, default))
        T.set_printoptions(**{"profile": "default", **options})
        try:
            return repr(x)
        finally:
            T.set_default_dtype(T.float32)
            T.set_printoptions(profile="default")

    agree(program, raises=False)


def test_edges():
    def program(T):
        texts = [T.tensor([[]]), T.zeros(3, 0, dtype=T.int32), T.tensor([], dtype=T.float64), T.tensor(-0.0), T.tensor([-0.0, 1]), T.tensor(True),
                 T.tensor([1e-45]), T.tensor([1e-45, 1.0]), T.tensor([2.0**127, 1]), T.tensor([65504.0], dtype=T.float16), T.tensor(1e-320, dtype=T.float64),
                 T.tensor([-128, 127], dtype=T.int8), T.tensor(2**62), T.tensor([-(2**63), 2**63 - 1]), T.tensor(1j), T.tensor([0j, complex("nan-infj")]),
                 T.tensor([1 - 0.5j, -2e-6 + 1e6j]), T.tensor([float("nan")] * 30), T.tensor([0.99995, 9.99995]), T.zeros(1, 1, 1, 1, 1), T.arange(1001),
                 T.tensor([100.0, 0.1]), T.tensor([1000.0, 0.9999]), T.tensor([1e8]), T.tensor([100000008.0]), T.tensor([1.5e-4]), T.tensor([0.5e-4]), T.tensor([0.0])]  # fmt: skip
        return [repr(t) for t in texts]

    agree(program, raises=False)


@pytest.mark.parametrize("spec", ["", ".3f", "e", ".2e", "8.1f", "<8", "+", "%", ".0f", "d", "x", "5d", "s", "nonsense"])
def test_formats(spec):
    for name, make in (
        ("float", lambda T: T.tensor(2.5)), ("half", lambda T: T.tensor(0.1, dtype=T.float16)), ("int", lambda T: T.tensor(12)), ("bool", lambda T: T.tensor(True)),
        ("complex", lambda T: T.tensor(1 + 2j)), ("inf", lambda T: T.tensor(float("inf"))), ("vector", lambda T: T.ones(2)), ("node", lambda T: T.ones(2, requires_grad=True).sum()),
    ):  # fmt: skip
        agree(lambda T, make=make: f"{make(T):{spec}}", name)


def test_options_are_kept_and_given_back():
    gg.set_printoptions(precision=2, sci_mode=True)
    try:
        assert gg.printing.get_printoptions() == {"precision": 2, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": True}
        gg.set_printoptions(linewidth=40)
        assert gg.printing.get_printoptions()["sci_mode"] is None, "sci_mode is set by every call, as PyTorch's"
        assert gg.printing.get_printoptions()["precision"] == 2
        with pytest.raises(ValueError, match="default, short, full"):
            gg.set_printoptions(profile="long")
    finally:
        gg.set_printoptions(profile="default")
