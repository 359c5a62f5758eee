"""What kind of function it is, in plain sentences, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Character:
    """What is known of a function as a whole.

    `degree` for polynomials; `convex` algebra's word ("convex", "concave", "neither") with its `convex_reason`; `curvature` what a
    sample of points showed (see `critical.sample`); `domain` in one variable, None for all numbers; `ends` where f goes at each end
    of the domain ("side", "at", "limit" as text, "value", "open" where the end does not belong to it), all of them if `ends_known`;
    `leading` whether the highest form of a polynomial goes "up" or "down", and the same way "everywhere"; `bounds` that the
    formula cannot leave; `periodic` infinitely many critical points, as equations; `kinked` whether its formula has kinks, where the derivative need not exist.
    """

    symbols: tuple[str, ...]
    degree: int | None = None
    constant_gradient: bool | None = None
    constant_hessian: bool = False
    eigenvalues: list[float] | None = None
    convex: str | None = None
    convex_reason: str | None = None
    curvature: dict[str, Any] = field(default_factory=dict)
    domain: str | None = None
    ends: list[dict[str, Any]] = field(default_factory=list)
    ends_known: bool = False
    leading: dict[str, bool] | None = None
    bounds: tuple[float, float] = (-math.inf, math.inf)
    everywhere_flat: bool = False
    periodic: list[str] = field(default_factory=list)
    kinked: bool = False

    @property
    def convexity(self) -> str:
        """ "affine", "convex", "concave", "neither" (each proved), or "unknown"."""
        if self.constant_gradient:
            return "affine"
        if self.eigenvalues:
            slack = 1e-12 * max(map(abs, self.eigenvalues))
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
        return self._grows(1, "up")

    @property
    def grows_down(self) -> bool | None:
        """Whether it is unbounded below; None where that is not known."""
        return self._grows(-1, "down")

    def _grows(self, sign: int, sense: str) -> bool | None:
        if self.constant_gradient:
            return not self.everywhere_flat
        if math.isfinite(self.bounds[1] if sign > 0 else self.bounds[0]):
            return False
        if any(e["value"] == sign * math.inf for e in self.ends):
            return True
        if self.ends and self.ends_known:
            return False
        if self.leading is not None:
            if self.leading[sense]:
                return True
            if self.leading["everywhere"]:
                return False
        if self.eigenvalues:  # a quadratic of rank below n: its one bound is settled by its critical points, not here
            extreme = max(self.eigenvalues) if sign > 0 else -min(self.eigenvalues)
            return True if extreme > 1e-12 * max(map(abs, self.eigenvalues)) else None
        return None

    @property
    def family(self) -> str:
        """constant, affine, quadratic, polynomial of degree n, or not a polynomial."""
        if self.degree is None:
            return ("constant" if self.everywhere_flat else "affine") if self.constant_gradient else "not a polynomial"
        return {0: "constant", 1: "affine", 2: "quadratic"}.get(self.degree, f"a polynomial of degree {self.degree}")


def mark_global(c: Character, critical: Sequence[Any], flat: Sequence[Any], complete: bool) -> None:
    """Says of each extremum whether it is global, where that is proved: by convexity, a bound, the ends, or a lower value elsewhere."""
    sets = [*critical, *flat]
    seen = [s.value for s in sets if math.isfinite(s.value)]
    for sign, kind, convexity, bound, grows, sense in (
        (1, "minimum", "convex", c.bounds[0], c.grows_down, "up"), (-1, "maximum", "concave", c.bounds[1], c.grows_up, "down")
    ):  # fmt: skip
        others = [*seen, *(v for v in (c.curvature.get("lowest"), c.curvature.get("highest")) if v is not None)]
        best = min((sign * v for v in others), default=math.inf)
        ends = min((sign * e["value"] for e in c.ends if not math.isnan(e["value"])), default=math.inf)
        settled = complete and ((len(c.symbols) == 1 and c.ends_known) or bool(c.leading and c.leading["everywhere"] and c.leading[sense]))
        for s in sets:
            if s.kind != kind or not math.isfinite(s.value):
                continue
            v, slack = sign * s.value, 1e-9 * max(min(1.0, c.curvature.get("typical", 1.0)), abs(s.value))
            if c.convexity == convexity or v <= sign * bound + slack:
                s.is_global = True
            elif grows or v > min(best, ends) + slack:
                s.is_global = False
            elif settled:
                s.is_global = True


def settle(c: Character, found: Any) -> None:
    """Concludes from convexity (proved, not sampled): critical points are all minima, of one value, and make up a convex set."""
    kind = {"convex": "minimum", "concave": "maximum"}.get(c.convexity)
    if kind is None or found.complete:
        return
    if len(found.points) == 1 and not found.flat:
        (p,) = found.points
        if p.kind == kind and p.strict:
            found.complete, found.how = True, f"the function is {c.convexity}, and this {kind} is a strict one, so there is no other"
    elif len(c.symbols) == 1 and len(found.flat) == 1 and not found.points:
        (s,) = found.flat
        ends = [e for e in s.interval or () if math.isinf(e)]
        if not s.cut or len(ends) == 1 and any(e["at"] == ends[0] and abs(e["value"] - s.value) <= 1e-12 * abs(s.value) for e in c.ends):
            s.cut, found.complete = "", True
            found.how = f"the function is {c.convexity}, so all of them lie in one interval"


def number(v: float, scale: float = 0.0) -> str:
    """A number as a reader wants it; what is zero to rounding beside others of size `scale` reads 0."""
    return "0" if abs(v) < 1e-12 * scale else f"{v + 0.0:.6g}"


def listed(parts: Sequence[str], total: int | None = None, most: int = 6) -> str:
    """Up to `most` parts joined by commas, and of a longer list how long it is."""
    count = len(parts) if total is None else total
    return ", ".join(parts) if count <= most else ", ".join(parts[: most - 2]) + f", … ({count:,} in all)"


def place(study: Any, c: Any) -> str:
    """A critical point's coordinates, exact where they are known."""
    parts = []
    for i, (s, v) in enumerate(zip(study.symbols[:6], c.place)):
        exact = c.exact[i] if i < len(c.exact) else None
        parts.append(f"{s} = {exact}" + ("" if _plain(exact) else f" ≈ {number(v)}") if exact else f"{s} ≈ {number(v, 1.0)}")
    return listed(parts, len(c.place))


