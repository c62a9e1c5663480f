"""The one numeric comparison: every output and every gradient, named, within one table of tolerances."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TOLERANCE = {  # of rtol and atol together
    torch.float64: 1e-10,  # same formula, other order of sums
    torch.float32: 2e-5,  # about 100 roundings along a step
    torch.bfloat16: 2e-2,  # 8 bits of mantissa
}


def outputs_and_gradients(run: Callable[..., tuple[Tensor, ...]], inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every output and the gradient of every floating input, under one random loss."""
    leaves = {k: v.detach().clone().requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
    outputs = run(**leaves)
    noise = torch.Generator().manual_seed(0)
    loss = sum((o * torch.randn(o.shape, generator=noise, dtype=torch.float64).to(o)).sum() for o in outputs)
    wanted = {k: v for k, v in leaves.items() if v.requires_grad}
    grads = torch.autograd.grad(loss, list(wanted.values()))
    named = {f"output {n}": o.detach() for n, o in enumerate(outputs)}
    return named | {f"gradient of {k}": g for k, g in zip(wanted, grads, strict=True)}


def module_outputs_and_gradients(module: torch.nn.Module, inputs: dict[str, Tensor], **fixed) -> dict[str, Tensor]:
    """The same for a module: its parameters are inputs like any other."""
    weights = {name: parameter.detach() for name, parameter in module.named_parameters()}

    def run(**leaves: Tensor) -> tuple[Tensor, ...]:
        given = {name: leaves.pop(name) for name in weights}
        return flat(torch.func.functional_call(module, given, args=call_args(leaves), kwargs=fixed))

    return outputs_and_gradients(run, weights | inputs)


def call_args(leaves: dict[str, Tensor]) -> tuple:
    """(x,), (x, h0) or (x, (h0, c0)), as the layers take them."""
    state = tuple(leaves[name] for name in ("h0", "c0") if name in leaves)
    return (leaves["x"],) if not state else (leaves["x"], state if len(state) == 2 else state[0])


def flat(result) -> tuple[Tensor, ...]:
    """(output, (h, c)) as (output, h, c)."""
    output, final = result
    return (output, *final) if isinstance(final, tuple) else (output, final)


def assert_matches(actual: dict[str, Tensor], expected: dict[str, Tensor], dtype: torch.dtype) -> None:
    assert actual.keys() == expected.keys()
    tolerance = TOLERANCE[dtype]
    for name in expected:
        torch.testing.assert_close(
            actual[name].double().cpu(),
            expected[name].double().cpu(),
            rtol=tolerance,
            atol=tolerance,
            msg=lambda text, name=name: f"{name}: {text}",
        )
