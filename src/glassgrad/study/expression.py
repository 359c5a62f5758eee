"""Arithmetic typed by a user, read safely: `3*x**2 - 2*x + 5` becomes a function of tensors.

The text is parsed by `ast` and walked against a whitelist; nothing of it is ever evaluated as Python. Time and memory are
bounded before the parser sees it.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import re
import warnings
from collections.abc import Sequence
from typing import Any

LONGEST_TEXT = 10_000
DEEPEST_BRACKETS = 100
LARGEST_NUMBER = 2.0**1000

FUNCTIONS = {name: 1 for name in (
    "abs exp expm1 exp2 log log1p log2 log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sqrt rsqrt square reciprocal "
    "sigmoid softplus relu erf sign floor ceil round").split()} | {"atan2": 2, "maximum": 2, "minimum": 2, "pow": 2, "clamp": 3}  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
OPERATORS: dict[type, str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}


class ExpressionError(ValueError):
    """Text that is not plain arithmetic: one line says why, two more show where."""


def _refusal(text: str, why: str, column: int | None = None) -> ExpressionError:
    if column is None or "\n" in text:
        return ExpressionError(why)
    start = max(0, column - 50)
    shown = text[start : start + 100]
    return ExpressionError(f"{why}\n  {shown}\n  {' ' * (column - start)}^")


class Expression:
    """A parsed expression, callable with tensors as a function of its names.

    >>> import glassgrad as gg
    >>> f = parse("3*x**2 - 2*x + 5")
    >>> f.names, f(gg.tensor(3.0))
    (('x',), tensor(26.))
    """

    def __init__(self, text: str, program: list[tuple[str, Any, int]], names: tuple[str, ...]):
        self.text, self.program, self.names = text, program, names
        self.__name__ = "f"

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in self.names])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        import glassgrad

        bound = self.__signature__.bind(*args, **kwargs).arguments
        stack: list[Any] = []
        for what, detail, column in self.program:
            if what == "number":
                stack.append(detail)
            elif what == "name":
                stack.append(bound[detail])
            else:
                count = 1 if what == "neg" else 2 if what == "operator" else FUNCTIONS[detail]
                operands = stack[len(stack) - count :]
                del stack[len(stack) - count :]
                try:
                    stack.append(self._apply(glassgrad, what, detail, operands))
                except ZeroDivisionError:
                    raise _refusal(self.text, "a constant is divided by zero here", column) from None
                except OverflowError:
                    raise _refusal(self.text, "a constant here is no finite real number, or too large a one", column) from None
        return stack[0]

    def _apply(self, engine: Any, what: str, detail: str, operands: list[Any]) -> Any:
        if what == "neg":
            return -operands[0]
        if what == "operator":
            a, b = operands
            if detail == "add":
                return a + b
            if detail == "sub":
                return a - b
            if detail == "mul":
                return a * b
            if detail == "div":
                return a / b
            if isinstance(a, engine.Tensor) or isinstance(b, engine.Tensor):
                return a**b
            power = float(a) ** float(b)
            if isinstance(power, complex) or not math.isfinite(power):
                raise OverflowError
            return power
        tensors = [o if isinstance(o, engine.Tensor) else engine.tensor(float(o), dtype=engine.float64) for o in operands]
        if detail == "softplus":
            from ..ops.elementwise import softplus

            return softplus(tensors[0])
        return getattr(engine, detail)(*tensors)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


def parse(text: str) -> Expression:
    """Reads arithmetic: numbers, names, + - * / **, brackets, and the functions of `FUNCTIONS`.

    Raises ExpressionError with the place marked.

    >>> parse("2*sin(x) + y").names
    ('x', 'y')
    """
    _check_size(text)
    text = text.strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = min((error.offset or 1) - 1, len(text))
        raise _refusal(text, f"this is not an expression: {error.msg}{_hint(text, column)}", column) from None
    except UnicodeEncodeError:
        raise ExpressionError("the expression has bytes in it that are not text") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"this cannot be read as an expression ({type(error).__name__})") from None
    program: list[tuple[str, Any, int]] = []
    names: list[str] = []
    todo: list[Any] = [tree]
    while todo:  # postfix order, built backwards: a node's operation, then its operands from right to left
        node = todo.pop()
        what, operands = _read(text, node, names)
        program.append((*what, _place(text, node)))
        todo += operands
    program.reverse()
    order = {n: i for i, n in enumerate(sorted(set(names), key=lambda n: _first_place(text, n)))}
    return Expression(text, program, tuple(order))


HINTS = {"²": "write **2", "³": "write **3", "−": "write - for minus", "–": "write - for minus", "×": "write *", "·": "write *", "÷": "write /",
         "|": "write abs(x)", "√": "write sqrt(x)", "π": "write pi", "=": "write only what f(x) equals"}  # fmt: skip


def _hint(text: str, column: int) -> str:
    """What was probably meant, where that is a common slip."""
    here = text[column : column + 1]
    before = re.search(r"([A-Za-z_]\w*)\s+$", text[:column])
    if here in HINTS:
        return f" ({HINTS[here]})"
    word = re.match(r"[A-Za-z_]\w*", text[column:])
    if word and word[0] in FUNCTIONS and re.match(r"\s+\w", text[column + word.end() :]):
        return f" (write {word[0]}(…))"
    if before and before[1] in FUNCTIONS:
        return f" (write {before[1]}(…))"
    if re.match(r"\d\s*[A-Za-z_(]", text[column:]) or re.search(r"[\w)]\s+$", text[:column]) and word:
        return " (between factors write *: 2*x)"
    return ""


def _place(text: str, node: Any) -> int:
    """Where a node's own sign stands: an operator's after its left operand."""
    if not isinstance(node, ast.BinOp):
        return int(getattr(node, "col_offset", 0))
    after = node.left.end_col_offset or 0
    return after + len(text[after:]) - len(text[after:].lstrip(") "))


def _first_place(text: str, name: str) -> int:
    i = -1
    while True:
        i = text.find(name, i + 1)
        if i < 0:
            return len(text)
        before, after = text[i - 1 : i] if i else "", text[i + len(name) : i + len(name) + 1]
        if not (before.isalnum() or before == "_" or after.isalnum() or after == "_"):
            return i


def _check_size(text: str) -> None:
    if not isinstance(text, str) or not text.strip():
        raise ExpressionError("the expression is empty: write something like 3*x**2 - 2*x + 5")
    if len(text) > LONGEST_TEXT:
        raise ExpressionError(f"the expression is too long: {len(text):,} characters, at most {LONGEST_TEXT:,}")
    if "\0" in text or "\n" in text.strip() or not text.isprintable() and any(ord(c) < 32 and c not in "\t\n\r " for c in text):
        raise ExpressionError("the expression has characters that do not print, or more than one line")
    if "^" in text:
        raise _refusal(text, "'^' is not a power here: write ** (x**2)", text.index("^"))
    depth = 0
    run = 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        run = run + 1 if c in "+-~ " else 0
        if depth > DEEPEST_BRACKETS or run > 2 * DEEPEST_BRACKETS:
            raise ExpressionError(f"brackets or signs are nested more than {DEEPEST_BRACKETS} deep (at character {i + 1})")
    if sum(text.count(c) for c in "+-*/") > 2000:
        raise ExpressionError("the expression has more than 2,000 operators")


def _read(text: str, node: ast.AST, names: list[str]) -> tuple[tuple[str, Any], list[Any]]:
    """What a node of the tree does, and its operands."""
    column = getattr(node, "col_offset", 0)
    if isinstance(node, ast.Constant):
        value: Any = node.value
        if type(value) not in (int, float):
            kind = {str: "text", bytes: "text", complex: "an imaginary number", bool: "a truth value"}.get(type(value), "no number")
            raise _refusal(text, f"only numbers are taken, and this is {kind}", column)
        if abs(value) > LARGEST_NUMBER or value != value:
            raise _refusal(text, "this number is too large", column)
        return ("number", value if isinstance(value, float) or abs(value) < 2**53 else float(value)), []
    if isinstance(node, ast.Name):
        if node.id in CONSTANTS:
            return ("number", CONSTANTS[node.id]), []
        if node.id in FUNCTIONS:
            raise _refusal(text, f"{node.id} is a function: write {node.id}(…)", column)
        if node.id.startswith("__") or not node.id.isascii() or node.id in ("inf", "nan"):
            raise _refusal(text, f"{node.id!r} cannot be a variable here" + (f" ({HINTS[node.id]})" if node.id in HINTS else ""), column)
        names.append(node.id)
        return ("name", node.id), []
    if isinstance(node, ast.BinOp):
        name = OPERATORS.get(type(node.op))
        if name is None:
            raise _refusal(text, "only + - * / and ** stand between numbers", _place(text, node))
        if isinstance(node.left, ast.Call) and isinstance(node.left.func, ast.Constant):
            raise _refusal(text, "write * between factors: 2*x", column)
        return ("operator", name), [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.USub):
            return ("neg", None), [node.operand]
        if isinstance(node.op, ast.UAdd):
            return _read(text, node.operand, names)
        raise _refusal(text, "only + and - stand before a number", column)
    if isinstance(node, ast.Call):
        return _read_call(text, node)
    kinds: dict[type, str] = {
        ast.Attribute: "attributes (a.b)", ast.Subscript: "indices (a[0])", ast.Lambda: "lambda", ast.ListComp: "comprehensions",
        ast.GeneratorExp: "comprehensions", ast.SetComp: "comprehensions", ast.DictComp: "comprehensions", ast.Compare: "comparisons",
        ast.BoolOp: "and/or", ast.IfExp: "if/else", ast.NamedExpr: "assignments", ast.Tuple: "tuples", ast.List: "lists", ast.Dict: "dicts",
        ast.Set: "sets", ast.JoinedStr: "text", ast.Starred: "starred arguments", ast.Await: "await", ast.Yield: "yield",
    }  # fmt: skip
    raise _refusal(text, f"{kinds.get(type(node), type(node).__name__)} cannot stand in an arithmetic expression", column)


def _read_call(text: str, node: ast.Call) -> tuple[tuple[str, Any], list[Any]]:
    column = node.col_offset
    if not isinstance(node.func, ast.Name):
        if isinstance(node.func, ast.Constant):
            raise _refusal(text, "write * between factors: 2*(x + 1)", column)
        raise _refusal(text, "only named functions can be called", column)
    name = node.func.id
    if name not in FUNCTIONS:
        near = difflib.get_close_matches(name, FUNCTIONS, 3, 0.5)
        hint = f"; nearest: {', '.join(near)}" if near else f"; there are {', '.join(sorted(FUNCTIONS))}"
        raise _refusal(text, f"unknown function {name!r}{hint}", column)
    if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
        raise _refusal(text, f"{name} takes plain arguments", column)
    if len(node.args) != FUNCTIONS[name]:
        n = FUNCTIONS[name]
        raise _refusal(text, f"{name} takes {n} argument{'s' if n > 1 else ''}, not {len(node.args)}", column)
    return ("call", name), list(node.args)


def parse_point(text: str, names: Sequence[str]) -> dict[str, float]:
    """One point: `x=3` or `w1=1,w2=2`; each value a number or constant arithmetic (pi/2, 1/3).

    >>> parse_point("x=1/4", ["x"])
    {'x': 0.25}
    """
    point: dict[str, float] = {}
    known = ", ".join(names) if names else "no variables"
    for part in text.split(","):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals:
            raise ExpressionError(f"--at {text}: write name=value, such as {names[0] if names else 'x'}=3")
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.5)
            raise ExpressionError(f"--at {text}: f has no variable {name!r}; it has {known}" + (f" (did you mean {near[0]}?)" if near else ""))
        if name in point:
            raise ExpressionError(f"--at {text}: {name} is given twice")
        point[name] = _number(name, value.strip())
    missing = [n for n in names if n not in point]
    if missing:
        raise ExpressionError(f"--at {text}: the point needs {', '.join(missing)} too")
    return {n: point[n] for n in names}


def _number(name: str, text: str) -> float:
    try:
        expression = parse(text)
        value = None if expression.names else float(expression())
    except ExpressionError:
        value = None
    if value is None or not math.isfinite(value):
        raise ExpressionError(f"{name}={text} is not a finite number")
    return value
