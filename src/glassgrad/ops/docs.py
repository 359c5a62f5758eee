"""What the elementwise ops say of themselves: the formula, the derivative, an example and what it prints (run by the tests)."""

DOCS: dict[str, tuple[str, str, str, str]] = {
    "add": ("input + other", "1 for each", "gg.add(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([0.9000, 2.9000])"),
    "sub": ("input - other", "1 and -1", "gg.sub(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([ 0.1000, -1.1000])"),
    "mul": ("input · other", "other, and input", "gg.mul(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([0.2000, 1.8000])"),
    "div": ("input / other", "1 / other, and -input / other²", "gg.div(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([1.2500, 0.4500])"),
    "neg": ("-input", "-1", "gg.neg(gg.tensor([0.5, 0.9]))", "tensor([-0.5000, -0.9000])"),
    "reciprocal": ("1 / input", "-1 / input²", "gg.reciprocal(gg.tensor([0.5, 0.9]))", "tensor([2.0000, 1.1111])"),
    "abs": ("|input|", "the sign (0 at 0)", "gg.abs(gg.tensor([0.5, 0.9]))", "tensor([0.5000, 0.9000])"),
    "remainder": ("input - other · ⌊input / other⌋", "1, and -⌊input / other⌋", "gg.remainder(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([0.1000, 0.9000])"),
    "sqrt": ("√input", "1 / (2 √input): infinite at 0", "gg.sqrt(gg.tensor([0.5, 0.9]))", "tensor([0.7071, 0.9487])"),
    "rsqrt": ("1 / √input", "-1 / (2 √input³)", "gg.rsqrt(gg.tensor([0.5, 0.9]))", "tensor([1.4142, 1.0541])"),
    "exp": ("e^input", "e^input", "gg.exp(gg.tensor([0.5, 0.9]))", "tensor([1.6487, 2.4596])"),
    "exp2": ("2^input", "ln 2 · 2^input", "gg.exp2(gg.tensor([0.5, 0.9]))", "tensor([1.4142, 1.8661])"),
    "expm1": ("e^input - 1, exact for small input", "e^input", "gg.expm1(gg.tensor([0.5, 0.9]))", "tensor([0.6487, 1.4596])"),
    "log": ("ln input", "1 / input", "gg.log(gg.tensor([0.5, 0.9]))", "tensor([-0.6931, -0.1054])"),
    "log1p": ("ln(1 + input), exact for small input", "1 / (1 + input)", "gg.log1p(gg.tensor([0.5, 0.9]))", "tensor([0.4055, 0.6419])"),
    "log2": ("the logarithm to base 2", "1 / (ln 2 · input)", "gg.log2(gg.tensor([0.5, 0.9]))", "tensor([-1.0000, -0.1520])"),
    "log10": ("the logarithm to base 10", "1 / (ln 10 · input)", "gg.log10(gg.tensor([0.5, 0.9]))", "tensor([-0.3010, -0.0458])"),
    "sigmoid": ("1 / (1 + e^-input)", "σ (1 - σ)", "gg.sigmoid(gg.tensor([0.5, 0.9]))", "tensor([0.6225, 0.7109])"),
    "relu": ("max(input, 0)", "1 above 0, else 0 (0 at 0)", "gg.relu(gg.tensor([0.5, 0.9]))", "tensor([0.5000, 0.9000])"),
    "erf": ("2/√π ∫₀ˣ e^{-t²} dt", "2/√π e^{-input²}", "gg.erf(gg.tensor([0.5, 0.9]))", "tensor([0.5205, 0.7969])"),
    "sin": ("the sine of input, in radians", "cos input", "gg.sin(gg.tensor([0.5, 0.9]))", "tensor([0.4794, 0.7833])"),
    "cos": ("the cosine of input, in radians", "-sin input", "gg.cos(gg.tensor([0.5, 0.9]))", "tensor([0.8776, 0.6216])"),
    "tan": ("the tangent of input, in radians", "1 + tan² input", "gg.tan(gg.tensor([0.5, 0.9]))", "tensor([0.5463, 1.2602])"),
    "asin": ("the angle whose sine is input", "1 / √(1 - input²)", "gg.asin(gg.tensor([0.5, 0.9]))", "tensor([0.5236, 1.1198])"),
    "acos": ("the angle whose cosine is input", "-1 / √(1 - input²)", "gg.acos(gg.tensor([0.5, 0.9]))", "tensor([1.0472, 0.4510])"),
    "atan": ("the angle whose tangent is input", "1 / (1 + input²)", "gg.atan(gg.tensor([0.5, 0.9]))", "tensor([0.4636, 0.7328])"),
    "atan2": ("the angle of the point (other, input), in (-π, π]", "other / r² and -input / r² with r² = input² + other²", "gg.atan2(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([0.8961, 0.4229])"),
    "sinh": ("(e^input - e^-input) / 2", "cosh input", "gg.sinh(gg.tensor([0.5, 0.9]))", "tensor([0.5211, 1.0265])"),
    "cosh": ("(e^input + e^-input) / 2", "sinh input", "gg.cosh(gg.tensor([0.5, 0.9]))", "tensor([1.1276, 1.4331])"),
    "tanh": ("sinh input / cosh input", "1 - tanh² input", "gg.tanh(gg.tensor([0.5, 0.9]))", "tensor([0.4621, 0.7163])"),
    "asinh": ("ln(input + √(input² + 1))", "1 / √(1 + input²)", "gg.asinh(gg.tensor([0.5, 0.9]))", "tensor([0.4812, 0.8089])"),
    "acosh": ("ln(input + √(input² - 1))", "1 / √(input² - 1)", "gg.acosh(gg.tensor([1.5, 2.0]))", "tensor([0.9624, 1.3170])"),
    "atanh": ("½ ln((1 + input) / (1 - input))", "1 / (1 - input²)", "gg.atanh(gg.tensor([0.5, 0.9]))", "tensor([0.5493, 1.4722])"),
    "sign": ("-1, 0 or 1", "0: connected, but flat", "gg.sign(gg.tensor([0.5, 0.9]))", "tensor([1., 1.])"),
    "floor": ("the largest integer not above input", "0: connected, but flat", "gg.floor(gg.tensor([0.5, 0.9]))", "tensor([0., 0.])"),
    "ceil": ("the smallest integer not below input", "0: connected, but flat", "gg.ceil(gg.tensor([0.5, 0.9]))", "tensor([1., 1.])"),
    "trunc": ("input without its fraction", "0: connected, but flat", "gg.trunc(gg.tensor([0.5, 0.9]))", "tensor([0., 0.])"),
    "maximum": ("the larger of input and other; NaN if either is", "1 for the larger, ½ each at a tie", "gg.maximum(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([0.5000, 2.0000])"),
    "minimum": ("the smaller of input and other; NaN if either is", "1 for the smaller, ½ each at a tie", "gg.minimum(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([0.4000, 0.9000])"),
    "fmod": ("the remainder with the sign of input", "1, and -trunc(input / other)", "gg.fmod(gg.tensor([0.5, 0.9]), gg.tensor([0.4, 2.0]))", "tensor([0.1000, 0.9000])"),
}


def docstring(name: str, floats: bool, several: bool) -> str | None:
    """The docstring of an elementwise op; None for one that is not public."""
    if name not in DOCS:
        return None
    formula, derivative, call, prints = DOCS[name]
    shapes = "The inputs broadcast, and are promoted to one dtype." if several else "The result has the shape of input."
    dtypes = " Integers become floating first." if floats else ""
    return (
        f"{formula}, element by element.\n\n{shapes}{dtypes} Derivative: {derivative}. Raises TypeError for what is not a tensor"
        f"{', RuntimeError for shapes that do not broadcast' if several else ''}; `out` takes the result.\n\n"
        f">>> import glassgrad as gg\n>>> {call}\n{prints}\n"
    )
