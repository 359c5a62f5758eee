"""Making tensors, reading them, printing them, NumPy's protocols: as PyTorch does, or better where PyTorch refuses."""

import numpy as np
import pytest

import glassgrad as gg
from oracle import agree


def creation(T):
    return [
        T.tensor([[1, 2], [3, 4]]), T.tensor(3.5), T.tensor([1, 2.5]), T.tensor([True, False]), T.tensor(1 + 2j), T.tensor([]), T.tensor([[], []]),
        T.tensor([1, 2], dtype=T.float64), T.tensor((1.0, 2.0)), T.tensor(range(3)), T.tensor(np.arange(3)), T.tensor(np.float32(2)),
        T.tensor([T.tensor(1.0), T.tensor(2.0)]), T.tensor([np.float64(1.5)]), T.zeros(2, 3), T.zeros((2,)), T.ones(2, dtype=T.int64), T.full((2, 2), 7),
        T.full((2,), 1.5), T.full((), True), T.eye(3), T.eye(2, 3), T.arange(5), T.arange(1, 2, 0.25), T.arange(5, 0, -2), T.arange(3.0), T.linspace(0, 1, 7),
        T.linspace(-3, 3, 10, dtype=T.float64), T.linspace(2, 3, 1), T.logspace(0, 2, 3), T.zeros_like(T.ones(2, dtype=T.int32)), T.ones_like(T.zeros(2, 2)),
        T.full_like(T.zeros(2), 3), T.as_tensor([1, 2]), T.from_numpy(np.ones((2, 2))), T.zeros(0, 3), T.empty(0), T.zeros(()), T.zeros(3).new_ones(2),
        T.ones(2, dtype=T.float64).new_tensor([1, 2]), T.ones(2).new_full((2,), 4.0), T.scalar_tensor(2.0) if hasattr(gg, "scalar_tensor") else T.tensor(2.0),
        T.complex(T.ones(2), T.zeros(2)), T.tensor(True), T.tensor(2**40), T.tensor([1.0, 2.0], dtype=T.float16), T.Tensor([1, 2]), T.Tensor(2, 3).shape,
    ]  # fmt: skip


def random_numbers(T):
    T.manual_seed(0)
    out = [T.rand(5), T.randn(5), T.randn(20), T.randn(37), T.randint(0, 10, (6,)), T.randint(5, (3,)), T.rand(2, 3, dtype=T.float64), T.randn(3, dtype=T.float64),
           T.randperm(10), T.randn(4, 5), T.rand(()), T.randn(()), T.rand_like(T.ones(3)), T.randn_like(T.ones(2, 2))]  # fmt: skip
    g = T.Generator().manual_seed(42)
    out += [T.rand(3, generator=g), T.randn(18, generator=g, dtype=T.float64), T.randint(2, 8, (4,), generator=g), g.initial_seed()]
    T.manual_seed(7)
    out += [T.empty(5).uniform_(-1, 1), T.empty(5).normal_(2, 3), T.zeros(20).normal_()]
    return out


def reading(T):
    x = T.arange(6.0).reshape(2, 3)
    return [x.shape, x.size(), x.size(1), x.size(-1), x.dim(), x.ndim, x.numel(), x.nelement(), str(x.dtype), str(x.device), len(x), x.tolist(), x[0, 1].item(),
            x.stride(), x.T.stride(), x.is_contiguous(), x.T.is_contiguous(), x[1].storage_offset(), x.element_size(), x.nbytes, x.itemsize, x.is_leaf, x.requires_grad,
            float(x[1, 2]), int(x[1, 2]), bool(x[0, 1]), [v.item() for v in x[0]], repr(x.shape), x.shape.numel(), x.shape[1:], f"{x[0, 1]:.3f}", f"{T.tensor(3)}",
            f"{x[0]}", x.type(), x.is_floating_point(), x.is_complex(), T.is_tensor(x), T.numel(x), 1.0 in x, 9 in x, [1, 2, 3][T.tensor(1)], x.mT.shape,
            str(T.float32), repr(T.device("cpu")), T.get_default_dtype() == T.float32, T.finfo(T.float32).eps, T.iinfo(T.int8).max, x.data.requires_grad,
            T.float32.is_floating_point, T.int64.itemsize, T.complex64.is_complex, x.layout, str(x.long().dtype), x.int()[0].tolist(), x.bool()[0].tolist(), x.double().dtype == T.float64,
            x.to("cpu") is x, x.to(T.float32) is x, x.cpu() is x, x.to(x.double()).dtype == T.float64, list(T.broadcast_tensors(T.ones(2, 1), T.ones(3)))]  # fmt: skip


