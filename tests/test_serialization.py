"""save and load: containers come back as they were; files are put in place whole; PyTorch's are read and never executed; damage is told."""

import collections
import io
import os
import pathlib
import pickle
import random
import stat
import sys
import zipfile

import numpy as np
import pytest

import glassgrad as gg

pytest.importorskip("safetensors", reason="the extra [files] is not installed")
FILES = pathlib.Path(__file__).parent / "files"
NAN = float("nan")


def same(a, b):
    if isinstance(a, gg.Tensor):
        assert type(a) is type(b) and a.dtype is b.dtype and a.shape == b.shape and a.requires_grad == b.requires_grad
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    elif isinstance(a, dict):
        assert type(a) is type(b) and list(a) == list(b)
        for k in a:
            same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert type(a) is type(b) and (a == b or a != a)


def checkpoint():
    gg.manual_seed(0)
    model = gg.nn.Sequential(gg.nn.Linear(3, 4), gg.nn.BatchNorm1d(4))
    optimizer = gg.optim.Adam(model.parameters())
    model(gg.ones(2, 3)).sum().backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "losses": [0.5, float("inf"), NAN], "best": (1, None, True, "x", 2j)}


def test_containers_come_back(tmp_path):
    numbers = [gg.tensor([1, 2], dtype=getattr(gg, d)) for d in "float16 float32 float64 complex64 complex128 uint8 int8 int16 int32 int64 bool".split()]
    odd = [gg.tensor(3.0), gg.empty(0, 2), gg.ones(2, 3).T, gg.ones(1).expand(3), gg.ones(2, requires_grad=True), gg.nn.Parameter(gg.ones(2)), gg.nn.Buffer(gg.ones(1))]
    for obj in (checkpoint(), numbers, odd, gg.ones(2), {1: {"a.b": gg.ones(1)}, "1": {"a": {"b": gg.zeros(1)}}, (1, 2): b"raw"}, {gg.float64, 2}, gg.Size([1, 2]), gg.device("cpu"), 7):
        gg.save(obj, tmp_path / "file")
        same(gg.load(tmp_path / "file"), obj)


def test_a_state_dict_goes_back_into_its_model(tmp_path):
    saved = checkpoint()
    gg.save(saved, tmp_path / "file")
    loaded = gg.load(tmp_path / "file")
    model = gg.nn.Sequential(gg.nn.Linear(3, 4), gg.nn.BatchNorm1d(4))
    assert repr(model.load_state_dict(loaded["model"])) == "<All keys matched successfully>"
    optimizer = gg.optim.Adam(model.parameters())
    optimizer.load_state_dict(loaded["optimizer"])
    same(model.state_dict(), saved["model"])
    assert loaded["model"]._metadata == saved["model"]._metadata


def test_a_flat_dict_is_a_plain_safetensors_file(tmp_path):
    import safetensors.numpy

    w = gg.arange(6.0).reshape(2, 3)
    gg.save({"w": w, "tied": w, "b": gg.zeros(2)}, tmp_path / "file")
    plain = safetensors.numpy.load_file(tmp_path / "file")
    assert sorted(plain) == ["b", "w"] and plain["w"].tolist() == w.tolist()
    loaded = gg.load(tmp_path / "file")
    assert sorted(loaded) == ["b", "tied", "w"] and loaded["w"] is loaded["tied"]
    safetensors.numpy.save_file({"x": np.ones(2, np.float32)}, tmp_path / "theirs", {"format": "pt"})
    assert gg.load(tmp_path / "theirs")["x"].tolist() == [1.0, 1.0]


def test_open_files_and_paths(tmp_path):
    buffer = io.BytesIO()
    gg.save({"a": gg.ones(2)}, buffer)
    buffer.seek(0)
    assert gg.load(buffer)["a"].tolist() == [1, 1]
    with open(tmp_path / "file", "wb") as f:
        gg.save([gg.ones(1)], f)
    with open(tmp_path / "file", "rb") as f:
        assert gg.load(f, map_location="cpu")[0].tolist() == [1]
    with open(tmp_path / "file", encoding="latin1") as f, pytest.raises(TypeError, match="open for text"):
        gg.load(f)
    with pytest.raises(FileNotFoundError):
        gg.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        gg.load(tmp_path)
    with pytest.raises(IsADirectoryError):
        gg.save({}, tmp_path)
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        gg.save({}, tmp_path / "none" / "file")


