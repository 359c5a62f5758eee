"""utils.data: data sets, samplers and batches as PyTorch's, for the same seed; worker processes that fail, die, hang and are dropped."""

import collections
import os
import signal
import time

import numpy as np
import pytest

import glassgrad as gg
from oracle import agree
from said import Said, programs

Point = collections.namedtuple("Point", "x y")


def t_samplers(T, say):
    D = T.utils.data
    T.manual_seed(7)
    g = lambda: T.Generator().manual_seed(3)  # noqa: E731
    say.each(
        random=lambda: list(D.RandomSampler(range(10))), seeded=lambda: list(D.RandomSampler(range(10), generator=g())),
        replaced=lambda: list(D.RandomSampler(range(10), True, 40)), more=lambda: list(D.RandomSampler(range(4), num_samples=10)),
        subset=lambda: list(D.SubsetRandomSampler([5, 6, 7])), weighted=lambda: list(D.WeightedRandomSampler([0.1, 3.0, 1.0], 8)),
        without=lambda: list(D.WeightedRandomSampler([0.1, 3.0, 1.0], 3, replacement=False)),
        batches=lambda: list(D.BatchSampler(D.SequentialSampler(range(7)), 3, False)), dropped=lambda: list(D.BatchSampler(range(7), 3, True)),
        split=lambda: [list(p.indices) for p in D.random_split(range(10), [3, 7])], shares=lambda: [len(p) for p in D.random_split(range(11), [0.3, 0.3, 0.4])],
        seeded_split=lambda: [list(p.indices) for p in D.random_split(range(6), [0.5, 0.5], generator=g())],
        shared=lambda: [list(D.distributed.DistributedSampler(range(10), 3, r)) for r in range(3)] if hasattr(D, "distributed") else [list(D.DistributedSampler(range(10), 3, r)) for r in range(3)],
        after=lambda: T.rand(1).item(),
    )  # fmt: skip
    say.each(
        sum=lambda: D.random_split(range(10), [3, 3]), fraction=lambda: D.random_split(range(4), [1.5, -0.5]), size=lambda: D.BatchSampler(range(3), 0, False),
        drop=lambda: D.BatchSampler(range(3), 1, 2), number=lambda: D.RandomSampler(range(3), num_samples=0), boolean=lambda: D.RandomSampler(range(3), 1),
        weights=lambda: D.WeightedRandomSampler([[1.0]], 1), many=lambda: list(D.WeightedRandomSampler([1.0], 2, False)),
        lens=lambda: [len(D.BatchSampler(range(7), 3, d)) for d in (True, False)],
    )  # fmt: skip


def t_datasets(T, say):
    D = T.utils.data
    a, b = D.TensorDataset(T.arange(3), T.arange(3.0) * 2), D.TensorDataset(T.arange(2) + 10, T.ones(2))

    class Count(D.IterableDataset):
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return iter(range(self.n))

        def __len__(self):
            return self.n

    class Bare(D.Dataset):
        pass

    both = a + b
    say.each(
        tensor=lambda: a[1], length=lambda: len(a), slices=lambda: a[0:2], concat=lambda: [both[i] for i in (0, 3, -1)], ends=lambda: both.cumulative_sizes,
        far=lambda: both[-9], subset=lambda: D.Subset(a, [2, 0])[0], chain=lambda: list(Count(2) + Count(3)), chained=lambda: len(Count(2) + Count(3)),
        stack=lambda: D.StackDataset(range(3), [7, 8, 9])[1], named=lambda: D.StackDataset(x=range(3), y=[7, 8, 9])[1],
        several=lambda: D.StackDataset(range(3), [7, 8, 9]).__getitems__([2, 0]), mixed=lambda: D.StackDataset([1], x=[2]), none=lambda: D.StackDataset(),
        uneven=lambda: D.StackDataset([1], [1, 2]), mismatch=lambda: D.TensorDataset(T.ones(2), T.ones(3)), empty=lambda: D.ConcatDataset([]),
        iterable=lambda: D.ConcatDataset([Count(2)]), bare=lambda: Bare()[0],
    )  # fmt: skip


