"""Modules: attributes, names, state, containers; each program run on both engines, and what it says compared."""

import copy
import pickle
from collections import OrderedDict

import pytest

import glassgrad as gg
from oracle import agree
from said import Said, programs


def net(T):
    nn = T.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 3)
            self.b = nn.Sequential(nn.Linear(3, 2), nn.Identity())
            self.w = nn.Parameter(T.ones(1))
            self.register_buffer("buf", T.zeros(2))
            self.register_buffer("passing", T.zeros(1), persistent=False)
            self.l = nn.ModuleList([nn.Identity(), nn.Identity(), nn.Linear(1, 1)])

        def forward(self, x, k=1):
            return self.b(self.a(x)) * self.w * k + self.buf

    T.manual_seed(0)
    return Net()


def t_what_is_in_it(T):
    m, said = net(T), Said()
    said.add(m)
    said.add(m(T.ones(1, 2)))
    said.add(list(m.state_dict().items())[:2], dict(m.state_dict()._metadata))
    for members in (m.named_parameters(), m.named_buffers(), m.named_modules(), m.named_children(), m.named_parameters("p", recurse=False)):
        said.add([name for name, _ in members])
    said.add([n for n in dir(m) if n in ("a", "b", "w", "buf", "l", "zero_grad")])
    return said


def t_what_cannot_be_set(T):
    m, nn, said = net(T), T.nn, Said()
    said.each(
        tensor_as_parameter=lambda: setattr(m, "w", T.ones(1)), number_as_module=lambda: setattr(m, "a", 3), number_as_buffer=lambda: setattr(m, "buf", 3),
        unknown=lambda: m.unknown, dot=lambda: m.register_parameter("x.y", None), empty=lambda: m.register_parameter("", None),
        taken=lambda: m.register_parameter("a", None), plain=lambda: m.register_parameter("q", T.ones(1)), number=lambda: m.register_parameter(3, None),
        computed=lambda: m.register_parameter("q", nn.Parameter(T.ones(1)) * 2), buffer_taken=lambda: m.register_buffer("a", T.ones(1)),
        buffer_dot=lambda: m.register_buffer("x.y", T.ones(1)), buffer_number=lambda: m.register_buffer("z", 3), buffer_empty=lambda: m.register_buffer("", T.ones(1)),
        module_dot=lambda: m.add_module("a.b", nn.Identity()), module_number=lambda: m.add_module("z", 3), module_empty=lambda: m.add_module("", nn.Identity()),
        module_taken=lambda: m.add_module("w", nn.Identity()), module_named=lambda: m.add_module(3, nn.Identity()),
        no_forward=lambda: nn.Module()(1), keyword=lambda: nn.Module(a=1), argument=lambda: nn.Module(1), mode=lambda: m.train(1),
    )  # fmt: skip
    return said


def t_set_too_early(T):
    said = Said()
    for name, value in (("module", T.nn.Linear(1, 1)), ("parameter", T.nn.Parameter(T.ones(1))), ("buffer", None)):

        class Early(T.nn.Module):
            def __init__(self, value=value):
                if value is None:
                    self.register_buffer("x", T.ones(1))
                self.x = value

        said.attempt(name, Early)
    return said


def t_found_by_name(T):
    m, said = net(T), Said()
    said.each(
        module=lambda: m.get_submodule("b.0"), missing=lambda: m.get_submodule("b.7"), no_module=lambda: m.get_submodule("w"), itself=lambda: m.get_submodule("") is m,
        parameter=lambda: m.get_parameter("b.0.bias").shape, no_parameter=lambda: m.get_parameter("buf"), buffer=lambda: m.get_buffer("buf"),
        no_buffer=lambda: m.get_buffer("w"), put=lambda: m.set_submodule("b.0", T.nn.Identity()), then=lambda: m.b,
    )  # fmt: skip
    return said


def t_attributes_change_kind(T):
    m, nn, said = net(T), T.nn, Said()
    m.extra = nn.Buffer(T.ones(2))
    said.add(list(m.state_dict()))
    m.extra = T.zeros(2)
    said.add(m.extra, list(m._buffers))
    m.w = None
    said.add(list(m._parameters))
    del m.w
    said.attempt("deleted", lambda: m.w)
    m.w = nn.Parameter(T.ones(1))
    m.q = 3
    m.q = nn.Parameter(T.ones(1))
    said.add("q" in m.__dict__, list(m._parameters))
    m.a = nn.Identity()
    said.add(m, isinstance(m.w, nn.Parameter), isinstance(m.w, T.Tensor), isinstance(T.ones(1), nn.Parameter))
    return said


def t_loading(T):
    m, said = net(T), Said()
    state = m.state_dict()
    said.each(
        nothing=lambda: m.load_state_dict({}), more=lambda: m.load_state_dict({**state, "z": T.ones(1), "a.q": T.ones(1)}),
        wrong=lambda: m.load_state_dict({**state, "w": T.ones(3), "a.bias": 3}), lenient=lambda: m.load_state_dict({"z": 1}, strict=False),
        right=lambda: m.load_state_dict(state), number=lambda: m.load_state_dict(3), copied=lambda: m.load_state_dict({**state, "w": T.tensor([7.0])}), then=lambda: m.w,
    )  # fmt: skip
    state["a.bias"].zero_()
    said.add(m.a.bias, m.state_dict(keep_vars=True)["a.bias"].requires_grad)
    m.load_state_dict({k: T.ones_like(v) for k, v in state.items()}, assign=True)
    said.add(m.a.bias, m.a.bias.requires_grad)
    return said


