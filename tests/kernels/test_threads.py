"""The kernels among threads and processes: how many run, what they compute, and what they leave behind."""

import os
import subprocess
import sys
import threading
import time

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from tests.kernels.test_cpu import MODES, inputs, ours
from tidegate.kernels.cpu import layer as kernels

pytestmark = [
    pytest.mark.skipif(kernels.MISSING is not None, reason=str(kernels.MISSING)),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]

SIZES = [(40, 2, 3, 160), (20, 40, 30, 70), (6, 24, 5, 520)]  # T, B, I, H: by units, by rows, large weights


@pytest.fixture
def set_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def results(mode: str, sizes: tuple[int, ...], seed: int = 0, lengths=None) -> dict[str, torch.Tensor]:
    """Every output and gradient of one layer with both directions, in single precision."""
    torch.manual_seed(seed)
    leaves = {k: v.requires_grad_() for k, v in inputs(mode, *sizes, D=2, dtype=torch.float32).items()}
    outputs = ours(mode, lengths, D=2)(**leaves)
    grads = torch.autograd.grad(sum((o * o).sum() for o in outputs), list(leaves.values()))
    return {f"output {n}": o.detach() for n, o in enumerate(outputs)} | dict(zip(leaves, grads, strict=True))


def assert_same_bits(actual, expected, names=None):
    for name in names or expected:
        assert torch.equal(actual[name], expected[name]), name


@pytest.mark.parametrize("wanted", [1, 3])
def test_runs_on_as_many_threads_as_torch_is_told(wanted):
    code = f"""
import os, torch, tidegate
torch.set_num_threads({wanted})
with tidegate.use_backend("cpu"):
    layer, x = tidegate.GRU(8, 128), torch.randn(50, 16, 8)
    before = len(os.listdir("/proc/self/task"))
    with torch.no_grad():
        layer(x)
print(len(os.listdir("/proc/self/task")) - before + 1)
"""
    assert python(code) == str(wanted)


def test_computes_the_same_where_openmp_grants_fewer_threads():
    code = """
import torch, tidegate
from tidegate.kernels.cpu.layer import engine
torch.set_num_threads(2)
print(engine.handover_ns(2))
for hidden, batch in ((128, 16), (256, 4)):  # by rows, by units
    layer, x = tidegate.LSTM(8, hidden), torch.ones(50, batch, 8)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.fill_(0.01)
    layer(x)[0].sum().backward()
    print(*(f"{float(weight.grad.sum()):.9e}" for weight in layer.parameters()))
"""
    (nothing, *few), (_, *as_asked) = (python(code, OMP_THREAD_LIMIT=n).splitlines() for n in ("1", "8"))
    assert float(nothing) == 0
    for a, b in zip(few, as_asked, strict=True):
        assert [float(v) for v in a.split()] == pytest.approx([float(v) for v in b.split()], rel=1e-5)


def test_shares_one_pool_of_threads_with_torch():
    code = """
import torch, tidegate
from tidegate.kernels.cpu import layer
print(len({line.split()[-1] for line in open("/proc/self/maps") if "omp" in line.split("/")[-1]}))
"""
    assert python(code) == "1"


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_outputs_are_the_same_bits_for_every_number_of_threads(mode, sizes, ragged, set_threads):
    lengths = torch.randint(0, sizes[0] + 1, (sizes[1],)) if ragged else None
    set_threads(1)
    alone = results(mode, sizes, lengths=lengths)
    for n in (2, 3, 5):
        set_threads(n)
        assert_same_bits(results(mode, sizes, lengths=lengths), alone, [k for k in alone if k.startswith("output")])


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_the_same_bits_every_time(mode, sizes, set_threads):
    set_threads(3)
    first = results(mode, sizes)
    for _ in range(3):
        assert_same_bits(results(mode, sizes), first)


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_few_sequences_are_the_same_whether_threads_share_the_work_or_not(mode, batch, set_threads):
    sizes = (300, batch, 3, 160)  # more steps than a chunk has; whether sharing pays is seen as the call begins
    set_threads(1)
    expected = results(mode, sizes)
    for threads in (2, 3):
        set_threads(threads)
        assert_same_bits(results(mode, sizes), expected)


