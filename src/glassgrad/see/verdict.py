"""An answer: its first line is enough for a hurried reader; cause, line, fix and numbers follow."""

from __future__ import annotations

import dataclasses
import html
from typing import Any


class Printed:
    """What is read as text: in a terminal as it prints, in a notebook as it is."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


@dataclasses.dataclass(repr=False)
class Verdict(Printed):
    """What a tool found. `kind` is one word for programs; `headline` the answer in a sentence.

    `where` is the user's line, `fix` what to write instead, `details` the numbers, `unknown` what could not be seen.
    """

    kind: str
    headline: str
    cause: str = ""
    where: str = ""
    fix: str = ""
    details: list[str] = dataclasses.field(default_factory=list)
    unknown: list[str] = dataclasses.field(default_factory=list)
    value: Any = None  # the gradient, or what else the answer is about

    def rows(self) -> list[tuple[str, str]]:
        """The answer as labelled lines, without its headline."""
        rows = [(label, text) for label, text in (("where", self.where), ("why", self.cause), ("fix", self.fix)) if text]
        rows += [("", d) for d in self.details]
        return rows + [("not known", u) for u in self.unknown]

    def __str__(self) -> str:
        return "\n".join([self.headline, *(f"  {label:<9} {text}" for label, text in self.rows())])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td style='text-align:left;vertical-align:top;opacity:.65'>{html.escape(label)}</td>"
            f"<td style='text-align:left;white-space:pre-wrap'>{html.escape(text)}</td></tr>"
            for label, text in self.rows()
        )
        return f"<div><b>{html.escape(self.headline)}</b><table>{cells}</table></div>"
