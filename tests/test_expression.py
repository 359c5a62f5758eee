"""Arithmetic typed by a user: read safely, refused clearly, bounded in time and memory."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glassgrad as gg
from glassgrad.study import ExpressionError, parse, parse_point

REFUSED = {
    '__import__("os")': "unknown function '__import__'", "x.real": "attributes", "[i for i in x]": "comprehensions", "lambda: 1": "lambda", "x[0]": "indices",
    "(x := 2)": "assignments", "x if x else y": "if/else", "x < 2": "comparisons", "x and y": "and/or", "'a'": "this is text", "f'{x}'": "text", "2j": "imaginary",
    "True": "truth value", "x^2": "write **", "sinn(x)": "nearest: sin", "sin(x, y)": "takes 1 argument", "atan2(x)": "takes 2 arguments", "sin(x=1)": "plain arguments",
    "sin(*x)": "plain arguments", "2(x)": "write * between", "2x": "2*x", "x +": "not an expression", "x y": "not an expression", "": "empty", "   ": "empty", "sin": "is a function",
    "x // 2": "only + - * /", "~x": "only + and -", "(1, 2)": "tuples", "{1: 2}": "dicts", "__class__": "cannot be a variable", "1e999": "too large", "x\ny": "more than one line",
    "x\0": "do not print", "inf*x": "cannot be a variable", "nan": "cannot be a variable", "\udcff": "not text", "exec('1')": "unknown function", "sin(x).real": "attributes", "(lambda x: x)(2)": "only named functions",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_refused_with_a_reason(text):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert REFUSED[text] in str(caught.value)


def test_the_place_is_marked():
    with pytest.raises(ExpressionError) as caught:
        parse("3*x + y.real")
    first, shown, mark = str(caught.value).split("\n")
    assert shown[mark.index("^")] == "y"
    for text, at in (("x*(1/0)", "/"), ("x**(9**9**9)", "*"), ("x + (-8)**0.5", "*"), ("x + $", "$")):
        with pytest.raises(ExpressionError) as caught:
            parse(text)(gg.tensor(1.0))
        _, shown, mark = str(caught.value).split("\n")
        assert shown[mark.index("^")] == at


@pytest.mark.parametrize("text, hint", [
    ("2x", "2*x"), ("3 x", "2*x"), ("x y", "2*x"), ("sin x", "sin(…)"), ("2*sin x", "sin(…)"), ("x²", "**2"), ("|x|", "abs(x)"), ("x − 1", "- for minus"),
    ("f(x) = x", "only what f(x) equals"), ("π*x", "write pi"), ("√x", "sqrt(x)"), ("2 × x", "write *"),
])  # fmt: skip
def test_common_slips_get_a_hint(text, hint):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert hint in str(caught.value).splitlines()[0]


@pytest.mark.parametrize("text", ["(" * 10_000 + ")" * 10_000, "(" * 500 + "x" + ")" * 500, "-" * 5000 + "x", "x" * 1_000_000, "+".join("x" * 3000), "9" * 9000])
def test_bounded(text):
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize("text", ["9**9**9", "10**1000000", "2**2**2**2**2**2", "(-1)**0.5", "1/0", "9**9**9**9*x"])
def test_constants_cannot_explode(text):
    f = parse(text)
    with pytest.raises(ExpressionError):
        f(*[gg.tensor(1.0) for _ in f.names])


def test_values():
    f = parse("3*x**2 - 2*x + 5")
    x = gg.tensor(3.0, requires_grad=True)
    y = f(x)
    y.backward()
    assert (y.item(), x.grad.item(), f.names) == (26, 16, ("x",))
    g = parse("sin(b)*exp(-a/5) + atan2(a, 2) - clamp(b, 0, 1) + pi + maximum(a, b)**-1 + (+a)")
    assert g.names == ("b", "a")
    got = g(gg.tensor(0.5, dtype=gg.float64), gg.tensor(2.0, dtype=gg.float64)).item()
    assert got == pytest.approx(math.sin(0.5) * math.exp(-0.4) + math.atan2(2, 2) - 0.5 + math.pi + 0.5 + 2)


def test_points():
    assert parse_point("x=3", ["x"]) == {"x": 3}
    assert parse_point(" w1 = 1/4 , w2=-2e-3", ["w1", "w2"]) == {"w1": 0.25, "w2": -0.002}
    assert parse_point("x=pi/2", ["x"])["x"] == pytest.approx(math.pi / 2)
    for text, words in (("x", "name=value"), ("y=2", "no variable 'y'"), ("x=three", "not a finite number"), ("x=nan", "not a finite"), ("x=1,x=2", "given twice"),
                        ("x=9**9**9", "not a finite"), ("x=", "not a finite"), ("=3", "no variable ''")):  # fmt: skip
        with pytest.raises(ExpressionError, match=words):
            parse_point(text, ["x"])
    with pytest.raises(ExpressionError, match="needs y too"):
        parse_point("x=1", ["x", "y"])


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text(alphabet="x+-*/()0123456789. sincogab,_^[]{}'\"=:", max_size=60)))
def test_any_text_is_read_or_refused(text):
    try:
        f = parse(text)
    except ExpressionError as error:
        assert str(error)
        return
    try:
        f(*[gg.tensor(1.5, dtype=gg.float64) for _ in f.names])
    except ExpressionError as error:
        assert str(error)