def indexing(T):
    x = T.arange(24).reshape(2, 3, 4)
    i = T.tensor([0, 1])
    return [x[1], x[-1, 0], x[0, :, 1], x[..., 0], x[:, None, 0], x[:, 1:3, ::2], x[i], x[:, i], x[i, i], x[i, :, i], x[0, :, i], x[:, [0, 2]], x[x > 10], x[:, T.tensor([True, False, True])],
            x[T.tensor(1)], x[None], x[[[0, 1], [1, 0]]], x[np.int64(1)], x[1, 2, 3], x[True], x[False], x[:0], x[5:], x[-2:], x[T.tensor([], dtype=T.int64)], x[np.array([0, 1])], x[(0, 1)],
            x[..., T.tensor([0, 3])], x[T.tensor([[0], [1]]), T.tensor([0, 2])], x.select(1, 0), x.narrow(2, 1, 2), x[slice(None), 0], x[T.ones(2, 3, dtype=T.bool)]]  # fmt: skip


def assignment(T):
    out = []
    for index, value in ((0, 5), ((..., 1), 7), ((slice(None), 0), T.tensor([1.0, 2.0])), (T.tensor([0, 1]), -1), (([0, 1], [1, 0]), T.tensor([8.0, 9.0])), (slice(1, None), T.zeros(1, 3))):
        x = T.zeros(2, 3)
        x[index] = value
        out.append(x)
    x = T.arange(6).reshape(2, 3)
    x[x > 2] = 0
    x[0, 0] = True
    x[1] = T.tensor([1.9, 2.9, 3.9])
    out.append(x)
    return out


ERRORS = {
    "index too large": lambda T: T.ones(2)[5],
    "too many indices": lambda T: T.ones(2)[0, 0],
    "negative step": lambda T: T.ones(3)[::-1],
    "float index": lambda T: T.ones(3)[T.tensor([0.5])],
    "mask shape": lambda T: T.ones(3)[T.tensor([True, False])],
    "index tensor too large": lambda T: T.ones(3)[T.tensor([0, 7])],
    "broadcast": lambda T: T.ones(2) + T.ones(3),
    "broadcast 2d": lambda T: T.ones(2, 3) * T.ones(2, 4),
    "in-place broadcast": lambda T: T.ones(2).add_(T.ones(3, 2)),
    "in-place type": lambda T: T.ones(2, dtype=T.int64).add_(0.5),
    "mm shapes": lambda T: T.ones(3, 5) @ T.ones(4, 2),
    "mm dtypes": lambda T: T.ones(3, 5) @ T.ones(5, 2, dtype=T.float64),
    "mv shapes": lambda T: T.ones(2, 3) @ T.ones(4),
    "dot shapes": lambda T: T.dot(T.ones(2), T.ones(3)),
    "dot dims": lambda T: T.dot(T.ones(2, 2), T.ones(2)),
    "dot dtypes": lambda T: T.dot(T.ones(2), T.ones(2, dtype=T.float64)),
    "matmul scalars": lambda T: T.tensor(1.0) @ T.ones(2),
    "view": lambda T: T.ones(2, 3).view(4),
    "view of transposed": lambda T: T.ones(2, 3).T.view(6),
    "reshape two holes": lambda T: T.ones(2, 3).reshape(-1, -1),
    "dim range": lambda T: T.ones(2).sum(3),
    "dim range squeeze": lambda T: T.ones(2).unsqueeze(5),
    "repeated dim": lambda T: T.ones(2, 2).sum((0, 0)),
    "cat sizes": lambda T: T.cat([T.ones(2, 2), T.ones(3, 3)]),
    "cat empty": lambda T: T.cat([]),
    "stack sizes": lambda T: T.stack([T.ones(2), T.ones(3)]),
    "expand": lambda T: T.ones(2, 3).expand(2, 4),
    "mean of integers": lambda T: T.tensor([1, 2]).mean(),
    "bool of many": lambda T: bool(T.ones(2)),
    "item of many": lambda T: T.ones(2).item(),
    "len of scalar": lambda T: len(T.tensor(1.0)),
    "iterate scalar": lambda T: list(T.tensor(1.0)),
    "ragged": lambda T: T.tensor([[1, 2], [3]]),
    "string": lambda T: T.tensor("abc"),
    "negative size": lambda T: T.zeros(-1),
    "split sizes": lambda T: T.ones(3).split([1, 1]),
    "chunk": lambda T: T.ones(3).chunk(0),
    "clamp nothing": lambda T: T.ones(2).clamp(),
    "arange sign": lambda T: T.arange(3, 0),
    "randint order": lambda T: T.randint(5, 5, (2,)),
    "max of empty": lambda T: T.zeros(0).max(),
    "bitwise of floats": lambda T: T.ones(2).t().permute(0, 1),
    "transpose": lambda T: T.ones(2, 2, 2).t(),
    "from_numpy type": lambda T: T.from_numpy([1]),
    "integer power": lambda T: T.tensor([2]) ** -1,
    "bmm": lambda T: T.bmm(T.ones(2, 3, 4), T.ones(2, 3, 4)),
    "outer": lambda T: T.outer(T.ones(2, 2), T.ones(2)),
    "deepcopy": lambda T: __import__("copy").deepcopy(T.ones(1, requires_grad=True) * 2),
    "einsum count": lambda T: T.einsum("ij,jk", T.ones(2, 2)),
    "unknown rounding": lambda T: T.div(T.ones(1), 2, rounding_mode="up"),
    "isclose types": lambda T: T.isclose(T.ones(1), T.ones(1, dtype=T.float64)),
    "index of floats": lambda T: [1, 2][T.tensor(1.0)],
}


