"""What is true: one step of each recurrent cell in plain PyTorch, and a scan over a sequence."""

from tidegate.cells.gru import gru_step
from tidegate.cells.lstm import lstm_step
from tidegate.cells.rnn import rnn_step
from tidegate.cells.scan import scan

__all__ = ["gru_step", "lstm_step", "rnn_step", "scan"]