@pytest.mark.parametrize("step", ["fsync", "replace", "fdopen"])
def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "file"
    gg.save({"a": gg.ones(2)}, path)
    before = path.read_bytes()

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        gg.save({"a": gg.zeros(200)}, path)
    monkeypatch.undo()
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["file"]


def test_a_save_keeps_rights_and_links(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    gg.save({}, path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o600)
    link.symlink_to(path)
    gg.save({"a": gg.ones(1)}, link)
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o600 and gg.load(path)["a"].item() == 1


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    import threading

    pipe, seen = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: seen.append(pipe.read_bytes()))
    reader.start()
    gg.save({"a": gg.ones(2)}, pipe)
    reader.join()
    assert stat.S_ISFIFO(pipe.stat().st_mode) and gg.load(io.BytesIO(seen[0]))["a"].tolist() == [1, 1]


def test_what_is_no_data_is_refused_by_name(tmp_path):
    model = gg.nn.Linear(1, 1)
    for obj, said, fix in (
        (model, ".Linear is no tensor", "state_dict"), ({"net": {"model": model}}, ".Linear at 'net.model' is no tensor", "state_dict"),
        ([print], "builtins.builtin_function_or_method at '0' is no", "numbers"), ({"x": np.ones(2)}, "numpy.ndarray at 'x' is no", "from_numpy"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="^glassgrad.save: ") as caught:
            gg.save(obj, tmp_path / "file")
        assert said in str(caught.value) and fix in "\n".join(caught.value.__notes__)
    assert os.listdir(tmp_path) == []


def expected():
    w = gg.arange(6.0).reshape(2, 3)
    return {"epoch": 3, "loss": 0.25, "name": "net", "turned": w.T, "row": w[1], "same": w, "half": gg.tensor([1.5, -2.0]), "ints": gg.tensor([1, 2**40]),
            "flags": gg.tensor([True, False]), "wave": gg.tensor([1 + 2j]), "zero": gg.tensor(2.5), "none": gg.empty(0, 3),
            "kinds": (gg.float32, gg.Size([2, 3]), gg.device("cpu"), b"raw", {1, 2}, None)}  # fmt: skip


@pytest.mark.parametrize("name", ["checkpoint.pt", "legacy.pt"])
def test_pytorchs_files_are_read(name):
    with pytest.warns(UserWarning, match="holds bfloat16 values, which came as float32"):
        found = gg.load(FILES / name)
    for key, value in expected().items():
        same(found[key], value)
    assert isinstance(found["weight"], gg.nn.Parameter) and found["weight"].requires_grad
    model = gg.nn.Sequential(gg.nn.Linear(2, 3), gg.nn.BatchNorm1d(3))
    model.load_state_dict(found["model"])
    gg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9).load_state_dict(found["optimizer"])
    assert model[1].num_batches_tracked.item() == 1
    found["row"][0] = 99.0  # a row of the same storage
    assert found["same"][1, 0].item() == 99.0
    assert "torch" not in sys.modules or os.environ.get("GLASSGRAD_ORACLE")


def test_what_pytorch_writes_now():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: the recorded files are read instead")
    torch.manual_seed(1)
    for model, mine in ((torch.nn.LSTM(3, 4, 2), gg.nn.LSTM(3, 4, 2)), (torch.nn.TransformerEncoderLayer(8, 2), gg.nn.TransformerEncoderLayer(8, 2))):
        buffer = io.BytesIO()
        torch.save(model.state_dict(), buffer)
        buffer.seek(0)
        mine.load_state_dict(gg.load(buffer))
        for name, t in model.state_dict().items():
            assert mine.state_dict()[name].tolist() == t.tolist()


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/never-made-by-glassgrad",)


