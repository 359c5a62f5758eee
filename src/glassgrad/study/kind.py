"""What kind of function it is, in plain sentences, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Character:
    """What is known of a function as a whole.

    `degree` for polynomials; `convex` algebra's word ("convex", "concave", "neither"); `curvature` what a sample of points showed;
    `limits` at -∞ and +∞ in one variable; `leading` in which senses the highest form of a polynomial grows;
    `lower_bound` what a sum of squares cannot fall below.
    """

    symbols: tuple[str, ...]
    degree: int | None
    constant_gradient: bool | None
    constant_hessian: bool
    eigenvalues: list[float] | None
    convex: str | None
    curvature: dict[str, Any]
    limits: tuple[str | None, str | None]
    leading: dict[str, bool] | None
    everywhere_flat: bool
    lower_bound: float | None = None

    @property
    def convexity(self) -> str:
        """"convex", "concave", "neither" (proved), or "unknown"."""
        if self.constant_gradient:
            return "affine"
        if self.eigenvalues:
            slack = 1e-12 * max(1.0, max(map(abs, self.eigenvalues)))
            if min(self.eigenvalues) >= -slack:
                return "convex"
            return "concave" if max(self.eigenvalues) <= slack else "neither"
        if self.convex:
            return self.convex
        if self.curvature.get("down") is not None and self.curvature.get("up") is not None:
            return "neither"
        return "unknown"

    @property
    def grows_up(self) -> bool | None:
        """Whether it is unbounded above; None where that is not known."""
        return self._grows("oo", "up")

    @property
    def grows_down(self) -> bool | None:
        """Whether it is unbounded below; None where that is not known."""
        return self._grows("-oo", "down")

    def _grows(self, limit: str, sense: str) -> bool | None:
        if self.constant_gradient:
            return not self.everywhere_flat and self.degree != 0
        if len(self.symbols) == 1 and self.limits[0] is not None and self.limits[1] is not None:
            return limit in self.limits
        if self.leading is not None:
            if self.leading[sense]:
                return True
            if self.leading["capped" if sense == "up" else "coercive"]:
                return False
        return None

    @property
    def bounded_growth(self) -> bool:
        """Whether the ends cannot hide a lower (or higher) value than the critical ones: known for polynomials."""
        return self.degree is not None

    @property
    def family(self) -> str:
        """constant, affine, quadratic, polynomial of degree n, or not a polynomial."""
        if self.degree is None:
            return "affine" if self.constant_gradient else "not a polynomial"
        return {0: "constant", 1: "affine", 2: "quadratic"}.get(self.degree, f"a polynomial of degree {self.degree}")


def number(v: float) -> str:
    """A number as a reader wants it; what is zero to rounding reads 0."""
    return "0" if abs(v) < 1e-12 else f"{v:.6g}"


def place(study: Any, c: Any) -> str:
    """A critical point's coordinates, exact where they are known."""
    parts = []
    for i, (s, v) in enumerate(zip(study.symbols, c.place)):
        exact = c.exact[i] if i < len(c.exact) else None
        parts.append(f"{s} = {exact}" + (f" ≈ {number(v)}" if exact and "/" in exact or exact and not _plain(exact) else "") if exact else f"{s} ≈ {number(v)}")
    return ", ".join(parts)


def _plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def sentences(study: Any) -> list[str]:
    """The findings, the most useful first."""
    c: Character = study.character
    out = [_gradient_sentence(study, c), _family_sentence(c), _convexity_sentence(study, c)]
    out += [_critical_sentence(study, p) for p in study.critical[:12]]
    out += [_flat_sentence(study, s) for s in study.flat]
    if len(study.critical) > 12:
        out.append(f"{len(study.critical) - 12} more critical points are in the table.")
    out.append(_completeness_sentence(study, c))
    out.append(_ends_sentence(study, c))
    out.append(_descent_sentence(study, c))
    return [s for s in out if s]


def _gradient_sentence(study: Any, c: Character) -> str:
    names = ", ".join(c.symbols)
    if c.constant_gradient:
        value = study.points[0].ours
        if not value.any():
            return f"The gradient does not depend on {names}: it is 0 everywhere."
        shown = number(value[0]) if len(value) == 1 else "(" + ", ".join(map(number, value)) + ")"
        return f"The gradient does not depend on {names}: it is {shown} everywhere, so the function rises at the same rate everywhere."
    if c.constant_gradient is None:
        return "The gradient was the same at 20 sampled points: it looks constant, which is not a proof."
    return f"The gradient depends on {names}: where it is zero the function is flat, at a critical point."


def _family_sentence(c: Character) -> str:
    why = {"constant": "no variable is in its formula", "affine": "its gradient is constant",
           "quadratic": "its Hessian is constant and not zero", "not a polynomial": ""}.get(c.family, "read off its formula")  # fmt: skip
    if c.family == "not a polynomial":
        return "" if c.degree is None and c.constant_gradient is None else "It is not a polynomial: exact algebra does not find all its critical points."
    return f"It is {c.family}: {why}."


