"""Recordings with what is said in them: manifests, folders with transcripts, and the parts that their names tell."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tidegate.data.audio import FEATURES, SOUND, is_features, is_sound
from tidegate.data.encoding import scan
from tidegate.data.folder import files_in
from tidegate.data.jsonl import JsonLines
from tidegate.data.labels import labels_from_text
from tidegate.data.parts import PART_OF, WORDS, beside, part_of
from tidegate.data.table import TEXT, Table, Tell, is_table, open_table
from tidegate.data.unpack import Source, ending_of, listed
from tidegate.errors import DataError

if TYPE_CHECKING:
    import pandas

PATHS = (
    "path", "audio_filepath", "audio_path", "wav_path", "wav_filename", "file_name", "filename", "filepath", "file",
    "audio", "audio_file",
    "wav",
)  # fmt: skip
"""Names of a manifest's column of files, without case."""
TEXTS = ("text", "sentence", "transcript", "transcription", "normalized_text", "words", "wrd", "label")
"""Names of its column of transcripts."""
PLACES = ("", "clips", "wavs", "wav", "audio", "feat", "features", "data", "recordings")
"""Folders beside a manifest in which its files may lie."""
BESIDE = (".txt", ".lab")
"""Endings of the transcript of one file beside it."""
PART_FIRST = re.compile(rf"({WORDS})(?=$|[^a-z])", re.IGNORECASE)
LISTS = {"testing_list.txt": "test", "validation_list.txt": "validation"}
"""Lists of the files of a part, as Speech Commands has them."""
SHOWN = 3


class Recording(NamedTuple):
    """A file of sound or features."""

    path: Path
    text: str | None = None
    """What is said in it; none where it is not known."""
    name: str = ""
    """As the manifest has it, or its path in the folder."""


@dataclass(frozen=True)
class Recordings:
    """Recordings in their order."""

    train: tuple[Recording, ...]
    validation: tuple[Recording, ...] = ()
    test: tuple[Recording, ...] = ()
    """Both empty where the source does not say."""
    notes: tuple[str, ...] = ()
    name: str = "recordings"

    @property
    def all(self) -> tuple[Recording, ...]:
        return (*self.train, *self.validation, *self.test)

    def fingerprint(self) -> str:
        """A checksum of the files and what is said in them, by part."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.train, self.validation, self.test):
            for one in part:
                digest.update(hashlib.blake2b(one.path.read_bytes(), digest_size=16).digest())
                digest.update(f"{one.text}\0".encode("utf-8", "surrogatepass"))
            digest.update(b"\1")
        return digest.hexdigest()


def read_recordings(source: str | Path, transcribed: bool = True, columns: Sequence[str] = TEXTS) -> Recordings:
    """Find the recordings of a source and their transcripts; no sound is decoded yet.

    A source is a file of sound or features; a manifest, a table with columns of files and of transcripts (`path`,
    `text` and the names of Common Voice, NeMo and others), or LJSpeech's `metadata.csv`; or a folder with such a
    manifest, with CMU Sphinx's `etc`, with `*.trans.txt` as LibriSpeech has, with `x.txt` beside `x.wav`, or with
    what is said in the names of folders or files. Parts are told by names: `train.csv` beside `test.csv`, folders
    `train-clean` and `test-clean`.

    Args:
        transcribed: whether the transcripts are needed.
        columns: names of a manifest's column of transcripts, without case.

    Raises:
        DataError: there are no recordings, files of a manifest are missing, or transcripts are.
    """
    path = base = _path(source)
    if path.is_dir():
        path = _only_folder(path)
        found = _from_folder(path, transcribed, columns)
    elif is_sound(path) or is_features(path):
        found = Recordings((Recording(path, name=path.name),), name=path.stem)
    else:
        found = _from_manifests(
            [path, *(one for some in beside(path, _bare(path)).values() for one in some)], transcribed, columns
        )
    found = replace(found, name=path.name if path.is_dir() else path.name.split(".")[0])
    if transcribed and (bare := [one.path for one in found.all if one.text is None]):
        raise DataError(
            got=f"{_counted(len(bare), 'file')} without a transcript in {path} ({_some(bare)})",
            wanted="a manifest of path and text, a transcript beside each file (x.txt beside x.wav), or *.trans.txt",
            do="add the transcripts, or move those files away",
        )
    if transcribed and (blank := [one.path for one in found.all if not (one.text or "").strip()]):
        raise DataError(
            got=f"{_counted(len(blank), f'blank {_what(columns)}')}, the first of {blank[0]}",
            wanted=f"a {_what(columns)} for each recording",
            do="fill them, or remove those recordings",
        )
    return _without_duplicates(_named(found, base), _what(columns))


def _what(columns: Sequence[str]) -> str:
    """What a manifest's column of these names holds."""
    return "transcript" if columns is TEXTS else "label"


