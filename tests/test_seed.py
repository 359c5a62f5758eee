"""What the workshop chapter that the project grew from does: its functions, its neuron, its errors, print what PyTorch prints."""

import contextlib
import io
import re
from typing import Any

import numpy as np
import pytest

from oracle import agree


def printed(T, program):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        program(T)
    return re.sub("0x[0-9a-f]+", "ADDRESS", out.getvalue())


def own_product(T):
    class Product(T.autograd.Function):
        @staticmethod
        def forward(ctx: T.autograd.function.FunctionCtx, a: T.Tensor, b: T.Tensor) -> T.Tensor:
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx: Any, *grads: T.Tensor):
            a, b = ctx.saved_tensors
            return grads[0] * b, grads[0] * a

    fixed, leaf = T.tensor(2.0), T.tensor(3.0, requires_grad=True)
    out = Product.apply(fixed, leaf)
    out.backward()
    print(fixed.grad, leaf.grad, out, out.grad_fn.next_functions)


def walk_the_graph(T):
    x = T.tensor(2.0, requires_grad=True)
    todo = [(((x + 1) ** 2 * 3).mean().grad_fn, 0)]
    while todo:
        node, depth = todo.pop()
        if node is not None:
            print(" " * depth, node)
            todo += [(child, depth + 4) for child, _ in reversed(node.next_functions)]


def line_and_parabola(T):
    for f, at in ((lambda x: 2 * x + 3, 1), (lambda x: 3 * x**2 - 2 * x + 5, 3)):
        x = T.tensor(at, dtype=T.float32, requires_grad=True)
        y = f(x)
        y.backward()
        print("x:", x, "y:", y, f"gradient: {x.grad} [at {x}]", y.item())
        print(f(np.linspace(-1, 1, 3)).tolist())


def two_weights(T):
    X = T.tensor([2, 3], dtype=T.float32)
    for f in (lambda W: (W[0] - X[0]) ** 2 + (W[1] - X[1]) ** 2, lambda W: (T.dot(X, W) - T.tensor(10.0)) ** 2):
        W = T.tensor([1.0, 2.0], dtype=T.float32, requires_grad=True)
        y = f(W)
        y.backward()
        size = T.norm(W.grad)
        print(W, X, y, W.grad, size.item(), W.grad / size, X.numpy(), X[0], sep="\n")


def conversions(T):
    for dtype in (T.float64, T.float32):
        free, tracked = T.tensor(0, dtype=dtype), T.tensor(0, dtype=dtype, requires_grad=True)
        print(free.numpy(), tracked)
        try:
            tracked.numpy()
        except RuntimeError as error:
            print("Error:", str(error).splitlines()[0])
        free += 1
        try:
            tracked += 1
        except RuntimeError as error:
            print(str(error).splitlines()[0])
            tracked = tracked + 1
        print(free, tracked, tracked.detach().numpy())


def one_neuron(T):
    target, sample = T.tensor(0, dtype=T.int64), T.tensor([1, 2, 3], dtype=T.float32)
    weights = T.tensor([0.3, 0.7, 0.5], dtype=T.float32, requires_grad=True)
    for epoch in range(10):
        guess = T.sigmoid(T.dot(sample, weights))
        loss = (guess - target) ** 2
        loss.backward()
        step = 0.5 * weights.grad
        print(epoch, target.item(), guess.item(), T.where(guess < 0.5, 0, 1), loss.item(), weights.grad, step, sep="\n")
        with T.no_grad():
            weights -= step
            weights.grad.zero_()
        print(weights)


@pytest.mark.parametrize("program", [own_product, walk_the_graph, line_and_parabola, two_weights, conversions, one_neuron], ids=lambda p: p.__name__)
def test_prints_what_pytorch_prints(program):
    agree(lambda T: printed(T, program))


def test_matplotlib_takes_tensors():
    matplotlib = pytest.importorskip("matplotlib", reason="drawing needs the extra [see]")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    import glassgrad as gg

    x = gg.tensor([1.0, 2.0])
    ax = plt.figure().add_subplot()
    ax.plot(x[0], x[1], "ro")
    ax.plot(x, x * 2)
    ax.axvline(x=x[0].item())
    assert ax.lines[1].get_ydata().tolist() == [2, 4]
    plt.close("all")


def test_the_chapters_numbers():
    import glassgrad as gg

    x = gg.tensor(1.0, requires_grad=True)
    (2 * x + 3).backward()
    assert x.grad.item() == 2
    x = gg.tensor(3.0, requires_grad=True)
    (3 * x**2 - 2 * x + 5).backward()
    assert x.grad.item() == 16
    W, X = gg.tensor([1.0, 2.0], requires_grad=True), gg.tensor([2.0, 3.0])
    ((W[0] - X[0]) ** 2 + (W[1] - X[1]) ** 2).backward()
    assert W.grad.tolist() == [-2, -2] and abs(gg.norm(W.grad).item() - 2.83) < 0.005
    W.grad = None
    ((gg.dot(X, W) - 10) ** 2).backward()
    assert W.grad.tolist() == [-8, -12] and abs(gg.norm(W.grad).item() - 14.42) < 0.005
    W = gg.tensor([0.3, 0.7, 0.5], requires_grad=True)
    for _ in range(10):
        loss = gg.sigmoid(gg.dot(gg.tensor([1.0, 2.0, 3.0]), W)) ** 2
        loss.backward()
        with gg.no_grad():
            W -= 0.5 * W.grad
            W.grad.zero_()
    assert [round(w, 4) for w in W.tolist()] == [-0.1098, -0.1196, -0.7293]