def test_many_python_threads_call_at_once(set_threads):
    cases = [(mode, sizes) for mode in MODES for sizes in SIZES]
    set_threads(2)
    given = [inputs(mode, *sizes, dtype=torch.float32) for mode, sizes in cases]
    expected = [ours(mode)(**leaves) for (mode, _), leaves in zip(cases, given, strict=True)]
    wrong, finished = [], []

    def work(start: int) -> None:
        torch.set_num_threads(2)
        for k in range(2 * len(cases)):
            at = (start + k) % len(cases)
            for a, b in zip(ours(cases[at][0])(**given[at]), expected[at], strict=True):
                if not torch.equal(a, b):
                    wrong.append(cases[at])
        finished.append(start)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(finished) == 4
    assert not wrong


def test_python_runs_on_while_the_kernels_work():
    leaves = inputs("LSTM", 1500, 64, 8, 256, dtype=torch.float32)
    took = []

    def work() -> None:
        start = time.perf_counter()
        ours("LSTM")(**leaves)
        took.append(time.perf_counter() - start)

    worker = threading.Thread(target=work)
    worker.start()
    longest, last = 0.0, time.perf_counter()
    while worker.is_alive():
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    assert longest < took[0] / 2


class Layers(Dataset):
    """Items that a layer computes where they are fetched."""

    def __len__(self) -> int:
        return len(SIZES)

    def __getitem__(self, n: int) -> torch.Tensor:
        return results("GRU", SIZES[n])["output 1"].flatten()[:100]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_a_data_loader_compute_the_same(start, set_threads):
    set_threads(2)
    data = Layers()
    expected = [data[n] for n in range(len(data))]
    loader = DataLoader(data, batch_size=None, num_workers=2, multiprocessing_context=start, timeout=100)
    for a, b in zip(loader, expected, strict=True):
        assert torch.equal(a, b)


def put_outputs(queue, threads: int, leaves: dict[str, torch.Tensor]) -> None:
    torch.set_num_threads(threads)
    torch.utils.deterministic.fill_uninitialized_memory = False  # torch's own fill would wait for threads left behind
    with torch.no_grad():
        queue.put([value.numpy() for value in ours("LSTM")(**leaves)])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_processes_of_torch_multiprocessing_compute_the_same(start, set_threads):
    set_threads(2)
    leaves = inputs("LSTM", *SIZES[1], dtype=torch.float32)
    expected = ours("LSTM")(**leaves)
    context = torch.multiprocessing.get_context(start)
    queue = context.SimpleQueue()
    workers = [context.Process(target=put_outputs, args=(queue, 2, leaves), daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    for _ in workers:
        for a, b in zip(queue.get(), expected, strict=True):
            assert torch.equal(torch.from_numpy(a), b)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0


def test_a_fork_while_another_thread_computes_can_still_compute():
    code = """
import os, signal, threading, torch, tidegate
torch.set_num_threads(1)
layer, x = tidegate.RNN(1, 1), torch.zeros(1, 1, 1)
stop = []
def work():
    with torch.inference_mode():
        while not stop:
            layer(x)
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
stuck = 0
for _ in range(60):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        with torch.inference_mode():
            layer(x)
        os._exit(0)
    stuck += os.waitpid(child, 0)[1] != 0
    if stuck: break
stop.append(True)
for thread in threads: thread.join()
print(stuck)
"""
    assert python(code, PYTHONWARNINGS="ignore") == "0"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize("number", [1, 2])
def test_denormals_become_zero_inside(number, dtype, set_threads):
    set_threads(number)
    small = torch.finfo(dtype).tiny / 4
    T, B, H = 4, 32, 64
    weights = [torch.eye(H, dtype=dtype), torch.zeros(H, H, dtype=dtype), None, None]
    state = (torch.zeros(1, B, H, dtype=dtype),)
    x = torch.full((T, B, H), small, dtype=dtype)
    assert (x * 1 != 0).all()
    out, _ = kernels.layer("RNN_RELU", x, state, weights, None)
    assert (out == 0).all()


@pytest.mark.parametrize("flush", [False, True], ids=["kept", "flushed"])
@pytest.mark.parametrize("number", [1, 2])
def test_the_floating_point_mode_of_the_caller_is_restored(number, flush, set_threads):
    set_threads(number)
    small = torch.full((2,), 1e-40)
    before = torch.full((200_000,), 1e-40)
    torch.set_flush_denormal(flush)
    try:
        results("GRU", SIZES[1])
        assert bool((small * 1 == 0).all()) == flush
        if not flush:
            assert (before * 1 != 0).all()  # on every thread of the pool
    finally:
        torch.set_flush_denormal(False)
