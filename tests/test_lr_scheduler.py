"""Schedulers: the rates of each step, states, chains, messages and warnings, as PyTorch's."""

import warnings

import pytest

from oracle import agree
from said import Said, programs


def optimizer(T, groups=1, kind="SGD"):
    params = [{"params": [T.nn.Parameter(T.ones(1))], "lr": 0.1 * (i + 1)} for i in range(groups)]
    return T.optim.SGD(params, lr=0.1, momentum=0.9) if kind == "SGD" else T.optim.Adam(params, lr=0.1)


MAKE = {
    "step": lambda S, o: S.StepLR(o, 3, 0.5), "multistep": lambda S, o: S.MultiStepLR(o, [2, 5, 5], 0.1), "constant": lambda S, o: S.ConstantLR(o, 0.5, 4),
    "exponential": lambda S, o: S.ExponentialLR(o, 0.9), "cosine": lambda S, o: S.CosineAnnealingLR(o, 5, 0.01),
    "restarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 3, 2, 0.01), "linear": lambda S, o: S.LinearLR(o, 0.2, 1.0, 4),
    "polynomial": lambda S, o: S.PolynomialLR(o, 5, 2.0), "lambda": lambda S, o: S.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (e + 1)]),
    "multiplicative": lambda S, o: S.MultiplicativeLR(o, lambda e: 0.8), "one cycle": lambda S, o: S.OneCycleLR(o, max_lr=0.5, total_steps=13),
    "three phases": lambda S, o: S.OneCycleLR(o, max_lr=[0.5, 0.2], epochs=2, steps_per_epoch=7, three_phase=True, anneal_strategy="linear"),
    "cyclic": lambda S, o: S.CyclicLR(o, 0.01, 0.1, 3), "triangular2": lambda S, o: S.CyclicLR(o, 0.01, 0.1, 2, 3, mode="triangular2"),
    "exp_range": lambda S, o: S.CyclicLR(o, 0.01, 0.1, 2, mode="exp_range", gamma=0.9, cycle_momentum=False),
    "own scale": lambda S, o: S.CyclicLR(o, 0.01, 0.1, 2, scale_fn=lambda x: 0.5**x, scale_mode="iterations"),
    "sequential": lambda S, o: S.SequentialLR(o, [S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)], [3]),
    "chained": lambda S, o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", MAKE)
def test_rates(name, kind):
    def program(T):
        o = optimizer(T, 2, kind)
        s = MAKE[name](T.optim.lr_scheduler, o)
        seen = []
        for _ in range(12):
            o.step()
            seen.append([(g["lr"], g.get("momentum", 0.0), g.get("betas", (0.0,))[0]) for g in o.param_groups])
            s.step()
        return seen, s.get_last_lr(), sorted(s.state_dict())

    agree(program, rtol=1e-12)


@pytest.mark.parametrize("name", MAKE)
def test_a_state_goes_on(name):
    def program(T):
        S = T.optim.lr_scheduler
        first, second = optimizer(T, 2), optimizer(T, 2)
        s = MAKE[name](S, first)
        for _ in range(4):
            first.step()
            s.step()
        again = MAKE[name](S, second)
        second.load_state_dict(first.state_dict())
        again.load_state_dict(s.state_dict())
        seen = []
        for _ in range(4):
            second.step()
            again.step()
            seen.append([g["lr"] for g in second.param_groups])
        return seen

    agree(program, rtol=1e-12)


@pytest.mark.parametrize("name", ["step", "multistep", "constant", "exponential", "cosine", "linear", "polynomial"])
def test_closed_forms(name):
    def program(T):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            o = optimizer(T, 2)
            s = MAKE[name](T.optim.lr_scheduler, o)
            seen = []
            for epoch in (3, 1, 7):
                o.step()
                s.step(epoch)
                seen.append(s.get_last_lr())
        return seen

    agree(program, rtol=1e-12)


PLATEAU = {
    "falls": {"patience": 1, "factor": 0.5}, "rises": {"mode": "max", "patience": 0, "cooldown": 2, "min_lr": [0.01, 0.02]},
    "absolute": {"threshold_mode": "abs", "threshold": 0.2, "patience": 2},
}  # fmt: skip


@pytest.mark.parametrize("name", PLATEAU)
def test_plateau(name):
    def program(T):
        o = optimizer(T, 2)
        s = T.optim.lr_scheduler.ReduceLROnPlateau(o, **PLATEAU[name])
        seen = []
        for value in (1.0, 0.9, 0.9, 0.9, 0.95, 0.9, 0.91, 0.92, 0.5, 0.6, 0.6, 0.6, 0.6):
            s.step(value)
            seen.append(([g["lr"] for g in o.param_groups], s.num_bad_epochs, s.cooldown_counter))
        return seen, s.get_last_lr(), sorted(s.state_dict())

    agree(program, rtol=1e-12)


def t_what_is_refused(T):
    S, o, said = T.optim.lr_scheduler, optimizer(T), Said()
    said.each(
        factor=lambda: S.ReduceLROnPlateau(o, factor=1.5), mode=lambda: S.ReduceLROnPlateau(o, mode="x"), threshold=lambda: S.ReduceLROnPlateau(o, threshold_mode="x"),
        lowest=lambda: S.ReduceLROnPlateau(o, min_lr=[1, 2]), functions=lambda: S.LambdaLR(o, [lambda e: 1, lambda e: 1]), steps=lambda: S.OneCycleLR(o, 0.1),
        anneal=lambda: S.OneCycleLR(o, 0.1, 10, anneal_strategy="x"), total=lambda: S.OneCycleLR(o, 0.1, total_steps=-1), part=lambda: S.OneCycleLR(o, 0.1, 10, pct_start=2),
        restart=lambda: S.CosineAnnealingWarmRestarts(o, 0), times=lambda: S.CosineAnnealingWarmRestarts(o, 1, 0.5), constant=lambda: S.ConstantLR(o, 2.0),
        start=lambda: S.LinearLR(o, 0.0), end=lambda: S.LinearLR(o, 0.5, 2.0), optimizer=lambda: S.StepLR(3, 1), resumed=lambda: S.StepLR(optimizer(T), 1, last_epoch=3),
        cycle=lambda: S.CyclicLR(o, 0.1, 0.2, mode="x"), none=lambda: S.SequentialLR(o, [], []), milestones=lambda: S.SequentialLR(o, [S.StepLR(o, 1)], [1]),
        other=lambda: S.SequentialLR(o, [S.StepLR(o, 1), S.StepLR(optimizer(T), 1)], [1]), chain=lambda: S.ChainedScheduler([]),
    )  # fmt: skip
    s = S.OneCycleLR(o, 0.1, total_steps=2)
    o.step()
    s.step()
    said.attempt("beyond", lambda: (s.step(), s.step()))
    return said


def t_warnings(T):
    S, said = T.optim.lr_scheduler, Said()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        S.StepLR(optimizer(T), 1).step()
        o = optimizer(T)
        s = S.StepLR(o, 1)
        o.step()
        s.step(3)
        said.add(s.get_last_lr(), s.last_epoch)
        said.add(S.StepLR(optimizer(T), 1).get_lr())
    said.add([str(w.message) for w in seen])
    return said


PROGRAMS = programs(globals())


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name])
