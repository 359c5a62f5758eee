"""Pictures made by hand, to be drawn in tests: small ones with every number in them, and large ones."""

import math
import random

from glassgrad.see.drawings.picture import Cell, Flow, Link, Picture, Step


def flow(value, size=1.0):
    """The gradient of one number."""
    if value is None:
        return Flow("none", "None")
    if not math.isfinite(value):
        return Flow("nonfinite", str(value), 0.0, value)
    return Flow("flows" if value else "zero", f"{value:.4g}", math.copysign(1.0, value) if value else 0.0, abs(value) * size)


class Builder:
    """A picture, cell by cell; `backward` fills in the gradients of scalars."""

    def __init__(self, title):
        self.picture = Picture(title, [], [], [])
        self.values, self.locals, self.cells = {}, [], {}

    def leaf(self, name, value=1.0, kind="leaf", group="", shape="()", **more):
        needs = kind == "leaf"
        rows = [("shape", shape), ("value", f"{value:.4g}"), ("is_leaf", "True"), ("requires_grad", str(needs))]
        cell = Cell(name, kind, name=name, group=group, node="AccumulateGrad" if needs else "", rows=rows, line=f"demo.py:{len(self.cells) + 3}: {name} = torch.tensor({value}, requires_grad={needs})", **more)
        return self._add(cell, value)

    def op(self, key, op, inputs, value, locals_=(), name="", group="", kind="result", shape="()", formula="", cuts=None, **more):
        """`inputs` are keys; `locals_` for each the name of the input, the local derivative as a formula, and its number."""
        node = f"{op.capitalize()}Backward0" if kind == "result" else ""
        rows = [("shape", shape), ("value", f"{value:.4g}"), ("is_leaf", "False"), ("requires_grad", str(kind == "result"))]
        saved = [(f"_saved_{n}", f"{self.values[k]:.4g}, version 0") for k, (n, f, _) in zip(inputs, locals_) if f not in ("1", "-1")] if locals_ else []
        if node and op in ("sigmoid", "tanh"):
            saved = [("_saved_result", f"{value:.4g}, version 0")]
        cell = Cell(key, kind, name=name, group=group, op=op, node=node, rows=rows, saved=saved if node else [], formula=formula, line=f"demo.py:{len(self.cells) + 3}: {name or key} = …", forward=f"{op}({', '.join(f'{self.values[i]:.4g}' for i in inputs)}) = {value:.4g}", **more)
        self._add(cell, value)
        forward = []
        for slot, source in enumerate(inputs):
            n, f, d = locals_[slot] if locals_ else (("self", "other")[slot % 2], "", None)
            forward.append(len(self.picture.links))
            self.picture.links.append(Link(source, key, slot, n, f, "" if d is None else f"{d:.4g}", cut=(cuts or {}).get(slot, "")))
            self.locals.append(d)
        self.picture.steps.append(Step("forward", key, forward, cell.forward))
        return key

    def _add(self, cell, value):
        self.picture.cells.append(cell)
        self.values[cell.key], self.cells[cell.key] = value, cell
        return cell.key

    def backward(self):
        """Every gradient, from the last cell."""
        grads = {self.picture.cells[-1].key: 1.0}
        for cell in reversed(self.picture.cells):
            if cell.kind in ("constant", "ghost"):
                cell.gradient = Flow("none", "None")
                continue
            total = grads.get(cell.key)
            cell.gradient = flow(total)
            if cell.kind == "leaf":
                cell.rows.append(("grad", cell.gradient.text))
            came = [link.gradient.text for link in self.picture.links if link.source == cell.key and link.gradient.text]
            if len(came) > 1:
                cell.backward = [f"{' + '.join(came)} = {cell.gradient.text}"]
            done = []
            for n, link in enumerate(self.picture.links):
                if link.target != cell.key:
                    continue
                if link.cut or self.cells[link.source].kind == "constant" or total is None:
                    link.gradient = Flow("none", "None")
                    continue
                value = total * (1.0 if self.locals[n] is None else self.locals[n])
                link.gradient = flow(value)
                link.arithmetic = f"{cell.gradient.text} · {link.number} = {link.gradient.text}"
                grads[link.source] = grads.get(link.source, 0.0) + value
                done.append(n)
            self.picture.steps.append(Step("backward", cell.key, done, f"{cell.node}: {cell.gradient.text} comes in"))
        return self.picture


