"""glassgrad: see-through gradients. PyTorch's autograd API in pure Python on NumPy."""

import math as _math
import warnings as _warnings

from . import accelerator, autograd, backends, cuda, ops
from .autograd import forward_ad as _forward_ad
from .autograd.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
from .backends import (
    are_deterministic_algorithms_enabled,
    compile,
    get_default_device,
    get_float32_matmul_precision,
    get_num_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_default_device,
    set_float32_matmul_precision,
    set_num_threads,
    use_deterministic_algorithms,
)  # fmt: skip
from .dtypes import (
    bool,
    can_cast,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
)  # fmt: skip
from .graph.modes import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .ops import later as _later
from .ops import methods as _methods
from .ops.creation import (
    arange,
    as_tensor,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    zeros,
    zeros_like,
)  # fmt: skip
from .ops.creation import complex_ as complex
from .ops.creation import range_ as range
from .ops.elementwise import (
    abs,
    acos,
    acosh,
    add,
    allclose,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    ceil,
    clamp,
    clamp_max,
    clamp_min,
    clip,
    cos,
    cosh,
    deg2rad,
    div,
    eq,
    equal,
    erf,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmod,
    frac,
    ge,
    gt,
    hypot,
    isclose,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    nonzero,
    positive,
    pow,
    rad2deg,
    reciprocal,
    relu,
    relu_,
    remainder,
    round,
    rsqrt,
    rsub,
    sgn,
    sigmoid,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    square,
    sub,
    tan,
    tanh,
    trunc,
    where,
)  # fmt: skip
from .ops.extremes import amax, amin, argmax, argmin
from .ops.extremes import max_ as max
from .ops.extremes import min_ as min
from .ops.formats import clone
from .ops.gathers import argsort, gather, index_select, sort, take_along_dim, topk
from .ops.indexing import index_put, masked_fill, masked_select, narrow, select
from .ops.joins import cat, chunk, column_stack, concat, concatenate, diff, dstack, hstack, stack, unbind, vstack
from .ops.joins import split_ as split
from .ops.legacy import TYPES as _legacy
from .ops.products import bmm, dot, einsum, ger, matmul, mm, mv, outer
from .ops.random import (
    Generator,
    bernoulli,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)  # fmt: skip
from .ops.reductions import all_ as all
from .ops.reductions import any_ as any
from .ops.reductions import (
    count_nonzero,
    cumprod,
    cumsum,
    log_softmax,
    logsumexp,
    mean,
    norm,
    prod,
    softmax,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)  # fmt: skip
from .ops.shapes import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_shapes,
    broadcast_tensors,
    broadcast_to,
    conj,
    diagonal,
    flatten,
    flip,
    fliplr,
    flipud,
    imag,
    meshgrid,
    movedim,
    permute,
    ravel,
    real,
    reshape,
    roll,
    squeeze,
    swapaxes,
    swapdims,
    t,
    tile,
    trace,
    transpose,
    tril,
    triu,
    unflatten,
    unsqueeze,
)  # fmt: skip
from .placement import Size, channels_last, channels_last_3d, contiguous_format, device, layout, memory_format, preserve_format, strided
from .printing import set_printoptions
from .queries import (
    detach,
    is_complex,
    is_conj,
    is_floating_point,
    is_inference,
    is_nonzero,
    is_same_size,
    is_signed,
    is_tensor,
    numel,
    result_type,  # fmt: skip
    typename,
)
from .tensor import Tensor
from .version import VERSION as __version__

BoolTensor, ByteTensor, CharTensor, ShortTensor, IntTensor, LongTensor = (_legacy[d] for d in (bool, uint8, int8, int16, int32, int64))
HalfTensor, FloatTensor, DoubleTensor = (_legacy[d] for d in (float16, float32, float64))
absolute, multiply, subtract, divide, true_divide, negative = abs, mul, sub, div, div, neg
arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh = asin, acos, atan, atan2, asinh, acosh, atanh
argwhere = nonzero
less, less_equal, greater, greater_equal, not_equal, fix = lt, le, gt, ge, ne, trunc
int, float = int32, float32
pi, e, inf, nan = _math.pi, _math.e, _math.inf, _math.nan
row_stack, moveaxis = vstack, movedim
newaxis = None


# The in-place forms that PyTorch has as functions too: abs_, sin_, zero_ …
globals().update({
    n: getattr(Tensor, n)
    for n in """abs_ acos_ acosh_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_ atanh_ ceil_ clamp_ clamp_max_ clamp_min_
    clip_ cos_ cosh_ detach_ erf_ exp2_ exp_ expm1_ fill_ fix_ floor_ index_put_ log10_ log1p_ log2_ log_ neg_ negative_ reciprocal_ relu_ round_
    rsqrt_ sigmoid_ sin_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ zero_""".split()
})  # fmt: skip
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"glassgrad(\.|$)")


def __getattr__(name: str) -> object:
    found = _later.function(name)
    if found is not None:
        globals()[name] = found
        return found
    import difflib
    import importlib

    if name in _ROOMS:  # rooms that need more than the engine are imported when they are asked for
        return importlib.import_module(f".{name}", __name__)
    if name in _FROM_ROOMS:
        return getattr(importlib.import_module(f".{_FROM_ROOMS[name]}", __name__), name)
    near = difflib.get_close_matches(name, [n for n in __dir__() if not n.startswith("_")], 3, 0.6)
    raise AttributeError(f"glassgrad has no {name!r}" + (f"; the nearest names here: {', '.join(near)}" if near else ""))


_ROOMS = (
    "see", "study", "descent", "nn", "optim", "func", "utils", "serialization", "linalg", "special", "fft", "signal", "random", "testing", "neuron", "amp",
    "functional", "distributions", "jit",
)  # fmt: skip
_FROM_ROOMS = {"descend": "descent", "vmap": "func", "save": "serialization", "load": "serialization", "autocast": "amp", "is_autocast_enabled": "amp"}


def __dir__() -> list[str]:
    return sorted({*globals(), *_later.FUNCTIONS, *_later.AS_FUNCTIONS, *_ROOMS, *_FROM_ROOMS})
