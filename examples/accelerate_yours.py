"""A model with torch.nn.LSTM inside, as you have it: one line makes it train faster, with the same weights."""

import torch
from torch import nn

import tidegate as tg


def main(steps: int = 20) -> float:
    model = nn.ModuleDict({"lstm": nn.LSTM(8, 64, batch_first=True), "head": nn.Linear(64, 1)})
    optimizer = torch.optim.Adam(model.parameters())
    tg.accelerate(model)  # in place; the optimizer keeps its parameters
    print(tg.explain(model))

    x = torch.randn(32, 100, 8)
    for _ in range(steps):
        output, _ = model["lstm"](x)
        loss = nn.functional.mse_loss(model["head"](output).squeeze(-1), x.mean(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    print(f"mean squared error {main():.3f}")