def _plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


SPOKEN = {"saddle": "saddle point", "inflection": "inflection point", "flat": "flat point"}


def sentences(study: Any) -> list[str]:
    """The findings, the most useful first."""
    c: Character = study.character
    if study.mistrusted:
        return [_mistrust_sentence(study)]
    out = [_gradient_sentence(study, c), _family_sentence(c), _convexity_sentence(study, c)]
    out += [_critical_sentence(study, p) for p in study.critical[:12]]
    if len(study.critical) > 12:
        out.append(f"{len(study.critical) - 12} more {'is' if len(study.critical) == 13 else 'are'} in the table of the report.")
    out += [_flat_sentence(study, s) for s in study.flat]
    out += [_completeness_sentence(study, c), _kink_sentence(study, c), _ends_sentence(study, c), _bounds_sentence(study, c), _descent_sentence(study, c)]
    return [s for s in out if s]


def _mistrust_sentence(study: Any) -> str:
    p = study.mistrusted[0]
    i = int(np.nanargmax(np.abs(p.ours - p.finite_difference)))
    name = study.symbols[i]
    return (
        f"Backward's gradient is not the slope of this function: by {name} at {_at(study, p.place)} backward gives {number(p.ours[i])}, while the values "
        f"rise at {number(p.finite_difference[i])}. A part of the function is hidden from the graph (.item(), .detach(), no_grad, a math function), or a "
        "Function's backward is not its derivative. Critical points and descent are left out: they would follow the wrong gradient."
    )


def _gradient_sentence(study: Any, c: Character) -> str:
    names = listed(c.symbols)
    if c.constant_gradient:
        value = study.points[0].ours
        if c.everywhere_flat:
            return f"The gradient does not depend on {names}: it is 0 everywhere."
        shown = number(value[0]) if len(value) == 1 else "(" + listed([number(v) for v in value]) + ")"
        steady = f"the function {'rises' if value[0] > 0 else 'falls'} at the same rate" if len(value) == 1 else "the function is equally steep"
        return f"The gradient does not depend on {names}: it is {shown} everywhere, so {steady} everywhere."
    if c.constant_gradient is None:
        return "The gradient was the same at 20 sampled points: it looks constant, which is not a proof."
    if len(c.symbols) > 1:
        return f"The gradient is not constant: it changes with the point ({names})."
    text = study.gradient[0].text if study.gradient and not study.unfounded else ""
    step = ", where Heaviside(u) is 1 for u > 0 and 0 for u < 0" if "Heaviside" in text else ""
    return f"The gradient is not constant: it depends on {names}" + (f" (f' = {text}{step})." if text else ".")


