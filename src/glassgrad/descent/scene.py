"""Runs over a landscape, ready to be drawn: still, as an animation, or as a page to play with."""

from __future__ import annotations

import html
import importlib.resources
import json
import math
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..writing import in_place_of, write_atomically
from .palette import is_dark, pyplot, series


@dataclass
class Lane:
    """One run: its name, where it was at each step (one or two coordinates), the loss there, and what drives it."""

    name: str
    places: np.ndarray  # (k, 1) or (k, 2)
    losses: np.ndarray
    lr: float | None = None
    arrows: np.ndarray | None = None  # −gradient in the same coordinates, where it is drawn
    stopped: str = ""


@dataclass
class Scene:
    """Lanes over a function of one coordinate (`xs`, values `z`) or two (`xs`, `ys`, `z`). `limit` is the learning rate 2/λmax."""

    title: str
    lanes: list[Lane]
    xs: np.ndarray
    ys: np.ndarray | None
    z: np.ndarray
    labels: tuple[str, str] = ("x", "loss")
    limit: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """The steps of the longest run."""
        return max(len(lane.losses) for lane in self.lanes) - 1

    # ---------------------------------------------------------------------------------------------- still
    def plot(self, ax: Any = None, step: int | None = None) -> Any:
        """Draws the landscape and each run up to a step (all of it by default) on `ax`, or on a new figure; returns the axes."""
        if ax is None:
            _, ax = pyplot().subplots(figsize=(6.4, 4.8), layout="constrained")
        ink = "#e6e6e6" if is_dark(ax) else "#222222"
        if self.ys is None:
            ax.plot(self.xs, self.z, color=ink, linewidth=1.2, alpha=0.7)
        else:
            ax.contourf(self.xs, self.ys, self.levels()[0], levels=24, cmap="cividis" if not is_dark(ax) else "cividis", alpha=0.55)
        colours = series(ax)
        for i, lane in enumerate(self.lanes):
            upto = slice(0, None if step is None else step + 1)
            x, y = self._line(lane, upto)
            ax.plot(x, y, "-o", markersize=2.5, linewidth=1.5, color=colours[i % len(colours)], label=lane.name)
            if len(x):
                ax.plot(x[-1], y[-1], "o", markersize=7, color=colours[i % len(colours)], markeredgecolor=ink)
            if lane.arrows is not None and self.ys is not None and step is not None and step < len(lane.arrows):
                d = lane.arrows[step]
                size = float(np.linalg.norm(d))
                if size > 0 and math.isfinite(size):
                    d = d / size * 0.08 * float(self.xs[-1] - self.xs[0])
                    ax.annotate("", (x[-1] + d[0], y[-1] + d[1]), (x[-1], y[-1]), arrowprops=dict(arrowstyle="->", color=ink))
        ax.set_xlim(self.xs[0], self.xs[-1])
        ax.set_ylim(*self._height())
        ax.set_xlabel(self.labels[0])
        ax.set_ylabel(self.labels[1])
        ax.set_title(self.title + ("" if step is None else f", step {step}"), fontsize=10)
        ax.legend(fontsize=8)
        return ax

    def _height(self) -> tuple[float, float]:
        if self.ys is not None:
            return float(self.ys[0]), float(self.ys[-1])
        low, high = float(np.nanmin(self.z)), float(np.nanmax(self.z))
        return low - 0.06 * (high - low), high + 0.04 * (high - low)

    def _line(self, lane: Lane, upto: slice) -> tuple[np.ndarray, np.ndarray]:
        places, losses = lane.places[upto], lane.losses[upto]
        good = np.isfinite(places).all(1) & np.isfinite(losses)
        return places[good, 0], (losses if self.ys is None else places[:, 1])[good]

    def levels(self) -> tuple[np.ndarray, str]:
        """The values as they are coloured: their logarithm above the lowest one, where they span much; and how that is called."""
        low = float(np.nanmin(self.z))
        span = float(np.nanmax(self.z)) - low
        if span > 0 and float(np.nanmedian(self.z)) - low < 0.1 * span:
            return np.log10(self.z - low + 1e-6 * span), "log scale"
        return self.z, ""

    # ---------------------------------------------------------------------------------------------- moving
    def to_gif(self, path: Any, *, seconds: float = 8.0, dark: bool = False, dpi: int = 90) -> str:
        """Writes an animation of at most about a hundred frames, whole or not at all; returns the path."""
        from .palette import theme

        plt = pyplot()
        from matplotlib.animation import PillowWriter

        frames = sorted({round(i) for i in np.linspace(0, self.steps, min(self.steps + 1, 100))})
        with in_place_of(path, ".gif") as temporary, theme(dark):
            figure, ax = plt.subplots(figsize=(6.4, 4.8), layout="constrained")
            writer = PillowWriter(fps=max(2, round(len(frames) / seconds)))
            with writer.saving(figure, temporary, dpi):
                for step in frames:
                    ax.clear()
                    self.plot(ax, step)
                    writer.grab_frame()
            plt.close(figure)
        return os.fspath(path)

    def to_html(self, path: Any = None) -> str:
        """The page to play with, one file that opens offline; written to `path`, whole or not at all, if one is given."""
        text = importlib.resources.files(__package__).joinpath("player.html").read_text(encoding="utf-8")
        data = json.dumps(self.data(), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        text = text.replace("@TITLE@", html.escape(self.title)).replace('"@DATA@"', data)
        if path is not None:
            write_atomically(path, text)
        return text

    def data(self) -> dict[str, Any]:
        """Everything as JSON can hold it: what is not finite as null."""
        levels, scale = self.levels()
        return {
            "title": self.title, "labels": self.labels, "xs": _plain(self.xs), "ys": None if self.ys is None else _plain(self.ys), "z": _plain(self.z),
            "levels": _plain(levels), "scale": scale, "limit": self.limit, "notes": self.notes,
            "lanes": [
                {"name": lane.name, "places": _plain(lane.places), "losses": _plain(lane.losses), "lr": lane.lr, "stopped": lane.stopped,
                 "arrows": None if lane.arrows is None else _plain(lane.arrows)} for lane in self.lanes
            ],
        }  # fmt: skip


def _plain(a: np.ndarray) -> Any:
    if a.ndim > 1:
        return [_plain(row) for row in a]
    return [float(f"{v:.7g}") if math.isfinite(v) else None for v in a.tolist()]
