"""Random numbers that are accepted or rejected one by one: of the gamma, Poisson and binomial distributions, from the stream of a seed.

Each number takes as many uniform and normal values as its rejections need, so they are drawn in a plain loop over the elements, a few microseconds
each; the stream's values come in blocks, and those that were not used are given back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.function import Function
from ..ops.incomplete import gamma_share
from ..ops.random import Generator, default_generator, refused_draw
from ..ops.shapes import broadcast_tensors
from ..ops.special import lgamma
from ..tensor import Tensor
from .implicit import beta_slope, gamma_slope

BLOCK = 256


class Stream:
    """A generator's values one at a time: uniform ones in [0, 1), and normal ones, which come in pairs of which the second is kept."""

    def __init__(self, source: Generator):
        self.source = source
        self.start = source._bits.state
        self.values: list[float] = []
        self.at = 0

    def uniform(self) -> float:
        if self.at == len(self.values):
            self.values += self.source.doubles(BLOCK).tolist()
        self.at += 1
        return self.values[self.at - 1]

    def normal(self) -> float:
        """By the transform of Box and Muller (1958)."""
        left = self.source._left
        if left:
            return left.pop()
        u1, u2 = self.uniform(), self.uniform()
        r, theta = math.sqrt(-2.0 * math.log1p(-u2)), 2 * math.pi * u1
        left.append(r * math.sin(theta))
        return r * math.cos(theta)

    def close(self) -> None:
        """Puts the generator behind the last value that was used."""
        self.source._bits.state = self.start
        if self.at:
            self.source.words(2 * self.at)


def each(draw: Callable[..., float], *parameters: np.ndarray) -> np.ndarray:
    """draw(stream, …) for each element, in double precision, as an array of the first parameter's dtype."""
    stream = Stream(default_generator)
    lists = [np.ravel(p).astype(np.float64).tolist() for p in parameters]
    try:
        found = [draw(stream, *values) for values in zip(*lists)]
    finally:
        stream.close()
    return np.array(found, np.float64).reshape(parameters[0].shape).astype(parameters[0].dtype)


# ------------------------------------------------------------------------------------------------ the draws
def _gamma(stream: Stream, alpha: float) -> float:
    """By squeeze and rejection; source: G. Marsaglia and W. Tsang, "A simple method for generating gamma variables", 2000."""
    scale = 1.0
    if alpha < 1.0:
        if alpha == 0.0:
            return 0.0
        scale = (1 - stream.uniform()) ** (1.0 / alpha)
        alpha += 1.0
    if not alpha > 0:
        return math.nan
    d = alpha - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        y = 0.0
        while y <= 0.0:
            x = stream.normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1 - stream.uniform()
        xx = x * x
        if u < 1.0 - 0.0331 * xx * xx or math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return scale * d * v


def _poisson(stream: Stream, rate: float) -> float:
    """For small rates by the product of uniform values (D. Knuth, 1969), else by transformed rejection (W. Hörmann, "The transformed rejection method
    for generating Poisson random variables", 1993: algorithm PTRS)."""
    if rate < 10:
        least, product, k = math.exp(-rate), 1.0, 0
        if rate == 0.0:
            return 0.0
        while True:
            product *= stream.uniform()
            if product <= least:
                return float(k)
            k += 1
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = stream.uniform() - 0.5, stream.uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)  # type: ignore[assignment]
        if us >= 0.07 and v <= v_r:
            return float(k)
        if k < 0 or us < 0.013 and v > us:
            continue
        if math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= -rate + k * log_rate - math.lgamma(k + 1):
            return float(k)


