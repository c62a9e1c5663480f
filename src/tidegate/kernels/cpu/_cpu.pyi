from torch import Tensor

def isa() -> str: ...
def choose(isa: str) -> None: ...
def choices() -> list[str]: ...
def vector_bytes() -> int: ...
def gates(cell: int) -> int: ...
def saved_vectors(cell: int, noisy: bool) -> int: ...
def exchange_through(capsule: object | None) -> None: ...
def buffer(bytes: int) -> Tensor: ...
def result(precise: bool, T: int, B: int, N: int) -> Tensor: ...
def pooled_bytes() -> int: ...
def release_pool() -> None: ...
def fma_peak(threads: int, repeats: int) -> float: ...
def handover_ns(threads: int) -> float: ...
def forward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: list[Tensor | None],
    lengths: Tensor | None,
    noise: list[Tensor | None],
    out: Tensor,
    c_out: Tensor | None,
    hn: Tensor,
    cn: Tensor | None,
    saved: Tensor | None,
    threads: int,
) -> bool: ...
def backward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    weights: list[Tensor | None],
    lengths: Tensor | None,
    noise: list[Tensor | None],
    out: Tensor,
    saved: Tensor | None,
    d_out: Tensor | None,
    d_c_out: Tensor | None,
    d_hn: Tensor | None,
    d_cn: Tensor | None,
    d_x: Tensor | None,
    d_h0: Tensor | None,
    d_c0: Tensor | None,
    d_weights: list[Tensor | None],
    threads: int,
) -> bool: ...
def step(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    hn: Tensor,
    cn: Tensor | None,
    saved: Tensor | None,
    threads: int,
) -> bool: ...
def step_backward(
    cell: int,
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    hn: Tensor | None,
    saved: Tensor | None,
    d_hn: Tensor | None,
    d_cn: Tensor | None,
    to: list[Tensor | None],
    threads: int,
) -> bool: ...
