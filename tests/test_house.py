"""The house: rooms import only from those above them; files stay readable; the import is light."""

import ast
import pathlib
import subprocess
import sys

import pytest

import glassgrad as gg

ROOT = pathlib.Path(gg.__file__).parent
# A room may import from those on the lines above its own, and from its own line.
ORDER = [
    ["version"], ["dtypes"], ["errors"], ["recording", "printing", "placement", "accelerator", "jit", "cuda", "backends", "trees", "writing"], ["graph"], ["tensor"], ["parameter"],
    ["queries", "ops.blocks", "ops.op", "ops.docs"], ["ops.arrays"], ["ops.windows"], ["ops.levels"], ["ops.runtime"], ["ops.build"], ["ops.declare"], ["ops.elementwise"], ["ops.reductions"], ["ops.shapes"], ["ops.extremes", "ops.formats"],
    ["ops.joins", "ops.products", "ops.indexing", "ops.gathers"], ["ops.creation"], ["ops.random", "ops.legacy", "ops.copies"], ["ops.numpy_protocol"], ["ops.methods"],
    ["ops.scatters", "ops.special", "ops.bessel", "ops.polynomials", "ops.pointwise", "ops.arrangements", "ops.linear"], ["ops.ordering", "ops.contractions", "ops.solvers", "ops.incomplete"], ["ops.decompositions", "ops.lu"], ["ops.matrices"], ["ops.later"], ["linalg", "special", "random", "functional"], ["levels"], ["autograd"],
    ["ops.activations", "ops.losses", "ops.classification", "ops.ctc", "ops.grids", "ops.convolution", "ops.pooling", "ops.normalization", "ops.padding", "ops.interpolation", "ops.embeddings",
     "ops.dropouts", "ops.attention", "ops.recurrent", "ops.fourier", "ops.signals"],
    ["func", "fft", "signal"], ["amp"], ["cuda.amp", "nn", "optim", "utils", "serialization", "distributions"], ["descent"], ["study"], ["see"], ["testing"], ["neuron"], ["fitting"], ["cli"], ["__main__", "__init__"],
]  # fmt: skip
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


def room_of(module):
    if module in LEVEL:
        return module
    return module.split(".")[0]


def imports(path):
    """The modules of this package that a file imports, wherever it does."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = list(parts[: len(parts) - node.level])
            if node.module:
                yield ".".join([*base, *node.module.split(".")]), node.lineno
            else:
                for name in node.names:
                    yield ".".join([*base, name.name]), node.lineno


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_import_from_above_only(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    me = room_of(".".join(parts)) if parts[-1] != "__init__" or len(parts) == 1 else room_of(".".join(parts[:-1]))
    if parts == ("ops", "__init__"):
        return  # the folder's own docstring
    assert me in LEVEL, f"{path.name} has no place in the order: put it into ORDER"
    for module, line in imports(path):
        theirs = room_of(module)
        if (me, theirs) in LAZY:
            continue
        if theirs in ("", "ops") or theirs not in LEVEL:
            continue
        assert LEVEL[theirs] <= LEVEL[me], f"{path}:{line}: {me} imports {theirs}, which stands below it"


# Asked for on a cold path, when everything is loaded: an error that names a dtype, a backward that is not the plain one.
LAZY = {("tensor", "autograd"), ("ops.shapes", "ops.formats"), ("errors", "dtypes")}


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_readable(path):
    assert len(path.read_text().splitlines()) <= 600


def test_the_engine_needs_numpy_only():
    code = "import sys, glassgrad, glassgrad.cli; print([m for m in ('torch', 'scipy', 'sympy', 'matplotlib', 'rich', 'jinja2', 'pandas', 'pyarrow', 'dask', 'sklearn') if m in sys.modules])"
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.strip() == "[]"


def test_public_names():
    """The public names are kept: taking one away is a decision, not an accident."""
    kept = """Tensor tensor as_tensor from_numpy zeros ones full eye arange linspace zeros_like rand randn randint manual_seed Generator float16 float32
        float64 int8 int16 int32 int64 uint8 bool complex64 complex128 Size device no_grad enable_grad set_grad_enabled inference_mode autograd
        set_printoptions get_default_dtype add sub mul div pow abs neg reciprocal square sqrt rsqrt exp expm1 log log1p log2 log10 sin cos tan asin acos
        atan atan2 sinh cosh tanh sigmoid relu erf sign floor ceil round clamp maximum minimum where sum mean prod var std max min amax amin argmax
        argmin cumsum logsumexp norm dot mv mm bmm matmul outer einsum reshape flatten squeeze unsqueeze transpose permute broadcast_to cat stack split
        chunk clone isclose allclose equal isnan meshgrid from_dlpack"""
    assert [n for n in kept.split() if not hasattr(gg, n)] == []


def test_the_examples_in_generated_docstrings():
    import doctest

    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    ran = 0
    for name, function in vars(gg).items():
        if hasattr(function, "op") and function.__doc__ and ">>>" in function.__doc__:
            runner.run(parser.get_doctest(function.__doc__, {}, name, None, 0))
            ran += 1
    assert ran > 35 and runner.failures == 0


def test_every_public_function_says_what_it_is():
    missing = [n for n in dir(gg) if not n.startswith("_") and callable(getattr(gg, n)) and not getattr(getattr(gg, n), "__doc__", None)]
    assert missing == []
