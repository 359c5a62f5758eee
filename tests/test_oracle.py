"""The harness that compares with PyTorch: that it sees differences, keeps bits, and says what it did."""

import json
import types

import numpy as np
import pytest

import glassgrad as gg
from oracle import FOLDER, Oracle, Tolerance, agree, array_of, differences, neutral, outcome


def stored(value):
    return json.loads(json.dumps(neutral(value)))


def first(ours, theirs, graph=False, **tolerance):
    return next(differences(stored(ours), stored(theirs), Tolerance(**tolerance), graph), None)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (2, 3)], ids=str)
def test_values_keep_their_bits(dtype, shape):
    bits = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 256, (*shape, np.dtype(dtype).itemsize), dtype=np.uint8)
    array = bits.view(dtype).reshape(shape)
    found = stored(gg.from_numpy(array.copy()))
    assert found["tensor"] == f"torch.{dtype}"
    assert array_of(found).tobytes() == array.tobytes() and array_of(found).shape == shape
    assert first(array, array) is None, "what is not a number agrees with itself"


DIFFERENT = {
    "value": ([1.0, 2.0], [1.0, 2.1]),
    "element": (gg.tensor([1.0, 2.0]), gg.tensor([1.0, 2.00001])),
    "dtype": (gg.ones(2), gg.ones(2, dtype=gg.float64)),
    "shape": (gg.ones(2), gg.ones(2, 1)),
    "empty shape": (gg.ones(0, 2), gg.ones(0, 3)),
    "requires_grad": (gg.ones(2), gg.ones(2, requires_grad=True)),
    "nan": (gg.tensor(float("nan")), gg.tensor(1.0)),
    "infinities": (gg.tensor(float("inf")), gg.tensor(-float("inf"))),
    "overflow": (gg.tensor(float("inf")), gg.tensor(3e38)),
    "integer": (gg.tensor([1, 2]), gg.tensor([1, 3])),
    "truth": (True, 1),
    "number": (1, 1.0),
    "nothing": (None, 0),
    "tuple": ((1, 2), [1, 2]),
    "size": (gg.Size([1, 2]), (1, 2)),
    "length": ([1], [1, 2]),
    "text": ("tensor(1.)", "tensor(1)"),
    "keys": ({"a": 1}, {"b": 1}),
    "item": ({"a": 1}, {"a": 2}),
    "array": (np.ones(2), gg.ones(2, dtype=gg.float64)),
    "complex": (1 + 1j, 1 - 1j),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_sees_each_difference(name):
    ours, theirs = DIFFERENT[name]
    assert first(ours, theirs) is not None
    assert first(theirs, ours) is not None
    assert first(ours, ours) is None and first(theirs, theirs) is None


def test_names_of_nodes_on_demand():
    x = gg.ones(2, requires_grad=True)
    assert first(x * 1, x + 0) is None
    assert "MulBackward0" in first(x * 1, x + 0, graph=True)


def test_tolerances():
    one, next_up = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
    assert first(next_up, one, ulps=1) is None
    assert "1 ulps apart" in first(next_up, one, ulps=0.5)
    assert first(np.float64(1 + 1e-9), np.float64(1)) is not None
    assert first(np.float64(1 + 1e-9), np.float64(1), rtol=1e-8) is None
    assert first(np.float64(1e-9), np.float64(0), atol=1e-8) is None
    assert first(0.1 + 1e-9, 0.1) is not None, "doubles are held to double precision"
    assert first(float(next_up), 1.0) is None, "singles that item() widened are held to single precision"
    assert first(-0.0, 0.0) is None


def test_a_difference_says_where():
    assert first([[1.0, 2.0], {"a": gg.tensor([[1.0, 5.0]])}], [[1.0, 2.0], {"a": gg.tensor([[1.0, 6.0]])}]).startswith("result[1].dict[0][1][0, 1]: ")


def test_addresses_are_no_difference():
    assert first("<Twice object at 0x7f00aa12>", "<Twice object at 0x55d0c1ff>") is None


def test_mistakes_of_a_test_are_no_outcome():
    with pytest.raises(NameError):
        outcome(lambda T: not_defined(T), gg)  # noqa: F821
    with pytest.raises(AttributeError):
        outcome(lambda T: T.no_such_function(1), types.ModuleType("torch"))
    assert outcome(lambda T: T.ones(2).reshape(3), gg)["raises"] == "RuntimeError"


def recorded(tmp_path, request, theirs, key=""):
    """An oracle that knows one answer to the test that runs."""
    oracle = Oracle("record", tmp_path)
    oracle.put(request.path.stem, request.node.nodeid.partition("::")[2] + (f" {key}" if key else ""), stored(theirs))
    oracle.save(keep=False)
    return Oracle("", tmp_path)


def test_agrees_with_a_record(tmp_path, request):
    oracle = recorded(tmp_path, request, gg.tensor([2.0, 4.0]))
    agree(lambda T: T.tensor([1.0, 2.0]) * 2, oracle=oracle)
    with pytest.raises(pytest.fail.Exception) as caught:
        agree(lambda T: T.tensor([1.0, 2.0]) * 3, oracle=oracle)
    text = str(caught.value)
    assert "test_agrees_with_a_record is not as PyTorch's" in text and "2 of 2 elements differ" in text and "[3.0, 6.0]" in text and "[2.0, 4.0]" in text
    with pytest.raises(pytest.fail.Exception, match="this should raise"):
        agree(lambda T: T.tensor([1.0, 2.0]) * 2, raises=True, oracle=oracle)
    with pytest.raises(pytest.skip.Exception, match="make record"):
        agree(lambda T: T.ones(1), "another key", oracle=oracle)
    assert oracle.summary() == "comparisons with PyTorch: 0 live, 3 with recorded values, 1 skipped for want of a record"


def test_a_failure_on_one_side_is_seen(tmp_path, request):
    oracle = recorded(tmp_path, request, 1)
    with pytest.raises(pytest.fail.Exception, match="raises RuntimeError"):
        agree(lambda T: T.ones(2).reshape(3), oracle=oracle)


def test_records_are_the_same_bytes_each_time(tmp_path):
    written = []
    for keys in ("ab", "ba"):
        oracle = Oracle("record", tmp_path)
        for key in keys:
            oracle.put("module", key, stored(gg.ones(3)))
        oracle.save(keep=False)
        written.append((tmp_path / "module.json.gz").read_bytes())
    assert written[0] == written[1]


def test_a_part_is_recorded_beside_the_rest(tmp_path):
    for key, keep, expected in (("a", False, {"a"}), ("b", True, {"a", "b"}), ("c", False, {"c"})):
        oracle = Oracle("record", tmp_path)
        oracle.put("module", key, 1)
        oracle.save(keep=keep)
        assert set(Oracle("", tmp_path).records("module")) == expected


def test_one_key_holds_one_answer(tmp_path):
    oracle = Oracle("record", tmp_path)
    oracle.put("module", "key", 1)
    oracle.put("module", "key", 1)
    with pytest.raises(pytest.fail.Exception, match="share this key"):
        oracle.put("module", "key", 2)


def test_every_record_belongs_to_a_test_module():
    modules = {path.stem for path in FOLDER.parent.glob("test_*.py")}
    assert {path.name.removesuffix(".json.gz") for path in FOLDER.iterdir()} <= modules
