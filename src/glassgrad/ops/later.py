"""Operations whose rooms load when they are first asked for: as a function of the package, or as a method of a tensor."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from ..tensor import Tensor
from .declare import in_place


class Names(NamedTuple):
    """What a room has: functions that are methods too, functions only, methods only, and methods that write into their tensor."""

    both: str
    functions: str = ""
    methods: str = ""
    writing: str = ""


ROOMS = {
    "scatters": Names(
        "scatter scatter_add scatter_reduce index_add index_copy index_fill take put masked_scatter repeat_interleave",
        writing="scatter_ scatter_add_ scatter_reduce_ index_add_ index_copy_ index_fill_ put_ masked_scatter_",
    ),
    "ordering": Names(
        "unique unique_consecutive bincount histc histogram median nanmedian kthvalue mode quantile nanquantile cummax cummin logcumsumexp msort aminmax",
        "searchsorted bucketize isin",
    ),
    "special": Names(
        "erfc erfinv lgamma digamma polygamma mvlgamma xlogy nan_to_num logit sinc",
        writing="erfc_ erfinv_ lgamma_ digamma_ xlogy_ nan_to_num_ logit_ sinc_ polygamma_ mvlgamma_",
    ),
    "bessel": Names("i0", writing="i0_"),
    "incomplete": Names("igamma igammac", writing="igamma_ igammac_"),
    "pointwise": Names(
        "addcmul addcdiv lerp fmax fmin copysign logaddexp2 nextafter gcd lcm heaviside ldexp frexp float_power isposinf isneginf isreal angle "
        "conj_physical resolve_conj resolve_neg adjoint nansum nanmean",
        "polar view_as_real view_as_complex",
        writing="addcmul_ addcdiv_ lerp_ copysign_ nextafter_ gcd_ lcm_ heaviside_ ldexp_ float_power_ conj_physical_",
    ),
    "arrangements": Names(
        "diag_embed diag diagflat rot90 tensor_split hsplit vsplit dsplit split_with_sizes narrow_copy as_strided slice_scatter select_scatter "
        "diagonal_scatter cov corrcoef",
        "block_diag tril_indices triu_indices cartesian_prod combinations vander unravel_index trapezoid trapz cumulative_trapezoid diagonal_copy",
        "unfold fill_diagonal_",
    ),
    "solvers": Names(
        "inverse det logdet slogdet cholesky cholesky_solve cholesky_inverse triangular_solve pinverse matrix_exp",
    ),
    "decompositions": Names("svd qr"),
    "lu": Names("lu_solve", "lu_unpack"),
    "matrices": Names("matrix_power", "chain_matmul"),
    "contractions": Names(
        "addmm addmv addr baddbmm addbmm inner vdot kron cross dist renorm",
        "tensordot cdist pdist",
        writing="addmm_ addmv_ addr_ baddbmm_ addbmm_ renorm_",
    ),
    "activations": Names("hardshrink prelu", "celu rrelu selu threshold"),
    "convolution": Names("", "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d"),
    "pooling": Names("", "adaptive_avg_pool1d avg_pool1d max_pool1d max_pool2d max_pool3d"),
    "padding": Names("", "channel_shuffle pixel_shuffle pixel_unshuffle"),
    "signals": Names("stft istft", "gradient hann_window hamming_window blackman_window bartlett_window kaiser_window"),
    "linear": Names("", "bilinear"),
    "losses": Names("", "cosine_similarity pairwise_distance"),
    "dropouts": Names("", "dropout alpha_dropout feature_alpha_dropout"),
}
FUNCTIONS = {name: room for room, names in ROOMS.items() for name in f"{names.both} {names.functions}".split()}
METHODS = {name: room for room, names in ROOMS.items() for name in f"{names.both} {names.methods} {names.writing}".split()}
# forms that write, as functions too
AS_FUNCTIONS = frozenset("i0_ erfc_ lgamma_ nan_to_num_ logit_ sinc_ xlogy_ ldexp_ gcd_ lcm_ addmv_ conj_physical_ deg2rad_ rad2deg_ frac_".split())


def load(room: str) -> Any:
    """The room, with its methods hung onto Tensor."""
    module = importlib.import_module(f".{room}", __package__)
    names = ROOMS[room]
    for name in f"{names.both} {names.methods}".split():
        setattr(Tensor, name, _named(module, name))
    for name in names.writing.split():
        in_place(getattr(Tensor, name[:-1]), None, name)
    return module


def _named(module: Any, name: str) -> Any:
    """What a room calls by that name, where its own name is another's: `AS_METHODS` first."""
    return getattr(module, "AS_METHODS", {}).get(name) or getattr(module, name)


class Later:
    """A method that takes its own place when it is first asked for."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, tensor: Any, cls: Any) -> Any:
        load(METHODS[self.name])
        return getattr(cls if tensor is None else tensor, self.name)


for _name in METHODS:
    setattr(Tensor, _name, Later(_name))


def function(name: str) -> Any:
    """The function of that name, its room loaded; None where there is none."""
    if name in FUNCTIONS:
        module = load(FUNCTIONS[name])
        return getattr(module, "AS_FUNCTIONS", {}).get(name) or getattr(module, name)
    return getattr(Tensor, name) if name in AS_FUNCTIONS else None
