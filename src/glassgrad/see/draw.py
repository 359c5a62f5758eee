"""`draw(loss)`: the graph under a tensor, to look at: interactive page, SVG, DOT, text."""

from __future__ import annotations

import html
from typing import Any

from . import engines
from .drawings.painter import Painter
from .drawings.picture import Picture
from .drawings.text import compact, tree
from .names import Names
from .record import Recording, latest


class Drawing:
    """A drawn graph. `html`, `svg`, `dot`, `text` and `tree` are strings; `save(path)` writes one of them, by the suffix of the path."""

    def __init__(self, picture: Picture, tensor: Any):
        self.picture, self._tensor = picture, tensor

    @property
    def html(self) -> str:
        """One interactive file that opens offline."""
        from .drawings.page import to_html

        return to_html(self.picture)

    @property
    def svg(self) -> str:
        """A static drawing that stands alone."""
        from .drawings.svg import to_svg

        return to_svg(self.picture)

    @property
    def dot(self) -> str:
        """The same for Graphviz."""
        from .drawings.dot import to_dot

        return to_dot(self.picture)

    @property
    def text(self) -> str:
        """A line for each tensor."""
        return compact(self.picture)

    @property
    def tree(self) -> str:
        """The tree of `next_functions`."""
        return tree(self._tensor)

    def save(self, path: Any) -> str:
        """Writes .html, .svg, .dot or .txt, atomically; returns the path. Raises ValueError for another suffix, OSError where it cannot be written."""
        from .drawings.files import export

        return str(export(self.picture, path))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        p = self.picture
        return f"<drawing of {p.title}: {len(p.cells)} tensors, {len(p.links)} links; .save('graph.html'), .svg, .dot, .text>"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        page, title = html.escape(self.html, quote=True), html.escape(self.picture.title, quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:560px;border:0" title="{title}"></iframe>'


def draw(loss: Any, path: Any = None, *, backward: bool | None = None, recording: Recording | None = None, names: dict[str, Any] | None = None) -> Drawing:
    """Draws the graph that `loss`, a tensor of this package or of PyTorch, was computed by: values forward, gradients back.

    For each tensor its name, shape, value, flags and `.grad`; for each node its name, formula and saved tensors; on each link the local
    derivative, as a formula and with the numbers. Gradients are those of the last recorded backward through it; without one, those
    that a backward would bring; with `backward=False` none. The last recording, or the one given, supplies lines, modules, forward
    values, constants and the places where gradients were cut. `path` writes the drawing at once (.html, .svg, .dot, .txt).

    Raises ValueError if the tensor has no graph, and says why.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> x = gg.tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> print(see.draw(y, recording=see.Recording()).text)
    y: values and gradients
    x  leaf       3  ∂ 6
    y  mul(x, x)  9  ∂ 1
    (gradients: what a backward from here brings)
    """
    recording = latest(recording)
    known = Names(recording, given=names)
    if not engines.is_tensor(loss):
        raise TypeError(f"draw() takes a tensor, not {type(loss).__name__}")
    if not loss.requires_grad or loss.grad_fn is None:
        from .why import why

        raise ValueError(f"there is no graph to draw: {why(loss, recording=recording, names=names).headline}")
    with engines.aside():
        painter = Painter(loss, recording, known, backward)
        picture = painter.paint(f"{known.get(loss) or 'the result'}: values and gradients")
    drawing = Drawing(picture, loss)
    if path is not None:
        drawing.save(path)
    return drawing