def _named(found: Recordings, base: Path) -> Recordings:
    """Recordings that no manifest names, by their paths in a folder."""

    def named(part: tuple[Recording, ...]) -> tuple[Recording, ...]:
        return tuple(one if one.name else one._replace(name=str(one.path.relative_to(base))) for one in part)

    return replace(found, train=named(found.train), validation=named(found.validation), test=named(found.test))


def has_recordings(source: Path) -> bool:
    """Whether a path is one of sound, or a folder of sound."""
    if source.is_dir():
        return any(is_sound(file) for file in files_in(source))
    return is_sound(source)


def labels_of_names(folder: Path, files: Sequence[Path], place: int | None = None) -> tuple[np.ndarray, str]:
    """The label of each file, as all names have it in one place, and where that is, in words.

    Names are cut at `_`, `-`, dots and spaces. The label is the first piece of several that takes several values, each
    of them several times; or that of a place, counted from 1.

    Raises DataError where there is no such place.

    >>> names = [Path(f"{digit}_{who}_{n}.wav") for digit in "01" for who in ("ann", "bob") for n in range(3)]
    >>> labels, told = labels_of_names(Path(), names)
    >>> labels.tolist()[:7], told
    ([0, 0, 0, 0, 0, 0, 1], 'the first part of the names (0_ann_0.wav: 0)')
    """
    pieces = [re.split(r"[_\-. ]+", file.stem) for file in files]
    counts = {len(one) for one in pieces}
    least = min(counts)
    if place is not None and not 1 <= place <= least:
        raise DataError(
            got=f"--target {place} for names of {least} part{'s'[: least != 1]}, such as {files[0].name}",
            wanted=f"1 to {least}",
            do="correct --target",
        )
    columns = range(least) if place is None else (place - 1,)
    # A name of one piece that comes again in another folder counts files.
    for column in columns if (len(counts) == 1 and least > 1) or place is not None else ():
        found = Counter(one[column] for one in pieces)
        if place is not None or (len(found) > 1 and min(found.values()) > 1 and len(found) <= len(files) / 2):
            words = ORDINALS[column] if column < len(ORDINALS) else f"{column + 1}th"
            told = f"the {words} part of the names ({files[0].name}: {pieces[0][column]})"
            return labels_from_text(np.array([one[column] for one in pieces])), told
    raise DataError(
        got=f"files without labels in {folder} ({_some(files)})",
        wanted="folders named by label, or names that have it in one place, such as 7_ann_3.wav",
        do="move the files of each label into a folder, or say its place in the names with --target 1",
    )


def parts_of_lists(folder: Path, files: Sequence[Path]) -> dict[str, list[Path]]:
    """The files by part where lists in the folder name those of the test part, as Speech Commands has them.

    Those in no list are to train. Empty where there is no list.
    """
    part: dict[Path, str] = {}
    for name, one in LISTS.items():
        if (folder / name).is_file():
            part |= {folder / line.strip(): one for line in _lines(folder / name) if line.strip()}
    if "test" not in part.values():
        return {}
    found: dict[str, list[Path]] = {"train": [], "validation": [], "test": []}
    for file in files:
        found[part.get(file, "train")].append(file)
    return found


