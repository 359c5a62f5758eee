"""The pictures of a descent: the loss by step, and the path where it can be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from .palette import is_dark, pyplot, series


def plot_descent(run: Any, ax: Any = None) -> Any:
    """Draws the loss by step on `ax` and returns it; without one, on a new figure, beside the path if that has one or two variables."""
    if ax is None:
        plt = pyplot()
        if run.function is not None and run.path[0].size in (1, 2):
            figure, (ax, beside) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
            plot_path(run, beside)
        else:
            _, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
    from matplotlib.ticker import MaxNLocator

    steps = np.arange(len(run.losses))
    finite = run.losses[np.isfinite(run.losses)]
    ax.plot(steps, run.losses, marker="o" if len(steps) <= 60 else None, markersize=3, linewidth=1.5, color=series(ax)[0])
    if finite.size and finite.min() > 0 and finite.max() / finite.min() > 100:
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.set_title(f"lr {run.lr:.3g}: {run.stopped} after {run.steps} step{'' if run.steps == 1 else 's'}", fontsize=10)
    ax.grid(True, alpha=0.3)
    return ax


def plot_path(run: Any, ax: Any) -> Any:
    """Draws the path of one or two variables over the function: on its curve, or on its contours."""
    path = run.path.reshape(len(run.path), -1)
    path = path[np.isfinite(path).all(1) & np.isfinite(run.losses)]
    losses = run.losses[np.isfinite(run.losses)][: len(path)]
    low, high = path.min(0), path.max(0)
    margin = 0.25 * np.maximum(high - low, 1e-3 * (1 + np.abs(high)))
    grids = [np.linspace(a, b, 241 if path.shape[1] == 1 else 61) for a, b in zip(low - margin, high + margin)]
    ink = "#e6e6e6" if is_dark(ax) else "#222222"
    if len(grids) == 1:
        ax.plot(grids[0], [run.value(np.array([x])) for x in grids[0]], color=series(ax)[0], linewidth=1.8)
        ax.plot(path[:, 0], losses, "-o", color=ink, markersize=3, linewidth=0.8)
        ax.set_xlabel("x")
        ax.set_ylabel("f(x)")
    else:
        z = np.array([[run.value(np.array([x, y])) for x in grids[0]] for y in grids[1]])
        z = np.where(np.isfinite(z), z, np.nan)
        ax.contour(*grids, z, levels=24, cmap="viridis", linewidths=0.8)
        ax.plot(*path.T, "-o", color=ink, markersize=3, linewidth=1.2)
        ax.set_xlabel("first variable")
        ax.set_ylabel("second variable")
    ax.plot(*([path[-1, 0], losses[-1]] if len(grids) == 1 else path[-1]), "*", color=series(ax)[1], markersize=12, label="end")
    ax.set_title("the path", fontsize=10)
    ax.grid(True, alpha=0.3)
    ax.legend(fontsize=8)
    return ax
