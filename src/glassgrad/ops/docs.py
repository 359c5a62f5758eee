"""What the elementwise ops say of themselves: formula, derivative, and what the example prints (run by the tests)."""

DOCS: dict[str, tuple[str, str, str]] = {
    "add": ("input + other", "1 for each", "[0.9000, 2.9000]"),
    "sub": ("input - other", "1 and -1", "[ 0.1000, -1.1000]"),
    "mul": ("input · other", "other, and input", "[0.2000, 1.8000]"),
    "div": ("input / other", "1 / other, and -input / other²", "[1.2500, 0.4500]"),
    "neg": ("-input", "-1", "[-0.5000, -0.9000]"),
    "reciprocal": ("1 / input", "-1 / input²", "[2.0000, 1.1111]"),
    "abs": ("|input|", "the sign (0 at 0)", "[0.5000, 0.9000]"),
    "remainder": ("input - other · ⌊input / other⌋", "1, and -⌊input / other⌋", "[0.1000, 0.9000]"),
    "sqrt": ("√input", "1 / (2 √input): infinite at 0", "[0.7071, 0.9487]"),
    "rsqrt": ("1 / √input", "-1 / (2 √input³)", "[1.4142, 1.0541]"),
    "exp": ("e^input", "e^input", "[1.6487, 2.4596]"),
    "exp2": ("2^input", "ln 2 · 2^input", "[1.4142, 1.8661]"),
    "expm1": ("e^input - 1, exact for small input", "e^input", "[0.6487, 1.4596]"),
    "log": ("ln input", "1 / input", "[-0.6931, -0.1054]"),
    "log1p": ("ln(1 + input), exact for small input", "1 / (1 + input)", "[0.4055, 0.6419]"),
    "log2": ("the logarithm to base 2", "1 / (ln 2 · input)", "[-1.0000, -0.1520]"),
    "log10": ("the logarithm to base 10", "1 / (ln 10 · input)", "[-0.3010, -0.0458]"),
    "sigmoid": ("1 / (1 + e^-input)", "σ (1 - σ)", "[0.6225, 0.7109]"),
    "relu": ("max(input, 0)", "1 above 0, else 0 (0 at 0)", "[0.5000, 0.9000]"),
    "erf": ("2/√π ∫₀ˣ e^{-t²} dt", "2/√π e^{-input²}", "[0.5205, 0.7969]"),
    "sin": ("the sine of input, in radians", "cos input", "[0.4794, 0.7833]"),
    "cos": ("the cosine of input, in radians", "-sin input", "[0.8776, 0.6216]"),
    "tan": ("the tangent of input, in radians", "1 + tan² input", "[0.5463, 1.2602]"),
    "asin": ("the angle whose sine is input", "1 / √(1 - input²)", "[0.5236, 1.1198]"),
    "acos": ("the angle whose cosine is input", "-1 / √(1 - input²)", "[1.0472, 0.4510]"),
    "atan": ("the angle whose tangent is input", "1 / (1 + input²)", "[0.4636, 0.7328]"),
    "atan2": ("the angle of the point (other, input), in (-π, π]", "other / r² and -input / r² with r² = input² + other²", "[0.8961, 0.4229]"),
    "sinh": ("(e^input - e^-input) / 2", "cosh input", "[0.5211, 1.0265]"),
    "cosh": ("(e^input + e^-input) / 2", "sinh input", "[1.1276, 1.4331]"),
    "tanh": ("sinh input / cosh input", "1 - tanh² input", "[0.4621, 0.7163]"),
    "asinh": ("ln(input + √(input² + 1))", "1 / √(1 + input²)", "[0.4812, 0.8089]"),
    "acosh": ("ln(input + √(input² - 1))", "1 / √(input² - 1)", "[0.9624, 1.3170]"),
    "atanh": ("½ ln((1 + input) / (1 - input))", "1 / (1 - input²)", "[0.5493, 1.4722]"),
    "sign": ("-1, 0 or 1", "0: connected, but flat", "[1., 1.]"),
    "floor": ("the largest integer not above input", "0: connected, but flat", "[0., 0.]"),
    "ceil": ("the smallest integer not below input", "0: connected, but flat", "[1., 1.]"),
    "trunc": ("input without its fraction", "0: connected, but flat", "[0., 0.]"),
    "maximum": ("the larger of input and other; NaN if either is", "1 for the larger, ½ each at a tie", "[0.5000, 2.0000]"),
    "minimum": ("the smaller of input and other; NaN if either is", "1 for the smaller, ½ each at a tie", "[0.4000, 0.9000]"),
    "fmod": ("the remainder with the sign of input", "1, and -trunc(input / other)", "[0.1000, 0.9000]"),
}
ARGUMENTS = {1: "gg.tensor([0.5, 0.9])", 2: "gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0])"}
ABOVE_ONE = {"acosh": "gg.tensor([1.5, 2.0])"}


def docstring(name: str, floats: bool, several: bool) -> str | None:
    """The docstring of an elementwise op; None for one that is not public."""
    if name not in DOCS:
        return None
    formula, derivative, prints = DOCS[name]
    arguments = ABOVE_ONE.get(name) or ARGUMENTS[1 + several]
    shapes = "The inputs broadcast, and are promoted to one dtype." if several else "The result has the shape of input."
    dtypes = " Integers become floating first." if floats else ""
    return (
        f"{formula}, element by element.\n\n{shapes}{dtypes} Derivative: {derivative}. Raises TypeError for what is not a tensor"
        f"{', RuntimeError for shapes that do not broadcast' if several else ''}; `out` takes the result.\n\n"
        f">>> import glassgrad as gg\n>>> gg.{name}({arguments})\ntensor({prints})\n"
    )