def neuron(backward=True):
    """y = w·x + b, through a sigmoid, compared with a target."""
    b = Builder("loss = (sigmoid(w·x + b) − t)²")
    w, x, c, t = 0.6, 1.5, -0.4, 1.0
    b.leaf("w", w), b.leaf("x", x, kind="constant"), b.leaf("b", c), b.leaf("t", t, kind="constant")
    b.op("p", "mul", ["w", "x"], w * x, [("self", "other", x), ("other", "self", w)], formula="result = self · other")
    b.op("y", "add", ["p", "b"], w * x + c, [("self", "1", 1.0), ("other", "1", 1.0)], name="y", formula="result = self + other")
    s = 1 / (1 + math.exp(-(w * x + c)))
    b.op("s", "sigmoid", ["y"], s, [("self", "result · (1 − result)", s * (1 - s))], name="s", formula="result = σ(self)")
    b.op("d", "sub", ["s", "t"], s - t, [("self", "1", 1.0), ("other", "-1", -1.0)], formula="result = self − other")
    b.op("loss", "pow", ["d"], (s - t) ** 2, [("self", "2 · self", 2 * (s - t))], name="loss", formula="result = self ** 2")
    return b.backward() if backward else b.picture


def square():
    """x·x: two links from one cell."""
    b = Builder("y = x·x")
    b.leaf("x", 3.0)
    b.op("y", "mul", ["x", "x"], 9.0, [("self", "other", 3.0), ("other", "self", 3.0)], name="y", formula="result = self · other")
    return b.backward()


def trouble():
    """A cut, a ghost, a zero and a value that is not finite."""
    b = Builder("what goes wrong: detach, a dead relu, log(0)")
    b.leaf("w", -1.0), b.leaf("v", 0.0)
    b.op("r", "relu", ["w"], 0.0, [("self", "self > 0", 0.0)], name="hidden", formula="result = max(self, 0)")
    b.op("l", "log", ["v"], -math.inf, [("self", "1 / self", math.inf)], formula="result = log(self)", alarm="The gradient of log at 0 is infinite: v is 0, and 1/0 is ∞.")
    b.op("sum", "add", ["r", "l"], -math.inf, [("self", "1", 1.0), ("other", "1", 1.0)], name="sum")
    b.picture.cells.append(Cell("old", "ghost", name="frozen", op="mul", rows=[("shape", "()"), ("value", "2")], line="demo.py:9: frozen = (w * 2).detach()"))
    b.cells["old"], b.values["old"] = b.picture.cells[-1], 2.0
    b.op("end", "mul", ["sum", "old"], -math.inf, [("self", "other", 2.0), ("other", "self", -math.inf)], name="end", cuts={1: "detach()"})
    return b.backward()


def mlp(layers=3, width=4, backward=True, prefix="model."):
    """Layers of linear and relu in groups "model.0", "model.1", …, and a loss."""
    b = Builder(f"an MLP of {layers} layers")
    b.leaf("x", 0.5, kind="constant", shape=f"(8, {width})")
    last = "x"
    for k in range(layers):
        g = f"{prefix}{k}"
        b.leaf(f"{g}.weight", 0.5, group=g, shape=f"({width}, {width})")
        b.leaf(f"{g}.bias", 0.1, group=g, shape=f"({width},)")
        b.op(f"{g}.t", "t", [f"{g}.weight"], 0.5, [("self", "grad.t()", 1.0)], group=g, shape=f"({width}, {width})")
        b.op(f"{g}.mm", "addmm", [f"{g}.bias", last, f"{g}.t"], 0.6, [("self", "1", 1.0), ("mat1", "mat2ᵀ", -0.5), ("mat2", "mat1ᵀ", 0.6)], group=g, shape=f"(8, {width})", formula="result = self + mat1 @ mat2")
        b.op(f"{g}.relu", "tanh", [f"{g}.mm"], 0.6, [("self", "1 − result²", 0.9)], group=g, shape=f"(8, {width})", name="h" + str(k))
        last = f"{g}.relu"
    b.op("loss", "mean", [last], 0.3, [("self", "1 / n", 1 / 8 / width)], name="loss")
    return b.backward() if backward else b.picture