def without_noise(folder: Path, files: Sequence[Path]) -> tuple[list[Path], str]:
    """The files that lie in no folder whose name begins with _, which are no words, and a note on the others."""
    left = {
        file: top for file in files if (top := file.relative_to(folder).parts[0]).startswith("_") and top != file.name
    }
    if len(left) == len(files):
        return list(files), ""
    names = ", ".join(sorted(set(left.values())))
    note = (
        f"left out, as names that begin with _ are no labels: {names} ({_counted(len(left), 'file')})" if left else ""
    )
    return [file for file in files if file not in left], note


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def _path(source: str | Path) -> Path:
    try:
        path = Path(source).expanduser()
        if str(source) and path.exists():
            return path
    except (OSError, RuntimeError, ValueError):
        pass
    shown = str(source) if len(str(source)) <= 200 else f"{str(source)[:200]}…"
    raise DataError(got=f"{shown!r}, which does not exist", wanted="audio, a manifest or a folder", do="check the path")


def _only_folder(path: Path) -> Path:
    """What lies in a folder that holds one other and nothing beside it, as archives are unpacked."""
    inside = [one for one in path.iterdir() if not one.name.startswith(".")]
    while len(inside) == 1 and inside[0].is_dir() and _part_of(inside[0].name) == "" and inside[0].name not in PLACES:
        path = inside[0]
        inside = [one for one in path.iterdir() if not one.name.startswith(".")]
    return path


def _part_of(name: str) -> str:
    """The part that a name begins or ends with, as train-clean-100 or fr_test; empty where it does not."""
    hit = PART_FIRST.match(name)
    return PART_OF[hit[1].lower()] if hit else part_of(name)


def _from_folder(path: Path, transcribed: bool, columns: Sequence[str]) -> Recordings:
    if (path / "etc").is_dir() and any((path / "etc").glob("*.fileids")):
        return _from_sphinx(path)
    if not transcribed:
        return Recordings(tuple(map(Recording, _sounding(path))))
    manifests = _manifests(path)
    named = [file for file in manifests if _part_of(_bare(file))]
    if any(_part_of(_bare(file)) == "train" for file in named):
        left = [file for file in manifests if file not in named]
        found = _from_manifests(named, transcribed, columns)
        return replace(found, notes=(*found.notes, *([f"left out: {_some(left)}"] if left else [])))
    if len(manifests) == 1:
        return _from_manifests(manifests, transcribed, columns)
    if len(manifests) > 1:
        raise DataError(
            got=f"{len(manifests)} tables in {path} ({_some(manifests)}), and none whose name says train",
            wanted="one manifest, or train and test",
            do="name the one to learn from",
        )
    by_part = [
        file for one in sorted(path.iterdir()) if one.is_dir() and _part_of(one.name) for file in _manifests(one)
    ]
    if any(_part_of(file.parent.name) == "train" for file in by_part):
        return _from_manifests(by_part, transcribed, columns)
    files = _sounding(path)
    texts, told = _transcripts(path, files)
    if texts:
        return _by_folders(path, [Recording(file, texts.get(file)) for file in files], told)
    return _words(path, files)


def _sounding(path: Path) -> list[Path]:
    """The files of sound in a folder, or of features where there are none."""
    files = files_in(path)
    found = [file for file in files if is_sound(file)] or [file for file in files if is_features(file)]
    if not found:
        raise DataError(
            got=f"the folder {path} without audio",
            wanted=f"files {', '.join(SOUND[:4])} and the like, or features ({', '.join(FEATURES)})",
            do="check the path",
        )
    return found


