"""The same layers in JAX and ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tidegate.probes.race import Entry, Work, timed, torch_entry

UNROLLS = (1, 4, 8)


def jax_entry(work: Work) -> Entry:
    """A jitted `lax.scan` over the recurrent product, the input projected for all steps before it.

    Of the ways to unroll the scan, the one that is fastest on this work.
    """
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
    import jax.numpy as jnp

    def rnn(state: Any, gates: Any, w_hh: Any, b_hh: Any) -> Any:
        h = jnp.tanh(gates + state[0] @ w_hh.T + b_hh)
        return (h,), h

    def lstm(state: Any, gates: Any, w_hh: Any, b_hh: Any) -> Any:
        i, f, g, o = jnp.split(gates + state[0] @ w_hh.T + b_hh, 4, axis=-1)
        c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    def gru(state: Any, gates: Any, w_hh: Any, b_hh: Any) -> Any:
        r, z, n = jnp.split(gates, 3, axis=-1)
        hr, hz, hn = jnp.split(state[0] @ w_hh.T + b_hh, 3, axis=-1)
        z = jax.nn.sigmoid(z + hz)
        h = (1 - z) * jnp.tanh(n + jax.nn.sigmoid(r + hr) * hn) + z * state[0]
        return (h,), h

    step = {"rnn": rnn, "lstm": lstm, "gru": gru}[work.cell]
    names = [name for name, _ in work.layer.named_parameters()]
    weights = [jnp.asarray(parameter.detach().numpy()) for parameter in work.layer.parameters()]
    x, d_out = jnp.asarray(work.x.numpy()), jnp.asarray(work.d_out.numpy())

    def forward(unroll: int) -> Callable[..., Any]:
        def run(x: Any, weights: Any) -> Any:
            for k in range(0, len(weights), 4):
                w_ih, w_hh, b_ih, b_hh = weights[k : k + 4]
                zero = jnp.zeros((x.shape[1], w_hh.shape[1]), x.dtype)
                state = (zero, zero) if work.cell == "lstm" else (zero,)

                def one(state: Any, gates: Any, w_hh: Any = w_hh, b_hh: Any = b_hh) -> Any:
                    return step(state, gates, w_hh, b_hh)

                _, x = jax.lax.scan(one, state, x @ w_ih.T + b_ih, unroll=unroll)
            return x

        return run

    def train(unroll: int) -> Callable[..., Any]:
        def run(x: Any, weights: Any, d_out: Any) -> Any:
            output, back = jax.vjp(forward(unroll), x, weights)
            d_x, d_weights = back(d_out)
            return output, d_x, *d_weights

        return run

    def ready(unroll: int) -> Callable[[], Any]:
        if work.mode == "train":
            compiled = jax.jit(train(unroll)).lower(x, weights, d_out).compile()
            return lambda: jax.block_until_ready(compiled(x, weights, d_out))
        compiled = jax.jit(lambda x, weights: (forward(unroll)(x, weights),)).lower(x, weights).compile()
        return lambda: jax.block_until_ready(compiled(x, weights))

    def best_of_3(run: Callable[[], Any]) -> float:
        run()
        return min(timed(run) for _ in range(3))

    run = min((ready(unroll) for unroll in UNROLLS if unroll <= len(work.x)), key=best_of_3)

    def named(found: Any) -> dict[str, Tensor]:
        titles = ["output", "gradient of x", *(f"gradient of {name}" for name in names)]
        return {title: torch.from_numpy(np.array(value)) for title, value in zip(titles, found, strict=False)}

    return Entry(run, named)


def onnxruntime_entry(work: Work) -> Entry:
    """One ONNX node a layer."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
    options.add_session_config_entry("session.force_spinning_stop", "1")  # once the call is over
    model = onnx_model(work).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    x = {"x0": work.x.numpy()}
    return Entry(lambda: session.run(None, x), lambda found: {"output": torch.from_numpy(found[0])})


def onnx_model(work: Work) -> Any:
    """The layers as an ONNX model from x0 [T, B, I] to the last x [T, B, H]."""
    from onnx import TensorProto, helper, numpy_helper

    # ONNX packs the gates of an LSTM as i o f c, those of a GRU as z r h.
    order = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [1, 0, 2]}[work.cell]
    weights = [parameter.detach().numpy() for parameter in work.layer.parameters()]

    def packed(weight: np.ndarray) -> np.ndarray:
        return np.concatenate([np.split(weight, len(order))[gate] for gate in order])

    nodes, constants = [], [numpy_helper.from_array(np.array([1]), "direction")]
    H, layers = work.layer.hidden_size, len(weights) // 4
    for k in range(layers):
        w_ih, w_hh, b_ih, b_hh = (packed(weight) for weight in weights[4 * k : 4 * k + 4])
        both = np.concatenate([b_ih, b_hh])
        for name, value in (("w", w_ih), ("r", w_hh), ("b", both)):
            constants.append(numpy_helper.from_array(np.ascontiguousarray(value[None]), f"{name}{k}"))
        extra = {"linear_before_reset": 1} if work.cell == "gru" else {}
        inputs, outputs = [f"x{k}", f"w{k}", f"r{k}", f"b{k}"], [f"y{k}"]
        nodes.append(helper.make_node(work.cell.upper(), inputs, outputs, hidden_size=H, **extra))
        nodes.append(helper.make_node("Squeeze", [f"y{k}", "direction"], [f"x{k + 1}"]))
    T, B, I = work.x.shape
    graph = helper.make_graph(
        nodes,
        work.cell,
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, [T, B, I])],
        [helper.make_tensor_value_info(f"x{layers}", TensorProto.FLOAT, [T, B, H])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


PEERS: dict[str, Callable[[Work], Entry]] = {
    "torch": torch_entry,
    "jax": jax_entry,
    "onnxruntime": onnxruntime_entry,
}
INFER_ONLY = {"onnxruntime"}