def t_converted(T):
    m, said = net(T), Said()
    m(T.ones(1, 2)).sum().backward()
    said.each(
        integers=lambda: m.to(T.int64), gpu=lambda: m.to("cuda"), dtype=lambda: m.to(T.float64).w.dtype, float=lambda: m.float().w.dtype,
        both=lambda: m.to("cpu", T.float64).buf.dtype, grad=lambda: m.a.weight.grad.dtype, like=lambda: m.to(T.ones(1)).w.dtype, half=lambda: m.half().w.dtype,
        type=lambda: m.type(T.float32).buf.dtype,
    )  # fmt: skip
    return said


def t_done_to_all(T):
    m, said = net(T), Said()
    m.apply(lambda x: said.add(type(x).__name__))
    said.add(m.eval().training, m.b[0].training, m.train().training)
    said.add([p.requires_grad for p in m.requires_grad_(False).parameters()])
    m.requires_grad_()
    m(T.ones(1, 2)).sum().backward()
    said.add(m.a.bias.grad)
    m.zero_grad()
    said.add(m.a.bias.grad)
    m(T.ones(1, 2)).sum().backward()
    m.zero_grad(False)
    said.add(m.a.bias.grad)
    return said


def t_extra_state(T):
    class Counted(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 3

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    m, other, said = Counted(), Counted(), Said()
    m.count = 7
    said.add(dict(m.state_dict()))
    other.load_state_dict(m.state_dict())
    said.add(other.count)
    said.attempt("without", lambda: other.load_state_dict({}))
    return said


def t_sequential(T):
    nn, said = T.nn, Said()
    s = nn.Sequential(OrderedDict([("x", nn.Linear(1, 1)), ("y", nn.Identity())]))
    said.add(s, s[0], s[-1], s[:1], len(s))
    said.add(s.append(nn.Identity()))
    del s[0]
    said.add(s)
    s.insert(1, nn.Linear(2, 2))
    said.add(s, s + nn.Sequential(nn.Identity()), list(s)[0])
    said.each(index=lambda: s[9], times=lambda: s * 2, less=lambda: s * 0, pop=lambda: s.pop(0), wrong=lambda: s.insert(0, 3), far=lambda: s.insert(9, nn.Identity()))
    said.add(s.extend([nn.Identity()]))
    return said


def t_module_list(T):
    nn, said = T.nn, Said()
    items = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.Identity()])
    said.add(items, items[1:], items[-1], nn.ModuleList())
    items += [nn.Identity()]
    items.insert(0, nn.Identity())
    items[0] = nn.Linear(9, 9)
    said.add(items)
    said.each(index=lambda: items[9], number=lambda: items.extend(3), call=lambda: items(1))
    del items[0]
    said.add(len(items), [n for n, _ in items.named_children()])
    return said


def t_module_dict(T):
    nn, said = T.nn, Said()
    d = nn.ModuleDict({"b": nn.Identity(), "a": nn.Linear(1, 2)})
    said.add(d, list(d), "a" in d, d["a"])
    d.update([("c", nn.Identity())])
    d.pop("b")
    said.add(d, len(d))
    said.each(number=lambda: d.update(3), numbers=lambda: d.update([3]), triple=lambda: d.update([(1, 2, 3)]), call=lambda: d(1), key=lambda: d["z"])
    return said


def t_parameter_list(T):
    nn, said = T.nn, Said()
    items = nn.ParameterList([T.ones(2), nn.Parameter(T.zeros(1)), "x"])
    said.add(items, len(items), list(items.parameters()), items[0], items[1:])
    items.append(T.ones(1))
    items[0] = T.zeros(2, 2)
    said.add(items)
    said.each(call=lambda: items(1), index=lambda: items[9])
    return said


def t_parameter_dict(T):
    nn, said = T.nn, Said()
    d = nn.ParameterDict({"b": T.ones(2), "a": nn.Parameter(T.zeros(1)), "z": 3})
    said.add(d, list(d), d["a"], list(d.keys()), list(d.items())[:1], list(d.state_dict()))
    said.attempt("a method's name", lambda: d.__setitem__("keys", T.ones(1)))
    d = nn.ParameterDict({"b": T.ones(2), "a": nn.Parameter(T.zeros(1))})
    said.add(d.pop("a"), len(d), d | {"new": T.ones(1)}, d.get("no", 4))
    said.each(number=lambda: d.update(3), key=lambda: d.__setitem__(3, T.ones(1)))
    return said


def t_shared_weights(T):
    m = T.nn.Sequential(T.nn.Linear(2, 2), T.nn.Linear(2, 2))
    m[1].weight = m[0].weight
    return [n for n, _ in m.named_parameters()], [n for n, _ in m.named_parameters(remove_duplicate=False)], list(m.state_dict())


PROGRAMS = programs(globals())


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name])


def test_copies_share_nothing():
    m = net(gg)
    for other in (copy.deepcopy(m), pickle.loads(pickle.dumps(gg.nn.Sequential(m.a)))[0:1]):
        first = next(other.parameters())
        assert isinstance(first, gg.nn.Parameter) and first.requires_grad
        first.data.zero_()
    assert m.a.weight.abs().sum() > 0
