"""Parquet, Feather and Arrow files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.data.table import Table, Tell

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa


def _names_of(schema: pa.Schema) -> tuple[list[str], list[str]]:
    """The names of the fields, an unnamed index as "", and those of them that were an index in pandas."""
    about = schema.pandas_metadata or {}
    named = {column["field_name"]: column["name"] for column in about.get("columns", []) if "field_name" in column}
    fields = [field for field in about.get("index_columns", []) if isinstance(field, str)]
    index = {field: named.get(field) or "" for field in fields if field in schema.names}
    return [index.get(name, name) for name in schema.names], list(index.values())


def _as_frame(table: pa.Table, columns: Sequence[str]) -> pandas.DataFrame:
    return table.rename_columns(columns).to_pandas(ignore_metadata=True, split_blocks=True, self_destruct=True)


class ParquetTable(Table):
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            self._schema = file.schema_arrow
        super().__init__(path, *_names_of(self._schema))

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        import pyarrow.parquet as pq

        names = self._schema.names
        fields = [names[self._positions[name]] for name in columns]
        with pq.ParquetFile(self.path) as file:
            return _as_frame(file.read(columns=fields).select(fields), columns)


class ArrowTable(Table):
    """Feather's second version, and Arrow's files and streams."""

    def __init__(self, path: Path) -> None:
        with self._opened(path) as reader:
            super().__init__(path, *_names_of(reader.schema))

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        with self._opened(self.path) as reader:
            return _as_frame(reader.read_all().select([self._positions[name] for name in columns]), columns)

    @contextmanager
    def _opened(self, path: Path) -> Iterator[Any]:
        import pyarrow as pa

        with pa.memory_map(str(path)) as file:
            try:
                reader = pa.ipc.open_file(file)
            except pa.ArrowInvalid:
                file.seek(0)
                reader = pa.ipc.open_stream(file)
            yield reader