def zipped(data, entries=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr("archive/data.pkl", data)
        for name, content in entries:
            z.writestr(f"archive/{name}", content)
    return buffer.getvalue()


def test_programs_are_refused_by_name_and_not_executed():
    legacy = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    for data in (zipped(pickle.dumps({"x": Evil()}, 2)), legacy + pickle.dumps(Evil(), 2), pickle.dumps(Evil(), 4)):
        with pytest.raises(pickle.UnpicklingError, match=r"^Weights only load failed. Unsupported global: GLOBAL posix.system was not an allowed global"):
            gg.load(io.BytesIO(data), weights_only=False)
    assert not os.path.exists("/tmp/never-made-by-glassgrad")
    with pytest.raises(pickle.UnpicklingError, match="GLOBAL torch.nn.modules.container.Sequential") as caught:
        gg.load(FILES / "module.pt")
    assert "torch.save(model.state_dict(), path)" in "\n".join(caught.value.__notes__)


def storage(count, offset=0, size=(2,), stride=(1,)):
    """A pickle of one tensor, written by hand."""
    def ints(values):
        return b"(" + b"".join(b"J" + int(v).to_bytes(4, "little", signed=True) for v in values) + b"t"

    return (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ"
            + int(count).to_bytes(4, "little", signed=True) + b"tQJ" + int(offset).to_bytes(4, "little", signed=True) + ints(size) + ints(stride)
            + b"\x89ccollections\nOrderedDict\n)RtR.")  # fmt: skip


def test_files_that_claim_too_much():
    eight = [("data/0", b"\0" * 8)]
    assert gg.load(io.BytesIO(zipped(storage(2), eight))).tolist() == [0.0, 0.0]
    for data, said in (
        (zipped(storage(10**9), eight), "the storage '0' of 4000000000 bytes has 8 bytes in the file"), (zipped(storage(2, size=(3,)), eight), "reaches element 3 of a storage of 2"),
        (zipped(storage(2, offset=-1), eight), "are no such"), (zipped(storage(2), ()), "no entry 'data/0'"), (zipped(storage(2, size=(2, 2)), eight), "are no such"),
        (zipped(b"\x80\x02]r\xff\xff\xff\x7f."), "LONG_BINPUT 2147483647 has no place"), (zipped(b"\x80\x02\x82\x01."), "EXT1"),
        (zipped(b"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x01u"), "damaged"),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=said):
            gg.load(io.BytesIO(data))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("archive/data.pkl", storage(2))
        z.writestr("archive/data/0", b"\0" * 10**6)
    with pytest.raises(RuntimeError, match="compressed, which torch.save never does"):
        gg.load(io.BytesIO(packed.getvalue()))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["checkpoint.pt", "legacy.pt", "ours"])
def test_cut_off_and_altered_files_are_told(name):
    """Cut anywhere: always an error. Altered anywhere: other values, or an error of the two kinds; never anything else."""
    if name == "ours":
        buffer = io.BytesIO()
        gg.save(checkpoint(), buffer)
        data = buffer.getvalue()
    else:
        data = (FILES / name).read_bytes()
    for end in range(0, len(data), max(len(data) // 150, 1)):
        with pytest.raises((RuntimeError, pickle.UnpicklingError), match="the file: |Weights only"):
            gg.load(io.BytesIO(data[:end]))
    dice = random.Random(5)
    for _ in range(400):
        altered = bytearray(data)
        for _ in range(dice.choice((1, 1, 3))):
            altered[dice.randrange(len(altered))] = dice.randrange(256)
        try:
            gg.load(io.BytesIO(bytes(altered)))
        except (RuntimeError, pickle.UnpicklingError) as error:
            assert "\n" not in str(error)


def test_other_files_are_told_apart(tmp_path):
    for data, said in ((b"", "is empty"), (b"a text file, not tensors", "begins with 'a text f'"), (b"PK\x03\x04 no archive", "failed reading zip archive"),
                       (zipped(b"x").replace(b"data.pkl", b"dada.pkl"), "has no data.pkl"), (pickle.dumps([1, 2]), "not one that torch.save wrote"),
                       (b"\x10\0\0\0\0\0\0\0" + b"{not json at all", "not a whole safetensors file")):  # fmt: skip
        path = tmp_path / "file"
        path.write_bytes(data)
        with pytest.raises(RuntimeError, match=said) as caught:
            gg.load(path)
        assert str(path) in str(caught.value)


def test_options_that_mean_nothing_raise():
    buffer = io.BytesIO()
    gg.save({}, buffer)
    for options, kind in ((dict(mmap=True), NotImplementedError), (dict(pickle_module=pickle), ValueError), (dict(encoding="x"), ValueError), (dict(map_location="cuda"), RuntimeError)):
        buffer.seek(0)
        with pytest.raises(kind):
            gg.load(buffer, **options)
    with pytest.raises(ValueError):
        gg.save({}, buffer, pickle_protocol=3)
    for place in ("cpu", gg.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage):
        buffer.seek(0)
        assert gg.load(buffer, map_location=place) == {}


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r'pip install "glassgrad\[files\]"'):
        gg.save({}, io.BytesIO())


def test_ordered_dicts_stay_ordered(tmp_path):
    gg.save(collections.OrderedDict(b=gg.ones(1), a=gg.ones(1)), tmp_path / "f")
    assert list(gg.load(tmp_path / "f")) == ["b", "a"]