def _transcripts(path: Path, files: Sequence[Path]) -> tuple[dict[Path, str], str]:
    """What is known of each file, and where from."""
    books = sorted(path.rglob("*.trans.txt"))
    if books:
        by_name: dict[tuple[Path, str], str] = {}
        for book in books:
            for line in _lines(book):
                name, _, text = line.partition(" ")
                by_name[book.parent, name] = text
        return {
            file: by_name[file.parent, file.stem] for file in files if (file.parent, file.stem) in by_name
        }, f"transcripts are those of {_counted(len(books), 'file')} *.trans.txt"
    for ending in BESIDE:
        found = {file: file.with_suffix(ending) for file in files if file.with_suffix(ending).is_file()}
        if found:
            texts = {file: " ".join(_lines(text)).strip() for file, text in found.items()}
            return texts, f"transcripts lie beside the files, as *{ending}"
    return {}, ""


def _words(path: Path, files: Sequence[Path]) -> Recordings:
    """Recordings of single words, which are the names of folders, or stand in the names of files."""
    files, left = without_noise(path, files)
    folders = [file.relative_to(path).parts[:-1] for file in files]
    tops = {one[0] if one else "" for one in folders}
    # Where train is a folder beside others that are no part, it is a word, too.
    parted = all(map(_part_of, tops)) and "train" in map(_part_of, tops)
    inside = [one[1:] if parted else one for one in folders]
    while all(inside) and len({one[0] for one in inside}) == 1:
        inside = [one[1:] for one in inside]
    depth = max(map(len, inside), default=0)
    if depth > 1 or len({len(one) for one in inside}) > 1:
        one, other = (files[[len(one) for one in inside].index(n)] for n in (depth, min(map(len, inside))))
        raise DataError(
            got=f"{one.relative_to(path)} in {path}"
            + (f" beside {other.relative_to(path)}" if len(other.parts) < len(one.parts) else ", a folder in a folder"),
            wanted="each file in one folder, named by what is said, which may lie in train and test; or a transcript "
            "beside each",
            do="move the files of each word into one folder, or write a manifest of path and text",
        )
    if depth:
        recordings = [Recording(file, one[0]) for file, one in zip(files, inside, strict=True)]
        told = "texts are the names of the folders"
    elif not depth and len(files) > 1:
        labels, where = labels_of_names(path, files)
        recordings = [Recording(file, str(label)) for file, label in zip(files, labels, strict=True)]
        told = f"texts are {where}"
    else:
        recordings, told = [Recording(file) for file in files], ""
    notes = [one for one in (told, left) if one]
    if parted:
        return _by_folders(path, recordings, *notes)
    if lists := parts_of_lists(path, files):
        known = {one.path: one for one in recordings}
        parts = {name: [known[file] for file in some] for name, some in lists.items()}
        return _of_parts(
            parts, [*notes, f"parts are those of {' and '.join(name for name in LISTS if (path / name).is_file())}"]
        )
    return Recordings(tuple(recordings), notes=tuple(notes))


def _by_folders(path: Path, recordings: Sequence[Recording], *told: str) -> Recordings:
    """Recordings in the parts that their folders name."""
    parts: dict[str, list[Recording]] = {}
    folders: dict[str, dict[str, None]] = {}
    for one in recordings:
        between = one.path.relative_to(path).parts[:-1]
        name = next((part for part in between if _part_of(part)), "")
        part = _part_of(name) if name else ""
        parts.setdefault(part, []).append(one)
        if part:
            folders.setdefault(part, {})[name] = None
    notes = [one for one in told if one]
    if "train" not in parts:
        return Recordings(tuple(recordings), notes=tuple(notes))
    others = parts.pop("", [])
    if others:
        notes.append(f"left out, as no folder says train or test: {_some([one.path for one in others])}")
    if len(parts) > 1:
        notes += [f"{', '.join(names)}: the {part} part" for part, names in folders.items()]
    return _of_parts(parts, notes)


def _of_parts(parts: Mapping[str, Sequence[Recording]], notes: Iterable[str]) -> Recordings:
    train, validation, test = (tuple(parts.get(name, ())) for name in ("train", "validation", "test"))
    return Recordings(train, validation, test, tuple(notes))