def t_collate(T, say):
    c, v = T.utils.data.default_collate, T.utils.data.default_convert
    say.each(
        tensors=lambda: c([T.ones(2), T.zeros(2)]), arrays=lambda: c([np.ones(2), np.zeros(2)]), scalars=lambda: c([np.float32(1), np.float32(2)]),
        floats=lambda: c([1.0, 2.0]), ints=lambda: c([1, 2]), bools=lambda: c([True, False]), texts=lambda: c(["a", "b"]), raw=lambda: c([b"a", b"b"]),
        pairs=lambda: c([(1, 2.0), (3, 4.0)]), lists=lambda: c([[1, 2], [3, 4]]), dicts=lambda: c([{"x": 1, "y": T.ones(1)}, {"x": 2, "y": T.zeros(1)}]),
        nested=lambda: c([{"x": [1, (2.0, "q")]}, {"x": [3, (4.0, "r")]}]), named=lambda: c([Point(1, 2), Point(3, 4)]), ordered=lambda: [f(c([collections.OrderedDict(a=1), collections.OrderedDict(a=2)])) for f in (type, dict)],
        uneven=lambda: c([[1, 2], [3]]), sizes=lambda: c([T.ones(2), T.ones(3)]), wrong=lambda: c([object, object]), strings=lambda: c([np.array(["a"]), np.array(["b"])]),
        convert=lambda: v({"a": np.ones(2), "b": [np.int64(3), "text"], "c": (np.zeros(1), 2)}), zero=lambda: c([T.tensor(1.0), T.tensor(2.0)]),
        array0=lambda: c([np.array(1.0), np.array(2.0)]),
    )  # fmt: skip


