"""One neuron on 100,000 × 20: fits and epochs beside scikit-learn's and a PyTorch loop's: `python benchmarks/neuron.py`.

Every pair is timed turn and turn about; the figure is the median of the ratios of neighbouring turns (above 1: ours is faster). One thread
each, float64. An epoch is a long fit less a fit of 1 epoch, over the epochs between, so that preparing the data does not count; the rows "whole fit"
count all of it. The PyTorch loop is the usual one: nn.Linear, a loss, SGD, zero_grad, backward, step, on the whole batch.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import gc  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from sklearn import linear_model  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDRegressor  # noqa: E402

from glassgrad.neuron import Adaline, LeastSquares, Perceptron, SigmoidNeuron  # noqa: E402

ROWS, FEATURES, EPOCHS = 100_000, 20, 40


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard normal features, a noisy linear target, and two classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, FEATURES))
    z = X @ rng.normal(size=FEATURES)
    return X, z + rng.normal(size=ROWS), (z + 2 * rng.normal(size=ROWS) > 0).astype(np.float64)


def torch_loop(X: np.ndarray, y: np.ndarray, kind: str) -> Callable[[int], Any]:
    """A function that trains for so many epochs."""
    F = torch.nn.functional
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    losses: dict[str, Callable[[Any], Any]] = {
        "linear": lambda z: F.mse_loss(z, targets), "squared_error": lambda z: F.mse_loss(torch.sigmoid(z), targets),
        "cross_entropy": lambda z: F.binary_cross_entropy_with_logits(z, targets),
    }  # fmt: skip
    loss_of = losses[kind]

    def train(epochs: int) -> Any:
        model = torch.nn.Linear(FEATURES, 1, dtype=torch.float64)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        curve = []
        for _ in range(epochs):
            optimizer.zero_grad()
            loss = loss_of(model(inputs).squeeze(1))
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        return curve

    return train


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def per_epoch(train: Callable[[int], Any], epochs: int) -> float:
    return (seconds(lambda: train(1 + epochs)) - seconds(lambda: train(1))) / epochs


def beside(ours: Callable[[], float], theirs: Callable[[], float], turns: int) -> tuple[float, float, float]:
    """The medians of both, and of theirs ÷ ours in neighbouring turns."""
    ours(), theirs()
    gc.collect()
    pairs = [(ours(), theirs()) for _ in range(turns)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), statistics.median(b / a for a, b in pairs)


def pairs() -> list[tuple[str, str, Callable[[], float], Callable[[], float], int, float | None]]:
    """What is measured, beside what, both, in how many turns, and the ratio that is asked for."""
    X, y, c = data()

    def adaline(n: int) -> Any:
        return Adaline(max_iter=n, tol=None).fit(X, y)

    def sigmoid(loss: str) -> Callable[[int], Any]:
        return lambda n: SigmoidNeuron(loss, max_iter=n, tol=None).fit(X, c)

    def online(n: int) -> Any:
        return Adaline(batch_size=1, max_iter=n, tol=None, random_state=0).fit(X, y)

    def batches(n: int) -> Any:
        return Adaline(batch_size=256, max_iter=n, tol=None, random_state=0).fit(X, y)

    def rosenblatt(n: int) -> Any:
        return Perceptron(batch_size=1, max_iter=n, tol=None, random_state=0).fit(X, c)

    def their_rosenblatt(n: int) -> Any:
        return linear_model.Perceptron(max_iter=n, tol=None, random_state=0).fit(X, c)

    linear, squared, entropy = (torch_loop(X, t, kind) for t, kind in ((y, "linear"), (c, "squared_error"), (c, "cross_entropy")))
    sgd = lambda n: SGDRegressor(max_iter=n, tol=None, learning_rate="constant", eta0=1e-3, random_state=0).fit(X, y)
    logistic = lambda: LogisticRegression(C=np.inf, tol=1e-6, max_iter=1000).fit(X, c)
    ours_logistic = lambda: SigmoidNeuron("cross_entropy", max_iter=1000, tol=1e-6).fit(X, c)
    ours_least, theirs_least = lambda: LeastSquares().fit(X, y), lambda: LinearRegression().fit(X, y)
    epoch = lambda train, n=EPOCHS: lambda: per_epoch(train, n)
    squares = "SigmoidNeuron, squared error, an epoch"
    return [
        ("LeastSquares, whole fit", "LinearRegression", lambda: seconds(ours_least), lambda: seconds(theirs_least), 15, 1.0),
        ("Adaline, batch, an epoch (factored)", "PyTorch loop", epoch(adaline, 100 * EPOCHS), epoch(linear), 9, 1.5),
        ("Adaline, batch, whole fit of 100 epochs", "PyTorch loop", lambda: seconds(lambda: adaline(100)), lambda: seconds(lambda: linear(100)), 9, 1.5),
        (squares, "PyTorch loop", epoch(sigmoid("squared_error")), epoch(squared), 21, 1.5),
        ("SigmoidNeuron, cross-entropy, an epoch", "PyTorch loop", epoch(sigmoid("cross_entropy")), epoch(entropy), 21, 1.5),
        ("SigmoidNeuron, cross-entropy, to 1e-6", "LogisticRegression to 1e-6", lambda: seconds(ours_logistic), lambda: seconds(logistic), 5, None),
        ("Adaline, samples one by one, an epoch", "SGDRegressor", epoch(online, 4), epoch(sgd, 4), 5, None),
        ("Perceptron, samples one by one, an epoch", "Perceptron", epoch(rosenblatt, 1), epoch(their_rosenblatt, 1), 5, None),
        ("Adaline, batches of 256, an epoch", "SGDRegressor", epoch(batches, 4), epoch(sgd, 4), 5, None),
    ]  # fmt: skip


def rows() -> Iterator[str]:
    """The table, a line at a time."""
    yield f"| one neuron, {ROWS:,} × {FEATURES} | glassgrad | beside it | | times as fast | asked |"
    yield "|---|---|---|---|---|---|"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for what, peer, ours, theirs, turns, asked in pairs():
            a, b, ratio = beside(ours, theirs, turns)
            yield f"| {what} | {a * 1e3:,.2f} ms | {b * 1e3:,.2f} ms | {peer} | **{ratio:.2f}** | {f'≥ {asked}' if asked else '–'} |"


def main() -> None:
    torch.set_num_threads(1)
    for line in rows():
        print(line, flush=True)


if __name__ == "__main__":
    main()
