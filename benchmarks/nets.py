"""Training steps of small nets: zero_grad, forward, loss, backward, step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def weights(T: Any, model: Any) -> Any:
    """The same weights on both engines, without their generators."""
    with T.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(T.sin(T.arange(1.0, 1 + p.numel()) * (i + 1)).reshape(p.shape) * (0.5 / max(p.shape[-1], 1) ** 0.5))
    return model


def step_of(model: Any, optimizer: Any, loss: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return run


def perceptron(sizes: tuple[int, ...], batch: int, adam: bool) -> Callable[[Any], Callable[[], None]]:
    def make(T: Any) -> Callable[[], None]:
        layers: list[Any] = []
        for a, b in zip(sizes, sizes[1:]):
            layers += [T.nn.Linear(a, b), T.nn.ReLU()]
        model = weights(T, T.nn.Sequential(*layers[:-1]))
        x, y = T.sin(T.arange(float(batch * sizes[0]))).reshape(batch, sizes[0]), T.arange(batch) % sizes[-1]
        optimizer = (T.optim.Adam if adam else T.optim.SGD)(model.parameters(), lr=1e-3)
        return step_of(model, optimizer, lambda: T.nn.functional.cross_entropy(model(x), y))

    return make


def recurrent(T: Any) -> Callable[[], None]:
    """An LSTM of 64 over 50 steps, batch 16: forward and back."""
    model = weights(T, T.nn.LSTM(64, 64))
    x = T.sin(T.arange(50.0 * 16 * 64)).reshape(50, 16, 64)

    def run() -> None:
        model.zero_grad()
        model(x)[0].sum().backward()

    return run


def attention(T: Any) -> Callable[[], None]:
    """A block of 64 dims, 4 heads, length 128, batch 1: attention, norm, feed-forward, norm, forward and back."""
    model = weights(T, T.nn.TransformerEncoderLayer(64, 4, 256, dropout=0.0, batch_first=True))
    x = T.sin(T.arange(128.0 * 64)).reshape(1, 128, 64)

    def run() -> None:
        model.zero_grad()
        model(x).sum().backward()

    return run


def lenet(T: Any) -> Callable[[], None]:
    """LeNet-5 on 64 images of 28 × 28, forward and back."""
    nn = T.nn
    model = weights(T, nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)))  # fmt: skip
    x, y = T.sin(T.arange(64.0 * 784)).reshape(64, 1, 28, 28), T.arange(64) % 10

    def run() -> None:
        model.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()

    return run


# as in run.py
ROWS: list[tuple[Any, ...]] = [
    ("training step of 4-16-3, batch 32, SGD", perceptron((4, 16, 3), 32, False), 40, 2.5,
     "the NumPy calls of its nodes, written down without an engine, take 24 µs; the rest is seven nodes, four gradients, four modules: forward 18 µs, "
     "loss 18, backward 29, step 13"),
    ("training step of 64-32-10, batch 64, Adam", perceptron((64, 32, 10), 64, True), 30, 2.5,
     "as for 4-16-3; the update, all parameters as one array, is 19 µs of it"),
    ("training step of 784-128-10, batch 64, SGD", perceptron((784, 128, 10), 64, False), 15, 1.1,
     "the five products are 0.23 ms of it, the rest as for 4-16-3"),
    ("training step of 784-512-10, batch 256, SGD", perceptron((784, 512, 10), 256, False), 3, 1.0),
    ("LSTM of 64, 50 steps, batch 16, both ways", recurrent, 4, 1.0,
     "50 steps one after another, ten NumPy calls each; PyTorch runs one fused kernel of oneDNN"),
    ("attention block of 64, 4 heads, length 128, both ways", attention, 6, 0.8,
     "products are a quarter of it and reductions a tenth (cProfile), the rest 22 nodes, 44 views and NumPy's calls"),
    ("LeNet-5, batch 64, both ways", lenet, 2, 0.5),
]