def _from_sphinx(path: Path) -> Recordings:
    """CMU Sphinx's layout: `etc/NAME_train.fileids` and `.transcription`, files in `feat` or `wav`."""
    etc = path / "etc"
    parts: dict[str, list[Recording]] = {}
    files: dict[str, Path] = {}
    for file in files_in(path):
        if is_sound(file) or is_features(file):
            files.setdefault(file.stem, file)
    for ids in sorted(etc.glob("*.fileids")):
        part = _part_of(ids.stem)
        if not part:
            continue
        texts: dict[str, str] = {}
        book = ids.with_suffix(".transcription")
        for line in _lines(book) if book.exists() else ():
            hit = re.fullmatch(r"(.*)\(([^()\s]+)\)\s*", line)
            if hit:
                # Words in angle brackets and plus signs stand for silence and noise.
                words = [word for word in hit[1].split() if not re.fullmatch(r"<.*>|\+\+.*\+\+", word)]
                texts[hit[2]] = " ".join(words)
        names = [Path(line.strip()).name for line in _lines(ids) if line.strip()]
        _refuse_missing(ids, [name for name in names if name not in files], len(names))
        parts[part] = [Recording(files[name], texts.get(name)) for name in names]
    if "train" not in parts:
        raise DataError(
            got=f"{etc} without a list for train", wanted="NAME_train.fileids", do="rename the list to learn from"
        )
    return _of_parts(parts, [f"parts and transcripts are those of {etc.name}"])


def _manifests(folder: Path) -> list[Path]:
    """The tables that lie in a folder."""
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and not file.name.startswith(".")]
    return [one for one in files if (is_table(one) and ending_of(one) != ".txt") or one.suffix.lower() == ".json"]


def _bare(file: Path) -> str:
    return file.name.split(".")[0]


def _from_manifests(manifests: Sequence[Path], transcribed: bool, columns: Sequence[str]) -> Recordings:
    if len(manifests) == 1:
        rows, told = _rows(manifests[0], transcribed, columns)
        return Recordings(tuple(rows), notes=tuple(told))
    parts: dict[str, list[Recording]] = {}
    notes: list[str] = []
    for manifest in manifests:
        part = _part_of(_bare(manifest)) or _part_of(manifest.parent.name)
        rows, told = _rows(manifest, transcribed, columns)
        parts.setdefault(part, []).extend(rows)
        notes += [f"{manifest.name} is the {part} part", *(one for one in told if one not in notes)]
    return _of_parts(parts, notes)


def _rows(manifest: Path, transcribed: bool, columns: Sequence[str]) -> tuple[list[Recording], list[str]]:
    """The recordings of a manifest."""
    rows = _ljspeech(manifest)
    notes: list[str] = []
    if rows is None:
        names, texts, notes = _columns(manifest, transcribed, columns)
        rows = list(zip(names, texts, strict=True))
    place = _places(manifest)
    found = [(place(name), name, text) for name, text in rows]
    _refuse_missing(manifest, [name for path, name, _ in found if path is None], len(found))
    return [Recording(path, text, name) for path, name, text in found if path is not None], notes


