"""Colours for light and dark pages: Okabe and Ito's (2008), told apart by the colour-blind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442"
PAGE, INK, RULE, CARD = "#15191e", "#e6e6e6", "#3a4049", "#1d232a"
DARK = {
    "figure.facecolor": PAGE, "axes.facecolor": PAGE, "savefig.facecolor": PAGE, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": "#8a8f98",
    "xtick.color": "#c8ccd2", "ytick.color": "#c8ccd2", "grid.color": RULE, "legend.facecolor": CARD, "legend.edgecolor": RULE,
    "axes3d.xaxis.panecolor": CARD, "axes3d.yaxis.panecolor": CARD, "axes3d.zaxis.panecolor": CARD,
}  # fmt: skip


def pyplot() -> Any:
    """matplotlib's pyplot, or a line that says which extra to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError('pictures need matplotlib: pip install "glassgrad[see]"') from None
    return plt


@contextlib.contextmanager
def theme(dark: bool) -> Iterator[None]:
    """matplotlib's settings for a light or a dark page."""
    import matplotlib

    settings: Any = DARK if dark else {}
    with matplotlib.rc_context(settings):
        yield


def is_dark(ax: Any) -> bool:
    """Whether axes have a dark ground."""
    from matplotlib.colors import to_rgb

    r, g, b = to_rgb(ax.get_facecolor())
    return 0.299 * r + 0.587 * g + 0.114 * b < 0.5


def series(ax: Any) -> list[str]:
    """Six colours for lines, legible on the axes' ground."""
    return [SKY, VERMILION, GREEN, PINK, ORANGE, YELLOW] if is_dark(ax) else [BLUE, VERMILION, GREEN, PINK, ORANGE, SKY]
