"""The picture of a descent: the loss by step, and the path where it can be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np


def plot_descent(run: Any, ax: Any = None) -> Any:
    """Draws the loss by step on `ax` (a new figure's, if none is given) and returns it."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError:
            raise ImportError('plots need matplotlib: pip install "glassgrad[see]"') from None
        _, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
    steps = np.arange(len(run.losses))
    ax.plot(steps, run.losses, marker="o" if len(steps) <= 60 else None, markersize=3, linewidth=1.5)
    lowest = np.nanmin(run.losses)
    if np.isfinite(run.losses).all() and lowest > 0 and run.losses.max() / lowest > 100:
        ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.set_title(f"lr {run.lr:.3g}: {run.stopped}", fontsize=10)
    ax.grid(True, alpha=0.3)
    return ax
