"""Files to batches: one file a format or built-in dataset."""

from tidegate.data.read import BUILT_IN, read_dataset, read_sequences
from tidegate.data.sequences import Dataset, Sequences, as_sequences, as_targets
from tidegate.data.split import hold_out, with_test

__all__ = [
    "BUILT_IN",
    "Dataset",
    "Sequences",
    "as_sequences",
    "as_targets",
    "hold_out",
    "read_dataset",
    "read_sequences",
    "with_test",
]
