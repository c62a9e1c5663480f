"""Named columns to sequences, and sequences to what a network takes; what is learned on the way is kept."""

from tidegate.preparation.encode import Preparation, constant_channels, refuse_incomplete
from tidegate.preparation.read import Source, read_dataset, read_source
from tidegate.preparation.reading import Reading
from tidegate.preparation.scale import Scaler
from tidegate.preparation.split import hold_out, with_test

__all__ = [
    "Preparation",
    "Reading",
    "Scaler",
    "Source",
    "constant_channels",
    "hold_out",
    "read_dataset",
    "read_source",
    "refuse_incomplete",
    "with_test",
]