def random_dag(count, seed=0, reach=6, groups=0, numbers=True):
    """A random graph of `count` cells: a fifth are leaves, each result has one to three inputs among the last `reach` cells (or leaves)."""
    r = random.Random(seed)
    cells, links, steps = [], [], []
    for i in range(count):
        group = f"net.{i * groups // count}.{r.choice(['attn', 'mlp'])}" if groups else ""
        leaf = i < 2 or r.random() < 0.2
        value = r.uniform(-2, 2)
        state = Flow("flows", f"{value:.3g}", r.uniform(-1, 1), 10 ** r.uniform(-4, 3)) if numbers else Flow()
        rows = [("shape", "(32, 64)"), ("value", f"mean {value:.3g}, std 1.02"), ("is_leaf", str(leaf)), ("requires_grad", "True")]
        op = r.choice(["mul", "add", "addmm", "relu", "layer_norm", "softmax"])
        node = "AccumulateGrad" if leaf else op.capitalize() + "Backward0"
        cells.append(Cell(f"c{i}", "leaf" if leaf else "result", f"p{i}" if leaf else "", group, "" if leaf else op, node, rows, [("_saved_self", "(32, 64), version 0")], "result = self · other" if not leaf else "", f"train.py:{i}: h = self.layer(h)", "", [], state))
        if leaf:
            continue
        mine = []
        for slot in range(r.randint(1, 3)):
            source = r.randrange(max(0, i - reach), i)
            mine.append(len(links))
            links.append(Link(f"c{source}", f"c{i}", slot, ("self", "other", "bias")[slot], "other", f"{value:.3g}", Flow("flows", f"{value:.3g}", r.uniform(-1, 1), 10 ** r.uniform(-4, 3)) if numbers else Flow(), "a · b = c"))
        steps.append(Step("forward", f"c{i}", mine, f"{op} of the last ones"))
    if numbers:
        steps += [Step("backward", s.cell, s.links, f"back through {s.cell}") for s in reversed(steps)]
    return Picture(f"a random graph of {count}", cells, links, steps)


def network(count=3000):
    """A deep residual network of about `count` cells, in blocks of nested groups with parameters, as a transformer has them."""
    cells, links, steps, r = [], [], [], random.Random(1)
    last = None

    def cell(kind, group, op="", name="", inputs=()):
        key = f"c{len(cells)}"
        state = Flow("flows", f"norm {10 ** r.uniform(-3, 0):.3g}", r.uniform(-1, 1), 10 ** r.uniform(-5, 2))
        rows = [("shape", "(8, 128, 64)"), ("value", "mean 0.01, std 1.02"), ("is_leaf", str(kind == "leaf")), ("requires_grad", "True")]
        node = "AccumulateGrad" if kind == "leaf" else op.capitalize() + "Backward0"
        cells.append(Cell(key, kind, name, group, op, node, rows, [("_saved_self", "(8, 128, 64), version 0")], "result = self @ mat2", f"model.py:{len(cells)}: x = self.{op}(x)", "", [], state))
        mine = []
        for slot, source in enumerate(inputs):
            mine.append(len(links))
            links.append(Link(source, key, slot, ("self", "mat2", "bias")[slot], "mat2ᵀ", "(64, 64)", Flow("flows", "norm 0.1", r.uniform(-1, 1), 10 ** r.uniform(-5, 2)), "grad @ mat2ᵀ"))
        if inputs:
            steps.append(Step("forward", key, mine, f"{op} forward"))
        return key

    last = cell("constant", "", name="tokens")
    block = 0
    while len(cells) < count:
        base = f"model.layers.{block}"
        start = last
        for part, many in (("attn", 4), ("mlp", 3)):
            h = last
            for k in range(many):
                g = f"{base}.{part}.linear{k}"
                w, bias = cell("leaf", g, name=f"{g}.weight"), cell("leaf", g, name=f"{g}.bias")
                wt = cell("result", g, "t", inputs=(w,))
                h = cell("result", g, "addmm", inputs=(h, wt, bias))
            h = cell("result", f"{base}.{part}", "gelu", inputs=(h,))
            last = cell("result", base, "add", inputs=(h, start if part == "attn" else last))
        block += 1
    cell("result", "", "mean", name="loss", inputs=(last,))
    steps += [Step("backward", s.cell, s.links, f"back through {s.cell}") for s in reversed(steps)]
    return Picture(f"a residual network of {len(cells)} operations", cells, links, steps)