def _binomial(stream: Stream, n: float, p: float) -> float:
    """For few successes by the distances between them, which are geometric (L. Devroye, 1986), else by transformed rejection (W. Hörmann, "The
    generation of binomial random variates", 1993: algorithm BTRS)."""
    if n <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return n
    if math.isnan(p):
        return math.nan
    if p > 0.5:
        return n - _binomial(stream, n, 1 - p)
    if n * p < 10:
        total, k = 0.0, 0
        log_fail = math.log1p(-p)
        while True:
            u = stream.uniform()
            total += math.ceil(math.log(u) / log_fail) if u > 0 else math.inf
            if total > n:
                return float(k)
            k += 1
    spread = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center, v_r, alpha, m = n * p + 0.5, 0.92 - 4.2 / b, (2.83 + 5.1 / b) * spread, math.floor((n + 1) * p)
    odds = p / (1 - p)
    while True:
        u, v = stream.uniform() - 0.5, stream.uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + center)
        if us >= 0.07 and v <= v_r:
            return float(k)
        if k < 0 or k > n:
            continue
        v = math.log(v * alpha / (a / (us * us) + b))
        if v <= (math.lgamma(m + 1) + math.lgamma(n - m + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + (k - m) * math.log(odds)):
            return float(k)


# ------------------------------------------------------------------------------------------------ as tensors
class _Numeric(Function):
    """What arrays are computed by, element by element or vector by vector, as a function of tensors of one shape; in `vmap` the batch is a dim more."""

    draws = False
    generate_vmap_rule = False

    @classmethod
    def vmap(cls, info: Any, in_dims: Any, *tensors: Tensor) -> Any:
        if cls.draws and info.randomness == "error":
            raise refused_draw()
        wide = [t.movedim(d, 0) if d is not None else t.expand((info.batch_size, *t.shape)) for t, d in zip(tensors, in_dims)]
        return cls.apply(*wide), 0

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotImplementedError("the derivative of an implicit derivative, or of a drawn count, is not implemented")


def _arrays(tensors: Any) -> list[np.ndarray]:
    return [np.asarray(t._data) for t in tensors]


class _GammaSlope(_Numeric):
    @staticmethod
    def forward(*tensors: Tensor) -> Tensor:
        return Tensor._wrap(gamma_slope(*_arrays(tensors)))


class _BetaSlope(_Numeric):
    @staticmethod
    def forward(*tensors: Tensor) -> Tensor:
        return Tensor._wrap(beta_slope(*_arrays(tensors)))


class _Poisson(_Numeric):
    draws = True

    @staticmethod
    def forward(*tensors: Tensor) -> Tensor:
        return Tensor._wrap(each(_poisson, *_arrays(tensors)))


class _Binomial(_Numeric):
    draws = True

    @staticmethod
    def forward(*tensors: Tensor) -> Tensor:
        return Tensor._wrap(each(_binomial, *_arrays(tensors)))


class _StandardGamma(_Numeric):
    """Gamma values of rate 1, with the implicit derivative by the concentration."""

    draws = True

    @staticmethod
    def forward(concentration: Tensor) -> Tensor:
        (data,) = _arrays([concentration])
        return Tensor._wrap(np.maximum(each(_gamma, data), np.finfo(data.dtype).tiny))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad * _GammaSlope.apply(*ctx.saved_tensors)


class _Dirichlet(_Numeric):
    """Dirichlet values, with the derivative of Jankowiak and Obermeyer (2018) by the concentrations."""

    draws = True

    @staticmethod
    def forward(concentration: Tensor) -> Tensor:
        (data,) = _arrays([concentration])
        limits = np.finfo(data.dtype)
        drawn = each(_gamma, data.astype(np.float64))
        return Tensor._wrap(np.clip(drawn / drawn.sum(-1, keepdims=True), limits.tiny, 1 - limits.epsneg).astype(data.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        a, x = ctx.saved_tensors
        # each αⱼ moves xⱼ as its marginal's quantile, Beta(αⱼ, Σα - αⱼ), and the others in proportion
        slope = _BetaSlope.apply(a, a.sum(-1, keepdim=True) - a, x) / (1 - x)
        return slope * (grad - (x * grad).sum(-1, keepdim=True))


class _GammaShare(_Numeric):
    """P(a, x), with its derivative by both: the density by x, and by a the density times how x would move."""

    @staticmethod
    def forward(*tensors: Tensor) -> Tensor:
        return Tensor._wrap(gamma_share(*_arrays(tensors)))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        a, x, _ = ctx.saved_tensors
        density = ((a - 1) * x.log() - x - lgamma(a)).exp() * grad
        return -density * _GammaSlope.apply(a, x) if ctx.needs_input_grad[0] else None, density


def standard_gamma(concentration: Tensor) -> Tensor:
    """A gamma value of rate 1 for each concentration, differentiable in it."""
    return _StandardGamma.apply(concentration)


def share(a: Tensor, x: Tensor) -> Tensor:
    """The probability that a gamma value of concentration a and rate 1 lies below x."""
    return _GammaShare.apply(*broadcast_tensors(a, x))


def dirichlet(concentration: Tensor) -> Tensor:
    """A point of the simplex for each vector of concentrations (the last dim), differentiable in them."""
    return _Dirichlet.apply(concentration)


def poisson(rate: Tensor) -> Tensor:
    """A count for each rate; a constant."""
    return _Poisson.apply(rate).detach()


def binomial(count: Tensor, probs: Tensor) -> Tensor:
    """A number of successes for each number of trials and probability; a constant."""
    return _Binomial.apply(*broadcast_tensors(count, probs)).detach()
