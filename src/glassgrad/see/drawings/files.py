"""A picture in a file, in the form that its name asks for."""

from __future__ import annotations

import os
import pathlib

from ...writing import write_atomically
from .dot import to_dot
from .page import to_html
from .picture import Picture
from .svg import to_svg
from .text import compact

FORMS = {".html": to_html, ".svg": to_svg, ".dot": to_dot, ".txt": compact}


def export(picture: Picture, path: str | os.PathLike[str]) -> pathlib.Path:
    """Writes a picture, whole or not at all, and returns its path: .html to click through, .svg to look at, .dot for Graphviz, .txt to read.

    Raises ValueError for another suffix, FileNotFoundError where there is no such folder.
    """
    file = pathlib.Path(path)
    form = FORMS.get(file.suffix.lower())
    if form is None:
        raise ValueError(f"cannot write {file.name!r}: a picture is written as {', '.join(FORMS)}, by the end of its name")
    if not file.parent.is_dir():
        raise FileNotFoundError(f"cannot write {file.name!r}: there is no folder {str(file.parent)!r}")
    write_atomically(file, form(picture))
    return file