@pytest.mark.parametrize("program", [creation, random_numbers, reading, indexing, assignment], ids=lambda p: p.__name__)
def test_as_pytorch(program):
    agree(program, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_as_pytorch(name):
    agree(ERRORS[name])


def test_shapes_and_einsum_forms():
    def program(T):
        x, y = T.arange(24.0).reshape(2, 3, 4), T.arange(12.0).reshape(4, 3)
        return [x.flatten(1), x.unflatten(2, (2, 2)), x.movedim(0, -1), x.squeeze(), x[None].squeeze(0), x.swapaxes(0, 1), x.ravel(), x.view_as(x), x.reshape_as(x.view(6, 4)),
                T.einsum("bij,jk->bik", x, y), T.einsum("ij->ji", y), T.einsum("bij->b", x), T.einsum("i,j,k->ijk", y[0], y[1], y[2]), T.einsum("ij,ij->", y, y), T.einsum("...ij->...", x),
                T.meshgrid(T.arange(2), T.arange(3), indexing="xy"), T.div(T.tensor([7.0, -7.0]), 2, rounding_mode="trunc"), T.div(T.tensor([7.0, -7.0]), 2, rounding_mode="floor"),
                x.var(unbiased=False), x.std((0, 2)), T.var_mean(x, 1), x.max(1), T.max(y, y.flip(0)), x.argmax(2), x.cumsum(1), x.sum((0, 1), keepdim=True), x.prod(2), x.all(), x.any(1),
                x.mean((0, 2)), x.amax((1, 2)), T.logsumexp(x, (0, 1)), x.norm(dim=(0, 1)), T.count_nonzero(x), x.type_as(y.double()), x.contiguous() is x]  # fmt: skip

    agree(program, rtol=1e-5)


def test_numpy_functions_differentiate():
    x = gg.tensor([0.5, 1.0, 2.0], dtype=gg.float64, requires_grad=True)
    a = np.array([1.0, 2.0, 3.0])
    total = np.sum(np.sin(x) * a) + np.dot(a, x) + (np.linspace(0, 1, 3) * x).sum() + np.mean(np.exp(x), axis=0) + np.add.reduce(a - x) + np.sqrt(np.square(x)).sum()
    total = total + np.where(x > 0.7, x, 0.0).sum() + np.concatenate([x, a]).sum() + (a @ x) + np.maximum(x, 1.0).sum() + 2.0 / np.float64(4) * x.sum()
    total.backward()
    v = x.detach().numpy()
    hand = np.cos(v) * a + a + np.linspace(0, 1, 3) + np.exp(v) / 3 - 1 + 1 + (v > 0.7) + 1 + a + (v > 1) + 0.5 * (v == 1) + 0.5
    np.testing.assert_allclose(x.grad.numpy(), hand)


def test_numpy_functions_without_a_derivative_say_so():
    assert np.median(gg.tensor([1.0, 5.0, 2.0])).item() == 2
    with pytest.raises(TypeError, match="np.median has no derivative here"):
        np.median(gg.ones(3, requires_grad=True))


def test_dlpack_both_ways():
    x = gg.arange(4.0)
    a = np.from_dlpack(x)
    a[0] = 9
    assert x[0].item() == 9
    b = gg.from_dlpack(np.arange(3.0))
    assert b.tolist() == [0, 1, 2] and b.dtype == gg.float64
    with pytest.raises(BufferError):
        np.from_dlpack(gg.ones(2, requires_grad=True))


def test_from_numpy_shares_and_tensor_copies():
    a = np.zeros(2)
    shared, copied = gg.from_numpy(a), gg.tensor(a)
    a[0] = 1
    shared += 1
    assert shared.tolist() == [2, 1] == a.tolist() and copied.tolist() == [0, 0]


def test_missing_names_say_so_and_name_the_nearest():
    with pytest.raises(AttributeError, match="glassgrad has no 'sigmoidd'.*sigmoid"):
        gg.sigmoidd  # noqa: B018


def test_generated_code_can_be_read():
    import inspect

    gg.tanh(gg.ones(1))  # the code is written when it is first needed
    assert "rule_self" in inspect.getsource(gg.tanh.op.node.backward)


def test_devices():
    assert gg.ones(1).to("cpu").device == gg.device("cpu") and not gg.cuda.is_available()
    agree(lambda T: T.ones(1).to("cuda"))