def _convexity_sentence(study: Any, c: Character) -> str:
    kind = c.convexity
    if kind == "affine":
        return "It is both convex and concave, as every affine function is."
    if c.eigenvalues:
        shown = ", ".join(map(number, c.eigenvalues))
        which = {"convex": "none is negative", "concave": "none is positive", "neither": "both signs occur"}[kind]
        strict = " (strictly: none is zero)" if kind != "neither" and min(map(abs, c.eigenvalues)) > 1e-12 else ""
        return f"It is {'neither convex nor concave' if kind == 'neither' else kind}{strict}: the Hessian is constant with eigenvalues {shown}, and {which}."
    if c.convex:
        return f"It is {'neither convex nor concave' if kind == 'neither' else kind}: the sign of f'' was settled exactly on the whole line."
    down, up = c.curvature.get("down"), c.curvature.get("up")
    if down is not None and up is not None:
        return f"It is neither convex nor concave: curvature is negative in some direction at {_at(study, down)} and positive at {_at(study, up)}."
    if down is None and up is None:
        return ""
    word = "convex" if down is None else "concave"
    other = "negative" if down is None else "positive"
    return f"It looks {word}: no {other} curvature at {c.curvature['count']} sampled points, which is not a proof; it is not {'concave' if down is None else 'convex'}."


def _at(study: Any, x: np.ndarray) -> str:
    return ", ".join(f"{s}={number(v)}" for s, v in zip(study.symbols, x))


def _critical_sentence(study: Any, p: Any) -> str:
    value = f"value {p.exact_value} ≈ {number(p.value)}" if p.exact_value and not _plain(p.exact_value) else f"value {number(p.value)}"
    reach = {True: "absolute ", False: "local ", None: ""}[p.is_global] if p.kind in ("minimum", "maximum") else ""
    if p.kink:
        return f"A {p.kind} at a kink: {place(study, p)}, {value}; the derivative jumps there, so it does not exist (the gradient shown is a convention)."
    if p.degenerate:
        why = "the second derivative is zero there: higher orders decide" if len(p.place) == 1 else "the Hessian is singular there: values around decide"
    elif len(p.place) == 1:
        why = f"f'' = {number(p.eigenvalues[0])}"
    else:
        why = f"Hessian eigenvalues {', '.join(map(number, p.eigenvalues))}"
    article = "An" if (reach + p.kind)[0] in "aeiou" else "A"
    kind = {"saddle": "saddle point", "inflection": "inflection point with zero slope", "flat": "flat point"}.get(p.kind, p.kind)
    return f"{article} {reach}{kind} at {place(study, p)}, {value} ({why})."


def _flat_sentence(study: Any, s: Any) -> str:
    equations = " and ".join(s.equations)
    reach = {True: "an absolute ", False: "a local ", None: "a "}[s.is_global]
    kind = f"is {reach}{s.kind}" if s.kind in ("minimum", "maximum") else "is made of critical points"
    value = f", value {number(s.value)}" if np.isfinite(s.value) else ""
    return f"The whole {s.word} {equations} {kind}{value}: along it the gradient stays zero."


def _completeness_sentence(study: Any, c: Character) -> str:
    if study.critical or study.flat:
        return f"Critical points: {study.completeness}."
    if c.everywhere_flat or c.degree == 0:
        return "Every point is critical: the function is constant."
    if study.complete:
        return "It has no critical point: the gradient is zero nowhere."
    return f"No critical point was {study.completeness.removesuffix(': there may be more')}."


def _ends_sentence(study: Any, c: Character) -> str:
    if c.degree == 0:
        return ""
    infinite = {"oo": "+∞", "-oo": "−∞"}
    if len(c.symbols) == 1 and c.limits[0] is not None and c.limits[1] is not None:
        x = c.symbols[0]
        ends = [f"f → {infinite.get(v, v)} as {x} → {side}" for v, side in zip(c.limits, ("−∞", "+∞")) if "AccumBounds" not in (v or "")]
        text = "; ".join(ends) + "." if ends else ""
        if c.constant_gradient:
            return text + " It goes to ±∞ and has no minimum: descent never converges."
        return text
    if c.constant_gradient:
        return "It goes to ±∞ and has no minimum: descent never converges."
    if c.leading is not None and c.degree and c.degree % 2 == 0:
        if c.leading["coercive"]:
            return "It goes to +∞ in every direction: its highest-degree form is positive at 4,000 sampled directions."
        if not c.leading["down"]:
            return ""
        if c.leading["down"] and c.leading["up"]:
            return "It is unbounded both above and below: its highest-degree form takes both signs."
        return "It is unbounded below: its highest-degree form is negative in some direction."
    if c.leading is not None:
        return "It is unbounded both above and below: its degree is odd."
    return ""


def _descent_sentence(study: Any, c: Character) -> str:
    run = study.descent
    p = study.points[0]
    if run is None or p.direction is None:
        return ""
    if len(p.place) == 1:
        way = f"goes {'left' if p.ours[0] > 0 else 'right'} (slope {number(p.ours[0])})"
    else:
        way = f"starts along ({', '.join(f'{-v:.3g}' for v in p.direction)})"
    start = f"From {_at(study, p.place)} descent {way}"
    if c.constant_gradient:
        return f"{start} and keeps going: there is no valley to stop in."
    if run.stopped == "converged":
        near = [q for q in study.critical if np.linalg.norm(q.place - run.final) < 1e-3 * (1 + np.linalg.norm(q.place))]
        where = f"the {near[0].kind} at {place(study, near[0])}" if near else f"{_at(study, run.final)}"
        if not near and study.flat and study.flat[0].affine:
            where = f"({', '.join(map(number, run.final))}) on the {study.flat[0].word} {study.flat[0].equations[0]}"
        return f"{start} toward {where}: a run with lr {run.lr:.3g} arrived there in {run.steps} steps."
    if run.stopped == "diverged":
        return f"{start}; a run with lr {run.lr:.3g} left every bound: there is no valley on that side."
    return f"{start}; after {run.steps} steps with lr {run.lr:.3g} it stood at {_at(study, run.final)} with value {number(run.losses[-1])}, still moving."
