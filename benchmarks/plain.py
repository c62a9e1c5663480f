"""The two examples as plain PyTorch scripts: data in memory, torch.nn, Adam, a loop written by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tidegate.preparation import read_dataset


class LastStep(nn.Module):
    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(input_size, 128, 2, batch_first=True)
        self.readout = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(self.rnn(x)[0][:, -1])


def mnist(epochs: int = 10, data: str = "mnist") -> float:
    """Train as long, and return the accuracy on the test set."""
    digits = read_dataset(data)
    x, y = torch.from_numpy(digits.train.x), torch.from_numpy(np.asarray(digits.train.y).astype(np.int64))
    model = LastStep(x.shape[2])
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(128):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        assert digits.test is not None
        parts = torch.from_numpy(digits.test.x).split(1000)
        found = torch.cat([model(part).argmax(1) for part in parts])
    return float((found.numpy() == np.asarray(digits.test.y).astype(np.int64)).mean())


def curve(steps: int = 5000) -> float:
    """Fit the curve as long, and return the last loss."""
    x = torch.linspace(-3, 3, 1000)[None, :, None]
    y = torch.sin(3 * x) + x
    rnn, readout = nn.GRU(1, 128, batch_first=True), nn.Linear(128, 1)
    optimizer = torch.optim.Adam([*rnn.parameters(), *readout.parameters()], 5e-4)
    loss = torch.zeros(())
    for _ in range(steps):
        loss = F.mse_loss(readout(rnn(x)[0]), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()