def _family_sentence(c: Character) -> str:
    domain = f" It is defined for {c.domain} only." if c.domain else ""
    if c.family == "not a polynomial":
        return domain.strip()
    why = {"constant": "no variable is in its formula", "affine": "its gradient is constant",
           "quadratic": "its Hessian is constant and not zero"}.get(c.family, "read off its formula")  # fmt: skip
    return f"It is {c.family}: {why}.{domain}"


def _convexity_sentence(study: Any, c: Character) -> str:
    kind = c.convexity
    where = " on its domain" if c.domain else ""
    spoken = "neither convex nor concave" if kind == "neither" else kind + where
    if kind == "affine":
        return "It is both convex and concave, as every affine function is."
    if c.eigenvalues:
        shown = _spectrum(c.eigenvalues)
        which = {"convex": "none is negative", "concave": "none is positive", "neither": "both signs occur"}[kind]
        if kind != "neither" and min(map(abs, c.eigenvalues)) > 1e-12 * max(map(abs, c.eigenvalues)):
            sign = "positive" if kind == "convex" else "negative"
            if len(c.eigenvalues) == 1:
                return f"It is strictly {kind}: the second derivative is {shown} everywhere, which is {sign}."
            return f"It is strictly {kind}: the Hessian is constant, and its eigenvalues {shown} are all {sign}."
        return f"It is {spoken}: the Hessian is constant with eigenvalues {shown}, and {which}."
    down, up = c.curvature.get("down"), c.curvature.get("up")
    if down is not None and up is not None and kind == "neither":
        if len(down) > 1 and (down == up).all():
            return f"It is neither convex nor concave: at {_at(study, down)} its curvature is negative in one direction and positive in another."
        along = " in some direction" if len(down) > 1 else ""
        return f"It is neither convex nor concave: its curvature is negative{along} at {_at(study, down)} and positive{along} at {_at(study, up)}."
    if c.convex:
        return f"It is {spoken}: {c.convex_reason}."
    if down is None and up is None:
        return ""
    word, other = ("convex", "concave") if down is None else ("concave", "convex")
    sign, witness = ("positive", up) if down is None else ("negative", down)
    missing = "negative" if down is None else "positive"
    return (
        f"It looks {word}, which is not proved: no {missing} curvature was found at {c.curvature['count']} sampled points. "
        f"It is not {other}: {_bent(study, sign, witness)}."
    )


def _bent(study: Any, sign: str, x: Any) -> str:
    return f"its curvature is {sign}{' in some direction' if len(x) > 1 else ''} at {_at(study, x)}"


def noise(study: Any, p: Any) -> float:
    """The size beside which a value found by numbers is zero to rounding; exact ones have no noise."""
    return 0.0 if getattr(p, "exact", None) else min(1.0, study.character.curvature.get("typical", 1.0))


def _at(study: Any, x: np.ndarray) -> str:
    scale = min(1.0, float(np.abs(study.points[0].place).max(initial=0.0))) or 1.0
    return listed([f"{s}={number(v, scale)}" for s, v in zip(study.symbols[:6], x)], len(x))


def _spectrum(eigenvalues: Sequence[float]) -> str:
    shown = [number(v, max(map(abs, eigenvalues))) for v in eigenvalues]
    return ", ".join(shown) if len(shown) <= 6 else f"{shown[0]} to {shown[-1]}"


def _critical_sentence(study: Any, p: Any) -> str:
    value = f"value {p.exact_value} ≈ {number(p.value)}" if p.exact_value and not _plain(p.exact_value) else f"value {number(p.value, noise(study, p))}"
    extremum = p.kind in ("minimum", "maximum")
    reach = ("absolute " if p.is_global else "local ") if extremum else ""
    if extremum and p.is_global is None:
        value += f", the {'lowest' if p.kind == 'minimum' else 'highest'} found"
    if p.kink:
        return (
            f"{'An' if reach == 'absolute ' else 'A'} {reach}{p.kind} at a kink: {place(study, p)}, {value}; the slope jumps there, so there is no derivative "
            "(the gradient shown at such a point is a convention)."
        )
    if p.degenerate:
        why = "the second derivative is zero there: the sign of f' on both sides decides" if len(p.place) == 1 else (
            "the Hessian is singular there: values around decide")  # fmt: skip
    elif len(p.place) == 1:
        why = f"f'' = {number(p.eigenvalues[0])}"
    else:
        why = f"Hessian eigenvalues {_spectrum(p.eigenvalues)}"
    article = "An" if (reach + p.kind)[0] in "aeiou" else "A"
    kind = "inflection point with zero slope" if p.kind == "inflection" else SPOKEN.get(p.kind, p.kind)
    return f"{article} {reach}{kind} at {place(study, p)}, {value} ({why})."


