"""Random numbers: PyTorch's own generator (Mersenne Twister, mt19937), so that a seed gives PyTorch's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..dtypes import as_dtype, defaults
from ..graph.modes import mode
from ..tensor import Tensor
from .creation import made
from .declare import foreign, put
from .levels import levels_of, running
from .shapes import sizes

TWO_PI = 2 * np.pi
STATE = np.dtype([("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("words", "<u8", 624), ("", "<f8"), ("normal", "<f8"),
                  ("_", "<f8"), ("normal_is_valid", "<i4"), ("unused", "<i4", 3)])  # fmt: skip


class Generator:
    """A stream of random numbers with a seed of its own.

    >>> import glassgrad as gg
    >>> g = gg.Generator().manual_seed(0)
    >>> gg.equal(gg.rand(2, generator=g), gg.rand(2, generator=g.manual_seed(0)))
    True
    """

    def __init__(self, device: Any = "cpu"):
        self.device = device
        self._left: list[float] = []
        self.manual_seed(67280421310721)

    def manual_seed(self, seed: int) -> Generator:
        """Starts the stream again from `seed`."""
        if not -(2**63) <= int(seed) < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = int(seed) & 0xFFFFFFFFFFFFFFFF
        self._words: Any = None
        key = []
        x = self._seed & 0xFFFFFFFF
        for i in range(624):  # Matsumoto and Nishimura's initialisation (2002): Knuth's multiplier
            key.append(x)
            x = (1812433253 * (x ^ (x >> 30)) + i + 1) & 0xFFFFFFFF
        self._state: Any = {"bit_generator": "MT19937", "state": {"key": np.array(key, np.uint32), "pos": 624}}
        self._left = []
        return self

    @property
    def _bits(self) -> Any:
        """NumPy's generator of words, imported when the first number is drawn: it takes a third of the import's time."""
        if self._words is None:
            self._words = np.random.MT19937()
        if self._state is not None:
            self._words.state, self._state = self._state, None
        return self._words

    def initial_seed(self) -> int:
        """The seed that the stream was started from."""
        return self._seed

    def seed(self) -> int:
        """Starts the stream from a seed of the system's, and returns it."""
        self.manual_seed(int(np.random.SeedSequence().entropy) & 0xFFFFFFFFFFFFF)  # type: ignore[arg-type]
        return self._seed

    def get_state(self) -> Tensor:
        """Where the stream stands, as the bytes that PyTorch's generator writes."""
        state = self._state or self._bits.state
        pos, untouched = state["state"]["pos"], self._state is not None and self._state["state"]["pos"] == 624
        record = np.zeros((), STATE)
        record["seed"], record["left"], record["seeded"], record["next"] = self._seed, 625 - pos, 1, 0 if untouched else pos
        record["words"] = state["state"]["key"]
        if self._left:
            record["normal"], record["normal_is_valid"] = self._left[0], 1
        return Tensor._wrap(np.frombuffer(record.tobytes(), np.uint8).copy())

    def set_state(self, new_state: Tensor) -> Generator:
        """Puts the stream where `get_state` found it."""
        if not isinstance(new_state, Tensor) or new_state._data.dtype != np.uint8:
            raise TypeError("expected a torch.ByteTensor")
        if new_state._data.size != STATE.itemsize:
            raise RuntimeError(f"expected a state of {STATE.itemsize} bytes, but got {new_state._data.size}")
        record: Any = np.frombuffer(new_state._data.tobytes(), STATE)[0]
        key = record["words"].astype(np.uint32)
        self._seed = int(record["seed"])
        self._state = {"bit_generator": "MT19937", "state": {"key": key, "pos": 625 - int(record["left"])}}
        self._left = [float(record["normal"])] if record["normal_is_valid"] else []
        return self

    def words(self, n: int) -> np.ndarray:
        """n random words of 32 bits."""
        return self._bits.random_raw(n).astype(np.uint32)

    def doubles(self, n: int) -> np.ndarray:
        """n uniform values of 53 bits."""
        w = self.words(2 * n).astype(np.uint64).reshape(-1, 2)
        return (((w[:, 0] << np.uint64(32)) | w[:, 1]) & np.uint64((1 << 53) - 1)).astype(np.float64) * 2.0**-53

    def uniform(self, n: int, dtype: np.dtype) -> np.ndarray:
        """n uniform values in [0, 1)."""
        if dtype == np.float64:
            return self.doubles(n)
        return ((self.words(n) & np.uint32((1 << 24) - 1)).astype(np.float64) * 2.0**-24).astype(dtype)

    def normal(self, n: int, dtype: np.dtype) -> np.ndarray:
        """n standard normal values, by the transform of Box and Muller (1958): in blocks of 16 from 16 on, else in pairs."""
        if n >= 16 and dtype in (np.float32, np.float64):
            u = self.uniform(n, dtype)
            out = np.empty(n, dtype)
            whole = n - n % 16
            out[:whole] = _blocks(u[:whole].reshape(-1, 16)).ravel()
            if n % 16:
                out[-16:] = _blocks(self.uniform(16, dtype).reshape(1, 16)).ravel()
            return out
        values = []
        for _ in range(n):
            if self._left:
                values.append(self._left.pop())
                continue
            u1, u2 = self.doubles(2)
            r, theta = np.sqrt(-2.0 * np.log1p(-u2)), TWO_PI * u1
            values.append(r * np.cos(theta))
            self._left.append(r * np.sin(theta))
        return np.array(values, np.float64).astype(dtype)


