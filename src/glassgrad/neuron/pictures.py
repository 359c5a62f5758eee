"""The pictures of a neuron: its epochs, and the three ways side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..descent.palette import is_dark, pyplot, series
from ..tensor import Tensor


def plot_epochs(run: Any, axes: Any = None) -> Any:
    """Draws the answers on the activation, the path on the landscape (of up to two weights), and the loss by epoch; returns the axes."""
    if axes is None:
        plt = pyplot()
        _, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained", width_ratios=[1, 1.15, 1])
    _answers(run, axes[0])
    (_landscape if run.X.shape[1] <= 2 else _weights)(run, axes[1])
    _losses(axes[2], [("", run.losses)])
    axes[2].set_title(f"loss {run.losses[0]:.3g} → {run.losses[-1]:.3g}, α = {run.learning_rate:g}", fontsize=10)
    return axes


def _answers(run: Any, ax: Any) -> None:
    colors = series(ax)
    low, high = float(run.z.min()), float(run.z.max())
    margin = max(1.0, 0.3 * (high - low))
    z = np.linspace(min(low - margin, -4.0), max(high + margin, 4.0), 400)
    ax.plot(z, run.activation.call(Tensor._wrap(z))._data, color=colors[0], linewidth=1.8, label=f"ŷ = {run.activation.formula}")
    shades = np.linspace(0, 1, len(run.z))
    for k, (zs, ys) in enumerate(zip(run.z, run.y_hat)):
        first = {0: "start", len(run.z) - 1: "end"}.get(k)
        color = colors[1] if first == "end" else colors[4]
        face = ax.get_facecolor() if first == "start" else color
        size, shade = (11 if first == "end" else 6 if first else 4), (1.0 if first else 0.35 + 0.65 * shades[k])
        marker = "*" if first == "end" else "o"
        ax.plot(zs, ys, marker, linestyle="", color=color, markerfacecolor=face, markersize=size, alpha=shade, zorder=3, label=first)
    for target in np.unique(run.y)[:2]:
        ax.axhline(target, color=colors[2], linewidth=1, linestyle="--", label=f"y = {target:g}")
    ax.set_xlabel("z = w·x + b")
    ax.set_ylabel("ŷ")
    ax.set_title("what the neuron answers", fontsize=10)
    _finish(ax)


def _landscape(run: Any, ax: Any) -> None:
    """The loss over the weights; the bias follows them as it does along the path, which for one sample is exact."""
    path, ink = run.path, "#e6e6e6" if is_dark(ax) else "#222222"
    if path.shape[1] == 2:
        grids = [_grid(path[:, 0]), _grid(path[:, 1])]
        labels, tied = ("b", "w₁"), None
    else:
        grids = [_grid(path[:, 1]), _grid(path[:, 2])]
        labels = ("w₁", "w₂")
        moved = path[:, 1:] - path[0, 1:]
        tied = np.linalg.lstsq(moved, path[:, 0] - path[0, 0], rcond=1e-9)[0]
    p, q = (g.ravel() for g in np.meshgrid(*grids))
    if tied is None:
        points = np.column_stack([p, q])
        way = path
    else:
        points = np.column_stack([path[0, 0] + np.column_stack([p - path[0, 1], q - path[0, 2]]) @ tied, p, q])
        way = path[:, 1:]
    values = run.loss_at(points).reshape(len(grids[1]), len(grids[0]))
    filled = ax.contourf(*grids, values, levels=18, cmap="cividis" if is_dark(ax) else "cividis_r", alpha=0.85)
    bar = ax.figure.colorbar(filled, ax=ax, pad=0.02, format="%.2g")
    bar.set_label("loss")
    ground = "#15191e" if is_dark(ax) else "white"
    ax.plot(*way.T, "-", color=ground, linewidth=3.4)
    ax.plot(*way.T, "-o", color=ink, markersize=4, linewidth=1.3, markeredgecolor=ground, markeredgewidth=0.6, label="path")
    ax.plot(*way[-1], "*", color=series(ax)[1], markersize=13, markeredgecolor=ground, label="end", zorder=4)
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1])
    ax.set_title("the loss and the path" + ("" if tied is None else " (b fitted along the path)"), fontsize=10)
    ax.legend(fontsize=8)


def _grid(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    margin = 0.35 * max(high - low, 0.1)
    return np.linspace(low - margin, high + margin, 121)


def _weights(run: Any, ax: Any) -> None:
    """The weights by epoch, where there are too many for a landscape."""
    colors = series(ax)
    for i in range(min(run.path.shape[1], 6)):
        ax.plot(run.path[:, i], color=colors[i], label=f"w{i}" if i else "b", linewidth=1.5)
    ax.set_xlabel("epoch")
    ax.set_ylabel("weight")
    ax.set_title("the weights" + (" (the first five)" if run.path.shape[1] > 6 else ""), fontsize=10)
    _finish(ax)


def _losses(ax: Any, curves: list[tuple[str, Any]], floor: float | None = None) -> None:
    from matplotlib.ticker import MaxNLocator

    colors = series(ax)
    for i, (label, losses) in enumerate(curves):
        ax.plot(losses, color=colors[i], linewidth=1.5, marker="o" if len(losses) <= 60 else None, markersize=3, label=label or None)
    every = np.concatenate([np.asarray(c) for _, c in curves])
    every = every[np.isfinite(every) & (every > 0)]
    if every.size and every.max() / every.min() > 100:
        ax.set_yscale("log")
    if floor is not None and (ax.get_yscale() == "linear" or floor > every.min() / 10):
        ax.axhline(floor, color=colors[2], linestyle="--", linewidth=1.2, label="least squares")
    if max(len(c) for _, c in curves) > 300:
        ax.set_xscale("symlog", linthresh=10)
        ax.set_xlim(left=0)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    _finish(ax)


def plot_comparison(found: Any, ax: Any = None) -> Any:
    """Draws the loss by epoch, and beside it how far the weights are from the solution; returns the axes."""
    alone = ax is not None
    if ax is None:
        plt = pyplot()
        _, (ax, beside) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    ways = list(found)[1:]
    _losses(ax, [(way.name, way.losses) for way in ways], found[0].loss)
    ax.set_title("the loss in each epoch", fontsize=10)
    if alone:
        return ax
    best = np.append(found.system.coef, found.system.intercept)
    colors = series(beside)
    for i, way in enumerate(ways):
        path = way.path if way.path.shape[1] == len(best) else np.column_stack([way.path, np.zeros(len(way.path))])
        distance = np.linalg.norm(path - best, axis=1) / max(float(np.linalg.norm(best)), 1e-300)
        beside.plot(distance, color=colors[i], linewidth=1.5, label=f"{way.name}: agrees: {way.verdict}")
    beside.axhline(found.tolerance, color=colors[2], linestyle="--", linewidth=1.2, label=f"agrees below {found.tolerance:g}")
    beside.set_yscale("log")
    if max(len(way.path) for way in ways) > 300:
        beside.set_xscale("symlog", linthresh=10)
        beside.set_xlim(left=0)
    beside.set_xlabel("epoch")
    beside.set_ylabel("‖W − W*‖ / ‖W*‖")
    beside.set_title("the weights' way to the solution", fontsize=10)
    _finish(beside)
    return np.array([ax, beside])


def _finish(ax: Any) -> None:
    ax.grid(True, alpha=0.3)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8)