def _flat_sentence(study: Any, s: Any) -> str:
    named = _named(s) + s.cut + (f" through {_at(study, s.place)}" if len(s.equations) > 2 else "")
    reach = {True: "an absolute ", False: "a local ", None: "a "}[s.is_global]
    kind = f"is {reach}{s.kind}" if s.kind in ("minimum", "maximum") else "is made of critical points" + (" of several kinds" if s.kind == "mixed" else "")
    value = f", value {number(s.value, noise(study, s))}" if np.isfinite(s.value) else ""
    return f"The whole {named} {kind}{value}: along it the gradient stays zero."


def _named(s: Any) -> str:
    """A set of critical points by its equations, where they are few enough to read."""
    return f"{s.word} {' and '.join(s.equations)}" if len(s.equations) <= 2 else s.word


def _completeness_sentence(study: Any, c: Character) -> str:
    n, how = len(study.critical), study.completeness
    if c.everywhere_flat:
        return "Every point is critical: the function is constant."
    if c.periodic:
        return (
            f"There are infinitely many critical points: {' and '.join(c.periodic)}, for every whole number n. "
            f"Those in [{study.box[0][0]:g}, {study.box[1][0]:g}] are listed."
        )
    if study.complete:
        if not n and not study.flat:
            return f"It has no critical point: the gradient is zero nowhere ({how})."
        if study.flat:
            return f"There is no other critical point: {how}."
        return f"It is the only critical point: {how}." if n == 1 else f"These {n} ({_counted(study.critical)}) are all the critical points: {how}."
    if how.startswith("not sought"):
        return f"Critical points were {how}."
    if not n and not study.flat:
        return f"No critical point was found by {how}, which does not prove that there is none."
    rest = "outside, or between two of these points, there may be more" if n + len(study.flat) and len(c.symbols) == 1 else "there may be more"
    return f"{_counted(study.critical) + ' were' if n > 1 else 'It was'} found by {how}; {rest}."


def _counted(points: Sequence[Any]) -> str:
    """4 minima, 1 maximum and 4 saddle points."""
    plural = {"minimum": "minima", "maximum": "maxima"}
    parts = []
    for kind in ("minimum", "maximum", "saddle", "inflection", "flat"):
        count = sum(p.kind == kind for p in points)
        word = SPOKEN.get(kind, kind)
        parts += [f"{count} {word if count == 1 else plural.get(kind, word + 's')}"] if count else []
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _kink_sentence(study: Any, c: Character) -> str:
    if not c.kinked or len(c.symbols) == 1 or study.complete:
        return ""
    return "Its formula has kinks (abs, max, where, …): at one there may be a minimum that a search for zeros of the gradient does not see."


def _ends_sentence(study: Any, c: Character) -> str:
    if c.constant_gradient:
        return "" if c.everywhere_flat else "It goes to ±∞ and has no minimum: descent never converges."
    shown = [f"f → {e['limit']} as {e['side']}" for e in c.ends if e["limit"] != "no limit"]
    shown += [f"f has no limit as {e['side']}" for e in c.ends if e["limit"] == "no limit"]
    if shown:
        return "; ".join(shown) + "." + _unattained(study, c)
    if c.grows_up and c.grows_down:
        return "It is unbounded both above and below: it has no absolute minimum or maximum."
    if c.leading is not None and c.leading["everywhere"]:
        where, sign = ("+∞", "positive") if c.leading["up"] else ("−∞", "negative")
        return f"It goes to {where} in every direction: its highest-degree form is {sign} in all of them."
    if c.grows_down:
        return "It is unbounded below: it has no absolute minimum."
    return "It is unbounded above: it has no absolute maximum." if c.grows_up else ""


def _unattained(study: Any, c: Character) -> str:
    """The bound that values approach at an end and never reach, where every critical point is known."""
    if not (study.complete and c.ends_known):
        return ""
    values = [p.value for p in (*study.critical, *study.flat)]
    out = ""
    for sign, word, comparison in ((1, "minimum", "below"), (-1, "maximum", "above")):
        end = min(c.ends, key=lambda e: sign * e["value"])
        best = min((sign * v for v in values), default=math.inf)
        if math.isfinite(end["value"]) and sign * end["value"] < best - 1e-12:
            reached = f"and none reaches it: there is no {word}" if end["open"] else f"which is reached at the edge of its domain, {end['edge']}"
            out += f" No value is {comparison} {end['limit']}, {reached}."
    return out