def _columns(
    manifest: Path, transcribed: bool, columns: Sequence[str]
) -> tuple[list[str], list[str | None], list[str]]:
    table = _opened(manifest)
    folded = {name.strip().casefold(): name for name in reversed(table.columns)}
    path = next((folded[name] for name in PATHS if name in folded), None)
    text = next((folded[name.casefold()] for name in columns if name.casefold() in folded), None)
    if not table.header or path is None or (transcribed and text is None):
        lacking = "files" if path is None else f"{_what(columns)}s"
        raise DataError(
            got=f"{manifest} without a column of {lacking} (it has {listed(table.columns)})",
            wanted=f"one named {', '.join(PATHS[:2] if path is None else columns[:3])} or the like",
            do="rename it",
        )
    wanted = [path] if text is None else [path, text]
    frame = table.read(text=wanted, columns=wanted)
    if len(frame) == 0:
        raise DataError(got=f"{manifest} with 0 rows", wanted="a recording a row", do="check how it was made")
    for name in wanted:
        if (holes := frame[name].isna().to_numpy()).any():
            row = int(holes.argmax())
            raise DataError(
                got=f"an empty cell in {manifest}, {table.place(row)}, column {name!r}",
                wanted=f"a file and its {_what(columns)}",
                do="fill or remove the row",
            )
    if "offset" in folded and _any_number(table.read(columns=[folded["offset"]])[folded["offset"]]):
        raise DataError(
            got=f"{manifest} with offsets into longer files", wanted="a file for each transcript", do="cut the files"
        )
    notes = [f"what is said in each is the column {text!r}"] if columns is TEXTS and text not in (None, "text") else []
    names = [str(one) for one in frame[path]]
    return names, [None] * len(names) if text is None else [str(one) for one in frame[text]], notes


def _opened(manifest: Path) -> Table:
    if manifest.suffix.lower() == ".json":
        # NeMo's manifests are JSON lines, others an array.
        start = next((line.strip() for line in _lines(manifest) if line.strip()), "")
        return JsonArray(manifest) if start.startswith("[") else JsonLines(manifest)
    if ending_of(manifest) in TEXT and "\t" in next(iter(_lines(manifest)), ""):
        return TabLines(manifest)
    return open_table(manifest)


class TabLines(Table):
    """A row a line, of cells with tabs between them, in which a quote is a sign like others, as Common Voice has them.

    A cell that is quoted as a whole is what stands inside.
    """

    def __init__(self, path: Path) -> None:
        lines = [(n, line.split("\t")) for n, line in enumerate(_lines(path), start=1) if line.strip()]
        (_, header), *self.rows = lines
        super().__init__(path, [_unquoted(name.strip()) for name in header])
        for n, cells in self.rows:
            if len(cells) != len(header):
                raise DataError(
                    got=f"{_counted(len(cells), 'cell')} in {path}, line {n}",
                    wanted=f"{len(header)} as in the header",
                    do="correct that line",
                )

    def place(self, row: int) -> str:
        return f"line {self.rows[row][0]}"

    def _read(self, columns: Sequence[str], text: Collection[str], tell: Tell | None) -> pandas.DataFrame:
        import pandas as pd

        cells = {
            name: [_unquoted(row[self._positions[name]].strip()) or None for _, row in self.rows] for name in columns
        }
        return pd.DataFrame(cells, dtype=object)


class JsonArray(JsonLines):
    """An object a row, all in one array."""

    def _rows(self, source: Source) -> Iterator[dict[str, Any]]:
        try:
            rows = json.loads("\n".join(_lines(self.path)))
        except (ValueError, RecursionError) as error:
            raise DataError(
                got=f"{self.path} that is no JSON ({error})", wanted="an array of objects", do="correct it"
            ) from None
        for number, row in enumerate(rows, start=1):
            yield self._row(json.dumps(row), number)


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if re.fullmatch(r'"(?:[^"]|"")*"', cell) else cell


def _any_number(column: Any) -> bool:
    """Whether a column has numbers other than 0."""
    import pandas as pd

    return bool(pd.to_numeric(column, errors="coerce").fillna(0).any())


def _ljspeech(manifest: Path) -> list[tuple[str, str | None]] | None:
    """The rows of a manifest as LJSpeech's: `id|text|normalized text` without a header; none for any other."""
    if ending_of(manifest) not in (".csv", ".txt", ".psv") or manifest.suffix.lower() in (".gz", ".xz", ".bz2", ".zip"):
        return None
    lines = [line for line in _lines(manifest) if line.strip()]
    cells = [line.split("|") for line in lines]
    place = _places(manifest)
    some = cells[:20]
    if not all(2 <= len(one) <= 4 for one in some) or not any(place(one[0]) for one in some):
        return None
    if any(cell.strip().casefold() in PATHS for cell in some[0]):
        return None
    # The third field has numbers and abbreviations in words.
    return [
        (one[0], (one[2] if len(one) > 2 and one[2].strip() else one[1]) if len(one) > 1 else None) for one in cells
    ]


