"""Inference mode, grad mode in threads, anomaly detection."""

import pytest

import glassgrad as gg
from oracle import agree


def test_inference_tensors_stay_out_of_graphs():
    def program(T):
        x = T.ones(2, requires_grad=True)
        with T.inference_mode():
            a = T.ones(2)
            b = a * 2
            view, inside = x.view(2, 1), x * 2
            b.add_(1)
        told = [t.is_inference() for t in (a, b, view, inside, a.view(2, 1), a.clone(), a + 1, a.detach(), b[0])]
        return told, x + b, view * x, a.clone().requires_grad_() * 3

    def refused(what):
        def program(T):
            x = T.ones(2, requires_grad=True)
            with T.inference_mode():
                a = T.ones(2) * 2
            return what(a, x)

        return program

    agree(program, raises=False)
    for name, what in (
        ("saved", lambda a, x: x * a), ("written", lambda a, x: a.add_(1)), ("assigned", lambda a, x: a.__setitem__(0, 3.0)), ("zeroed", lambda a, x: a.zero_()),
        ("version", lambda a, x: a._version), ("flag", lambda a, x: a.requires_grad_()), ("view written", lambda a, x: a.view(2, 1).mul_(2)),
    ):  # fmt: skip
        agree(refused(what), name, raises=True)


def test_grad_mode_is_a_threads_own():
    import threading

    seen = []
    with gg.no_grad():
        t = threading.Thread(target=lambda: seen.append(gg.is_grad_enabled()))
        t.start()
        t.join()
    assert seen == [True]


def test_anomaly_detection_names_the_forward_line_and_leaves_nothing_behind():
    x = gg.tensor([0.0], requires_grad=True)
    with pytest.warns(UserWarning, match="debugging"):
        detection = gg.autograd.detect_anomaly()
    with detection:
        y = x.sqrt()  # the line to be named
        with pytest.warns(UserWarning, match=r"Error detected in SqrtBackward0[\s\S]*the line to be named"), pytest.raises(RuntimeError, match="nan values"):
            (y * 0).sum().backward()
        assert "the line to be named" in "".join(y.grad_fn.metadata["traceback_"])
    assert not gg.is_anomaly_enabled()
    assert "traceback_" not in x.sqrt().grad_fn.metadata