def t_loader(T, say):
    D = T.utils.data
    T.manual_seed(1)
    data = D.TensorDataset(T.arange(7), T.arange(7) * 1.0)

    class Count(D.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    load = D.DataLoader
    say.each(
        plain=lambda: list(load(range(5))), batches=lambda: list(load(data, 3)), dropped=lambda: list(load(data, 3, drop_last=True)), shuffled=lambda: list(load(data, 4, True)),
        again=lambda: [b[0].tolist() for b in load(data, 4, True)], seeded=lambda: [b[0].tolist() for b in load(data, 4, True, generator=T.Generator().manual_seed(5))],
        sampler=lambda: list(load(range(5), 2, sampler=[4, 3, 0])), batch_sampler=lambda: list(load(range(5), batch_sampler=[[1, 2], [0]])), single=lambda: list(load(range(3), None)),
        collated=lambda: list(load(range(4), 2, collate_fn=lambda b: [str(x) for x in b])), iterable=lambda: list(load(Count(), 2)), rest=lambda: list(load(Count(), 2, drop_last=True)),
        lens=lambda: [len(load(data, 3)), len(load(data, 3, drop_last=True)), len(load(data, None))], after=lambda: T.rand(1).item(), none=lambda: list(load([], 2)),
        next=lambda: next(iter(load(data, 2, True))), sub=lambda: list(load(D.Subset(data, [1, 3]), 2)),
    )  # fmt: skip
    say.each(
        workers=lambda: load(data, num_workers=-1), timeout=lambda: load(data, timeout=-1), prefetch=lambda: load(data, prefetch_factor=2), negative=lambda: load(data, num_workers=1, prefetch_factor=-1),
        persistent=lambda: load(data, persistent_workers=True), context=lambda: load(data, multiprocessing_context="fork"), shuffle=lambda: load(data, shuffle=True, sampler=[1]),
        both=lambda: load(data, 2, batch_sampler=[[1]]), drop=lambda: load(data, None, drop_last=True), iter_shuffle=lambda: load(Count(), shuffle=True), iter_sampler=lambda: load(Count(), sampler=[1]),
        after=lambda: setattr(load(data), "batch_size", 3), method=lambda: load(data, num_workers=1, multiprocessing_context="spoon"), kind=lambda: load(data, num_workers=1, multiprocessing_context=3),
        length=lambda: len(load(Count())),
    )  # fmt: skip


@pytest.mark.parametrize("name", programs(globals()))
def test_as_pytorch(name):
    def program(T):
        if T is not gg:
            import torch.utils.data.distributed  # noqa: F401
        say = Said()
        programs(globals())[name](T, say)
        return say

    agree(program, rtol=1e-6)


# ------------------------------------------------------------------------------------------------ workers
class Squares(gg.utils.data.Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, i):
        return gg.tensor(i * i), i


class Told(gg.utils.data.Dataset):
    """Does at index 3 what it is told to."""

    def __init__(self, act):
        self.act = act

    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i == 3:
            self.act()
        return i


class Shares(gg.utils.data.IterableDataset):
    def __iter__(self):
        info = gg.utils.data.get_worker_info()
        return iter(range(info.id, 10, info.num_workers))


class Seeds(gg.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        import random

        info = gg.utils.data.get_worker_info()
        return info.id, info.num_workers, len(info.dataset), gg.initial_seed() - info.id, random.random(), float(np.random.rand()), float(gg.rand(1))


def fail():
    raise ValueError("no third example")


def fail_by_key():
    raise KeyError("three")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def hang():
    time.sleep(600)


def gone(processes):
    return all(not p.is_alive() for p in processes)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_what_the_process_itself_gives(context):
    loader = gg.utils.data.DataLoader(Squares(), 3, num_workers=2, multiprocessing_context=context)
    here = gg.utils.data.DataLoader(Squares(), 3)
    assert [[x.tolist() for x in b] for b in loader] == [[x.tolist() for x in b] for b in here]


def test_shuffled_batches_are_the_same_with_workers():
    def order(workers):
        gg.manual_seed(4)
        return [b[1].tolist() for b in gg.utils.data.DataLoader(Squares(), 3, shuffle=True, num_workers=workers)]

    assert order(0) == order(2) == order(1)


def test_an_iterable_data_set_is_shared_out():
    batches = list(gg.utils.data.DataLoader(Shares(), 2, num_workers=2))
    assert [b.tolist() for b in batches] == [[0, 2], [1, 3], [4, 6], [5, 7], [8], [9]]


def test_persistent_workers_stay():
    loader = gg.utils.data.DataLoader(Squares(), 4, num_workers=2, persistent_workers=True)
    first = iter(loader)
    pids = [p.pid for p in first._processes]
    assert len(list(first)) == 3
    second = iter(loader)
    assert next(second)[1].tolist() == [0, 1, 2, 3]
    third = iter(loader)  # in the middle of the second
    assert [b[1].tolist() for b in third] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] and [p.pid for p in third._processes] == pids
    processes = third._processes
    del first, second, third, loader
    assert gone(processes)


@pytest.mark.parametrize("act, kind", [(fail, ValueError), (fail_by_key, KeyError)])
def test_an_exception_comes_back(act, kind):
    loader = gg.utils.data.DataLoader(Told(act), 2, num_workers=2)
    batches = iter(loader)
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(kind, match=f"(?s)^Caught {kind.__name__} in DataLoader worker process 1.\nOriginal Traceback .*in {act.__name__}"):
        next(batches)
    assert next(batches).tolist() == [4, 5]  # the others go on


def test_a_killed_worker_is_noticed():
    loader = gg.utils.data.DataLoader(Told(die), 2, num_workers=2)
    batches = iter(loader)
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly") as caught:
        next(batches)
    assert "worker 1 ended with exit code -9" in "\n".join(caught.value.__notes__)
    assert gone(batches._processes)


def test_a_timeout():
    batches = iter(gg.utils.data.DataLoader(Told(hang), 2, num_workers=1, timeout=0.5))
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.5 seconds"):
        next(batches)
    assert gone(batches._processes)


def test_dropping_the_iterator_ends_the_workers():
    batches = iter(gg.utils.data.DataLoader(Squares(), 1, num_workers=2))
    next(batches)
    processes = batches._processes
    del batches
    assert gone(processes)


def test_workers_are_seeded_as_pytorch_seeds_them():
    gg.manual_seed(11)
    rows = [[float(v) for v in b] for b in gg.utils.data.DataLoader(Seeds(), num_workers=2)]
    assert [r[:3] for r in rows] == [[0, 2, 4], [1, 2, 4]] * 2
    assert len({r[3] for r in rows}) == 1 and len({r[5] for r in rows}) == 4

    def program(T):
        T.manual_seed(11)
        seen = []

        class Drawn(T.utils.data.Dataset):
            def __len__(self):
                return 4

            def __getitem__(self, i):
                import random

                return random.random(), float(np.random.rand()), float(T.rand(1))

        for batch in T.utils.data.DataLoader(Drawn(), num_workers=2, multiprocessing_context="fork"):
            seen += [float(v) for v in batch]
        return seen

    agree(program)


def test_batches_as_they_come():
    assert sorted(int(b) for b in gg.utils.data.DataLoader(range(6), num_workers=2, in_order=False)) == list(range(6))


def test_a_start_that_fails_is_told():
    def broken(number):
        raise OSError("no disk")

    with pytest.raises(OSError, match="in DataLoader worker process 0"):
        next(iter(gg.utils.data.DataLoader(Squares(), num_workers=1, worker_init_fn=broken, multiprocessing_context="fork")))


def test_what_means_nothing_here_is_said():
    with pytest.warns(UserWarning, match="no accelerator is found"):
        gg.utils.data.DataLoader(Squares(), pin_memory=True)
    with pytest.warns(UserWarning, match="Our suggested max number of worker"):
        gg.utils.data.DataLoader(Squares(), num_workers=4096)