def _places(manifest: Path) -> Callable[[str], Path | None]:
    """Where the file of a name lies: as it is written, beside the manifest, or in a folder of PLACES there."""
    folders = [manifest.parent / one for one in (*PLACES, _bare(manifest))]
    folders = [one for one in folders if one.is_dir()]

    @cache
    def padded() -> dict[str, Path]:
        """The files whose names begin or end with a space, which the cells of a table lose."""
        some = [one for folder in folders for one in folder.iterdir() if one.name != one.name.strip()]
        return {one.name.strip(): one for one in some if one.is_file()}

    def place(name: str) -> Path | None:
        bare = name.strip()
        ways: list[str | Path] = [name, bare, PureWindowsPath(bare).as_posix()] if bare else []
        if bare.startswith("~/"):
            ways.append(Path.home() / bare[2:])
        for folder in folders:
            for written in ways:
                try:
                    path = folder / written
                    if path.is_file():
                        return path
                    for ending in (*SOUND, *FEATURES) if not (is_sound(path) or is_features(path)) else ():
                        if (named := path.with_name(path.name + ending)).is_file():
                            return named
                except (OSError, ValueError):
                    continue
        return padded().get(bare)

    return place


def _refuse_missing(manifest: Path, missing: Sequence[str], all_of_them: int) -> None:
    if missing:
        shown = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise DataError(
            got=f"{manifest} with {len(missing):,} of {all_of_them:,} files that are missing ({shown})",
            wanted=f"paths from {manifest.parent} or absolute ones",
            do="correct the paths, or remove those rows",
        )


def _without_duplicates(found: Recordings, kind: str) -> Recordings:
    """Each file once; DataError where one has two transcripts or labels, or is in two parts."""
    texts: dict[Path, str | None] = {}
    places: dict[Path, str] = {}
    parts: dict[str, list[Recording]] = {"train": [], "validation": [], "test": []}
    again = 0
    for name, some in (("train", found.train), ("validation", found.validation), ("test", found.test)):
        for one in some:
            key = one.path.resolve()
            if key not in texts:
                texts[key], places[key] = one.text, name
                parts[name].append(one)
                continue
            if texts[key] != one.text or places[key] != name:
                what = f"with two {kind}s" if texts[key] != one.text else f"in {places[key]} and in {name}"
                raise DataError(got=f"{one.path} {what}", wanted="each file once", do="remove the row that is wrong")
            again += 1
    if not again:
        return found
    note = f"{_counted(again, 'row')} repeated: each file counts once"
    return replace(_of_parts(parts, (*found.notes, note)), name=found.name)


def _lines(path: Path) -> list[str]:
    """The lines of a text, in the encoding that is found."""
    try:
        if path.stat().st_size == 0:
            return []
        text = b"".join(Source(path, scan(path, None).encoding).pieces()).decode()
    except DataError as error:
        raise DataError(got=error.got, wanted="text in UTF-8", do="convert it") from None
    except OSError as error:
        raise DataError(
            got=f"{path} that cannot be opened ({error.strerror})", wanted="a readable file", do="check its rights"
        ) from None
    return text.replace("\r\n", "\n").split("\n")


def _some(files: Sequence[Path]) -> str:
    names = ", ".join(one.name for one in files[:SHOWN])
    return names if len(files) <= SHOWN else f"{names} and {len(files) - SHOWN:,} more"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'s'[: n != 1]}"


def as_json(read: Recordings) -> dict[str, Any]:
    """How many recordings there are of each part."""
    return {"train": len(read.train), "validation": len(read.validation) or None, "test": len(read.test) or None}