def _bounds_sentence(study: Any, c: Character) -> str:
    if c.constant_gradient or any(s.is_global for s in (*study.critical, *study.flat)) or len(c.symbols) == 1 and c.ends_known:
        return ""
    low, high = c.bounds
    if math.isfinite(low) and math.isfinite(high):
        return f"Its values stay between {number(low)} and {number(high)}, by the shape of its formula."
    if math.isfinite(low):
        return f"No value is below {number(low)}, by the shape of its formula."
    return f"No value is above {number(high)}, by the shape of its formula." if math.isfinite(high) else ""


def _descent_sentence(study: Any, c: Character) -> str:
    run, p = study.descent, study.points[0]
    if run is None or p.direction is None:
        return ""
    if len(p.place) == 1:
        way = f"goes {'left' if p.ours[0] > 0 else 'right'} (slope {number(p.ours[0])})"
    else:
        way = f"starts along ({listed([f'{-v + 0.0:.3g}' for v in p.direction])})"
    start = f"From {_at(study, p.place)} descent {way}"
    if c.constant_gradient:
        return f"{start} and keeps going: there is no valley to stop in."
    if run.stopped == "diverged":
        return f"{start}; a run with lr {run.lr:.3g} left every bound: there is no valley on that side."
    near = [q for q in study.critical if np.linalg.norm(q.place - run.final) < 1e-3 * (1 + np.linalg.norm(q.place))]
    if near:
        where = f"the {SPOKEN.get(near[0].kind, near[0].kind)} at {place(study, near[0])}"
    else:
        where = next((f"{_at(study, run.final)} on the {_named(s)}" for s in study.flat if on_set(s, run.final)), "")
    toward = f"toward {where}" if where else _next_down(study, p)
    if run.stopped == "converged":
        steps = f"{run.steps} step{'' if run.steps == 1 else 's'}"
        return f"{start} {toward or f'toward {_at(study, run.final)}'}: a run with lr {run.lr:.3g} arrived there in {steps}."
    stood = f"after {run.steps} steps with lr {run.lr:.3g} it stood at {_at(study, run.final)} with value {number(run.losses[-1], noise(study, run))}"
    return f"{start} {toward}; {stood}{', still on its way' if not near else ''}." if toward else f"{start}; {stood}, still moving."


def _next_down(study: Any, p: Any) -> str:
    """In one variable what lies next on the way down, if the slope keeps its sign up to it: a critical point, or an end of the domain."""
    if len(p.place) != 1:
        return ""
    x, left = float(p.place[0]), bool(p.ours[0] > 0)
    ahead = [(float(q.place[0]), q) for q in study.critical if (q.place[0] < x) == left and q.place[0] != x]
    edges = [(end, s) for s in study.flat if s.interval for end in s.interval[::-1 if left else 1][:1]]
    ahead += [(end, s) for end, s in edges if (end < x) == left]
    ahead += [(e["at"], e) for e in study.character.ends if (e["at"] < x) == left and e["at"] != x and not math.isnan(e["value"])
              and not e["side"].endswith("⁻" if left else "⁺")]
    if not ahead:
        return ""
    where, what = min(ahead, key=lambda q: abs(q[0] - x))
    far = where if math.isfinite(where) else x + math.copysign(1e3 * (1 + abs(x)), where)
    slopes = study.function.slopes(np.linspace(x, far, 402)[1:-1])
    if isinstance(what, dict):
        known = np.isfinite(slopes) & (slopes != 0) if study.complete else np.ones(len(slopes), bool)
        return f"with {what['side']} and f → {what['limit']}" if ((slopes > 0) == left)[known].all() else ""
    if hasattr(what, "interval"):
        slopes = slopes[:-4]  # its edge is known to rounding only
    same = np.isfinite(slopes).all() and ((slopes > 0) == left).all() and (slopes != 0).all()
    target = _named(what) if hasattr(what, "interval") else f"{SPOKEN.get(what.kind, what.kind)} at {place(study, what)}"
    return f"toward the {target}" if same else ""


def on_set(s: Any, x: np.ndarray) -> bool:
    """Whether a point lies on a line or plane of critical points, to a thousandth."""
    if not s.affine or not s.coefficients:
        return False
    rows = np.array(s.coefficients)
    return bool(np.allclose(rows[:, :-1] @ x, rows[:, -1], rtol=1e-3, atol=1e-3))