def _blocks(u: np.ndarray) -> np.ndarray:
    u1, u2 = 1 - u[:, :8], u[:, 8:]
    r, theta = np.sqrt(-2 * np.log(u1)), u.dtype.type(TWO_PI) * u2
    return np.concatenate([r * np.cos(theta), r * np.sin(theta)], 1)


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Starts the default stream from `seed`.

    >>> import glassgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> gg.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed of the default stream."""
    return default_generator.initial_seed()


def seed() -> int:
    """Starts the default stream from a seed of the system's."""
    return default_generator.seed()


def get_rng_state() -> Any:
    """Where the default stream stands."""
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Puts the default stream where `get_rng_state` found it."""
    default_generator.set_state(state)


def _drawn(name: str, draw: Any, doc: str) -> Any:
    def make(*size: Any, generator: Generator | None = None, out: Tensor | None = None, dtype: Any = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False, pin_memory: bool = False, **named: Any) -> Tensor:  # fmt: skip
        shape = sizes((named["size"],) if "size" in named else size)
        kind = defaults.numpy if dtype is None else as_dtype(dtype).numpy
        return made(_draw(draw, shape, kind, generator), requires_grad, device, out)

    def like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
             memory_format: Any = None, generator: Generator | None = None) -> Tensor:  # fmt: skip
        kind = input._data.dtype if dtype is None else as_dtype(dtype).numpy
        return made(_laid(input._data, lambda shape: _draw(draw, shape, kind, generator)), requires_grad, device)

    make.__name__ = make.__qualname__ = name
    like.__name__ = like.__qualname__ = name + "_like"
    make.__doc__ = f"A tensor of the given sizes with {doc}."
    like.__doc__ = f"A tensor of the shape and dtype of another with {doc}."
    return make, like


def refused_draw() -> RuntimeError:
    """The error for random numbers in a `vmap` that does not say whose they are."""
    return errors.explain(
        RuntimeError(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags "
            "on vmap or perform the randomness operation out of vmap"
        ),
        "the examples of a batch run as one: it has to be said whether each draws numbers of its own",
        errors.line_of(errors.users_place()), "vmap(f, randomness='different') or 'same'",
    )  # fmt: skip


def _each(shape: tuple[int, ...], draw: Any) -> Any:
    """draw(n) numbers in a shape; inside `vmap` what its `randomness` says: the same for all examples, or others for each."""
    levels: list[Any] = []
    for level in reversed(running.levels):
        if level.randomness == "error":
            raise refused_draw()
        if level.randomness == "different":
            levels.insert(0, level)
    full = (*[level.size for level in levels], *shape)
    data = draw(int(np.prod(full))).reshape(full)
    for level in levels:
        data = level.of(data)
    return data


def _laid(like: Any, draw: Any) -> Any:
    """draw(shape) numbers for an array: in the order in which its elements lie, as PyTorch fills them; in order where dims were expanded."""
    if type(like) is not np.ndarray or like.flags.c_contiguous or 0 in like.strides:
        return draw(like.shape)
    order = sorted(range(like.ndim), key=lambda i: -abs(like.strides[i]))
    back = sorted(range(like.ndim), key=order.__getitem__)
    return draw(tuple(like.shape[i] for i in order)).transpose(back)


def _draw(draw: Any, shape: tuple[int, ...], dtype: np.dtype, generator: Generator | None) -> Any:
    if dtype.kind == "c":  # real and imaginary parts side by side; normal ones with variance 1 together
        half = np.empty(0, dtype).real.dtype
        scale = half.type(np.sqrt(0.5) if draw is Generator.normal else 1)
        data = _each(shape, lambda n: (draw(generator or default_generator, 2 * n, half) * scale).view(dtype))
        return data if shape else data[()]
    if dtype.kind != "f":
        raise errors.no_kernel("normal_kernel_cpu" if draw is Generator.normal else "check_uniform_bounds", dtype)
    data = _each(shape, lambda n: draw(generator or default_generator, n, dtype))
    return data if shape else data[()]


rand, rand_like = _drawn("rand", Generator.uniform, "uniform values in [0, 1)")
randn, randn_like = _drawn("randn", Generator.normal, "standard normal values")


def _integers(generator: Generator, low: int, high: int, n: int) -> np.ndarray:
    span = high - low
    if span >= 1 << 32:
        w = generator.words(2 * n).astype(np.uint64).reshape(-1, 2)
        return ((w[:, 0] << np.uint64(32) | w[:, 1]) % np.uint64(span)).astype(np.int64) + low
    return (generator.words(n).astype(np.int64) % span) + low


def randint(*args: Any, low: Any = None, high: Any = None, size: Any = None, generator: Generator | None = None, out: Tensor | None = None,
            dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A tensor of the given size with integers in [low, high)."""
    rest = list(args)
    if size is None and rest and isinstance(rest[-1], (tuple, list)):
        size = rest.pop()
    if len(rest) == 2:
        low, high = rest
    elif len(rest) == 1:
        low, high = (0, rest[0]) if high is None else (rest[0], high)
    low = 0 if low is None else low
    if high is None or size is None:
        raise TypeError("randint() takes (high, size) or (low, high, size)")
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    shape = sizes((size,))
    kind = np.dtype(np.int64) if dtype is None else as_dtype(dtype).numpy
    data = _each(shape, lambda n: _integers(generator or default_generator, int(low), int(high), n).astype(kind))
    return made(data if shape else data[()], requires_grad, device, out)


