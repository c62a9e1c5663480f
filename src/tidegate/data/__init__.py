"""Files to named columns and arrays: one file a format or built-in dataset."""

from tidegate.data.folder import SoundFiles, TableFolder, parts_of
from tidegate.data.read import BUILT_IN, is_built_in, open_source
from tidegate.data.sequences import Dataset, Sequences, as_sequences, as_targets, batches_by_length

__all__ = [
    "BUILT_IN",
    "Dataset",
    "Sequences",
    "SoundFiles",
    "TableFolder",
    "as_sequences",
    "as_targets",
    "batches_by_length",
    "is_built_in",
    "open_source",
    "parts_of",
]