def randint_like(input: Tensor, *bounds: int, low: Any = None, high: Any = None, generator: Generator | None = None, dtype: Any = None, layout: Any = None,
                 device: Any = None, requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Integers in [low, high) with the shape and dtype of another tensor."""
    return randint(*bounds, low=low, high=high, size=tuple(input._data.shape), generator=generator, device=device,
                   dtype=input.dtype if dtype is None else dtype, requires_grad=requires_grad)  # fmt: skip


def _shuffled(words: np.ndarray, n: int) -> np.ndarray:
    order = np.arange(n)
    for i, w in enumerate(words.tolist()):
        j = i + w % (n - i)
        order[i], order[j] = order[j], order[i]
    return order


def randperm(n: int, *, generator: Generator | None = None, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """The integers from 0 to n - 1 in random order (Fisher and Yates)."""
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    words = _each((max(n - 1, 0),), (generator or default_generator).words)
    order = _shuffled(words, n) if isinstance(words, np.ndarray) else words.each(lambda w: _shuffled(w, n))
    return made(order.astype(np.int64 if dtype is None else as_dtype(dtype).numpy), requires_grad, device, out)


def _fill(input: Tensor, data: Any) -> Tensor:
    if input._needs and input._fn is None and mode.grad:
        from ..errors import leaf_in_place

        raise leaf_in_place()
    if not levels_of(data) <= levels_of(input._data):
        raise foreign("uniform_", input, data)
    put(input, data)
    return input


def uniform_(self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Filled with uniform values in [a, b)."""
    data = self._data
    u = _laid(data, lambda shape: _draw(Generator.uniform, shape, data.dtype, generator))
    return _fill(self, (u * data.dtype.type(b - a) + data.dtype.type(a)).astype(data.dtype))


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Filled with normal values."""
    data = self._data
    z = _draw(Generator.normal, data.shape, data.dtype, generator)
    return _fill(self, (z * data.dtype.type(std) + data.dtype.type(mean)).astype(data.dtype))


def random_(self: Tensor, *bounds: Any, generator: Generator | None = None) -> Tensor:
    """Filled with integers: in [0, to), in [low, to), or as many as the dtype holds exactly."""
    data, source = self._data, generator or default_generator
    low, high = (0, *bounds)[-2:] if bounds else (0, _whole(data.dtype))
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return _fill(self, _laid(data, lambda shape: _each(shape, lambda n: _integers(source, int(low), int(high), n).astype(data.dtype))))


def _whole(dtype: np.dtype) -> int:
    """One more than the largest integer up to which a dtype holds all of them."""
    if dtype.kind == "f":
        return 1 << (np.finfo(dtype).nmant + 1)
    return 2 if dtype.kind == "b" else int(np.iinfo(dtype).max) + 1


def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that `input` (or p) says, else 0; a constant: no gradient flows through it."""
    source, data = generator or default_generator, input._data
    if p is None:
        u = _laid(data, lambda shape: _each(shape, lambda n: source.uniform(n, data.dtype)))
        return Tensor._wrap((u < data).astype(data.dtype)[()])
    return Tensor._wrap((_laid(data, lambda shape: _each(shape, source.doubles)) < p).astype(data.dtype)[()])


def bernoulli_(self: Tensor, p: float = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Filled with 1 with probability p, else 0."""
    return _fill(self, bernoulli(self, p, generator=generator)._data)


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Filled with exponentially distributed values of rate lambd."""
    data = self._data
    u = _laid(data, lambda shape: _each(shape, (generator or default_generator).doubles))
    return _fill(self, (-np.log1p(-u) / lambd).astype(data.dtype))


def _transformed(name: str, of: Any, doc: str) -> Any:
    """A method that fills a tensor with of(uniform values, its arguments)."""

    def fill(self: Tensor, *args: Any, generator: Generator | None = None, **named: Any) -> Tensor:
        data = self._data
        u = _laid(data, lambda shape: _each(shape, (generator or default_generator).doubles))
        return _fill(self, np.asarray(of(u, *args, **named)).astype(data.dtype)[()])

    fill.__name__ = fill.__qualname__ = name
    fill.__doc__ = doc
    return fill


geometric_ = _transformed("geometric_", lambda u, p: np.ceil(np.log(u) / np.log1p(-p)), "Filled with the number of trials, of chance p, up to a success.")
cauchy_ = _transformed("cauchy_", lambda u, median=0.0, sigma=1.0: median + sigma * np.tan(np.pi * (u - 0.5)), "Filled with values of Cauchy's distribution.")


def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Filled with e to the power of normal values."""
    data, source = self._data, generator or default_generator
    z = _each(data.shape, lambda n: np.concatenate([source.normal(min(n - i, 15), data.dtype) for i in range(0, n, 15)] or [np.zeros(0, data.dtype)]))  # pairs
    return _fill(self, np.exp(z * data.dtype.type(std) + data.dtype.type(mean)).astype(data.dtype))


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None, out: Tensor | None = None) -> Tensor:
    """Indices drawn with probabilities in proportion to weights, of each row: (n) or (m, n) give (num_samples) or (m, num_samples).

    >>> import glassgrad as gg
    >>> gg.multinomial(gg.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    weights = input._data
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if weights.dtype.kind != "f":
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype.type_name}")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(-1) <= 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    source = generator or default_generator
    if not replacement or num_samples == 1:  # the largest of weight over exponential value, which is drawn without replacement
        keys = weights / (-np.log1p(-_each(weights.shape, source.doubles))).astype(weights.dtype)
        found = np.argsort(-keys, axis=-1, kind="stable")[..., :num_samples]
    else:
        share = np.cumsum(weights, axis=-1)
        share = np.atleast_2d(share / share[..., -1:])
        u = _each((len(share), num_samples), source.doubles)
        found = np.stack([np.searchsorted(s, row) for s, row in zip(share, u)]).reshape(*weights.shape[:-1], num_samples)
    return made(found.astype(np.int64), out=out)


def normal(mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, out: Tensor | None = None, **options: Any) -> Tensor:
    """Normal values: one for each element of `mean` and `std`, or of a `size`."""
    if not isinstance(std, Tensor) and std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if size is None:
        like = mean if isinstance(mean, Tensor) else std
        if not isinstance(like, Tensor):
            raise TypeError("normal() received an invalid combination of arguments: numbers for mean and std need a size")
        size = np.broadcast_shapes(*[x._data.shape for x in (mean, std) if isinstance(x, Tensor)])
        options["dtype"] = like.dtype
    with_grad = options.pop("requires_grad", False)
    values = Tensor._wrap((randn(*size, generator=generator, **options) * std + mean)._data)
    return made(values._data, with_grad, None, out)
