"""Sound and ready features in files: waveforms as mono float32, matrices of features [T, C]."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tidegate.errors import DataError, missing_extra

SOUND = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".snd", ".caf", ".w64", ".sph",
)  # fmt: skip
"""Endings that libsndfile reads."""
FEATURES = (".npy", ".npz", ".mfc")
"""Endings of ready features."""
BLOCK = 65_536
"""Samples that are read at once."""
UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36)
"""What programs write as the size of a WAV file that they wrote into a pipe."""
MOST_RATE = 768_000
LOUDEST = 1e6
"""Beyond this no sample is sound in -1..1, however it was scaled."""
LARGEST_HEADER, LARGEST_CHUNK = 1 << 16, 1 << 26
"""Bytes of the chunk of a WAV stream that says its kind, and of others before the sound, at most."""


def is_sound(path: Path) -> bool:
    """Whether the name is that of an audio file.

    >>> is_sound(Path("a/YES.WAV")), is_sound(Path("a/yes.txt"))
    (True, False)
    """
    return path.suffix.lower() in SOUND


def is_features(path: Path) -> bool:
    """Whether the name is that of a matrix of features."""
    return path.suffix.lower() in FEATURES


def sample_rate_of(path: Path) -> int:
    """The samples a second that an audio file has."""
    with _opened(path) as file:
        return int(file.samplerate)


def read_sound(path: Path) -> tuple[np.ndarray, int]:
    """The waveform [S] of an audio file in -1..1, the mean of its channels, and its samples a second.

    Raises DataError where it is no audio, empty, or not whole.
    """
    pieces = list(pieces_of(path))
    return np.concatenate([piece for piece, _ in pieces]), pieces[0][1]


def pieces_of(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """An audio file piece by piece: waveforms [S] and the samples a second.

    Raises DataError as `read_sound` does, at the latest after the last piece.
    """
    with _opened(path) as file:
        expected, found, lacking = file.frames, 0, _lacking(path)
        for piece in () if lacking else _blocks(file, path):
            found += len(piece)
            yield piece, int(file.samplerate)
    if not lacking and 0 < found < expected < 2**40:
        lacking = f"{found:,} of {expected:,} samples"
    if lacking:
        raise DataError(got=f"{path}, which ends early ({lacking})", wanted="a whole file", do="copy it again")
    if found == 0:
        raise DataError(got=f"{path} without samples", wanted="sound", do="leave it out, or check how it was made")


def as_waveform(samples: Any, what: str) -> np.ndarray:
    """Samples [S] as float32 in -1..1, checked; whole numbers are scaled as those of files are."""
    try:
        found = np.asarray(samples)
    except ValueError:  # rows of unequal length
        found = np.asarray(None)
    if found.ndim == 2 and found.dtype.kind in "iuf":
        raise DataError(
            got=f"{what} of shape {found.shape}", wanted="a waveform (samples)", do="take the mean of its channels"
        )
    if found.ndim != 1 or found.dtype.kind not in "iuf":
        raise DataError(
            got=f"{what} of shape {found.shape} and type {found.dtype}",
            wanted="a waveform (samples) of real numbers",
            do="convert it",
        )
    if found.dtype.kind in "iu":
        info = np.iinfo(found.dtype)
        found = found.astype(np.float64) / (info.max + 1) if info.min else found / (info.max / 2 + 0.5) - 1
    with np.errstate(over="ignore"):
        return _checked(np.ascontiguousarray(found, dtype=np.float32), what)


def _checked(waveform: np.ndarray, what: str) -> np.ndarray:
    if not np.isfinite(waveform).all():
        raise DataError(
            got=f"{what} with samples that are not finite", wanted="sound", do="leave it out, or convert it"
        )
    if len(waveform) and (most := float(np.abs(waveform).max())) > LOUDEST:
        raise DataError(
            got=f"{what} with a sample of {most:.3g}", wanted="samples in -1..1", do="scale it, or leave it out"
        )
    return waveform


def stream_sound(file: BinaryIO, seconds: float = 0.1) -> Iterator[tuple[np.ndarray, int]]:
    """Pieces of a WAV stream as they come: waveforms [S] and the samples a second.

    The file need not be one that can be sought in: a pipe will do. Raises DataError where it is no WAV, or after the
    last piece where it ends before its header says.
    """
    rate, channels, kind, bits, size = _wav_header(file)
    frame = channels * bits // 8
    wanted, rest, found = max(1, int(seconds * rate)) * frame, b"", 0
    while size is None or found < size:
        # A pipe gives what is there, which may end within a sample.
        count = wanted if size is None else min(wanted, size - found)
        piece = file.read1(count) if hasattr(file, "read1") else file.read(count)
        if not piece:
            break
        found += len(piece)
        rest += piece
        whole = len(rest) // frame * frame
        if whole:
            yield _checked(_samples(rest[:whole], kind, bits, channels), "a stream"), rate
            rest = rest[whole:]
    if size is not None and found < size:
        raise DataError(
            got=f"a stream that ends early ({found:,} of {size:,} bytes of sound)",
            wanted="a whole WAV stream",
            do="check what writes into it",
        )


def resample(waveform: np.ndarray, rate: int, to: int) -> np.ndarray:
    """A waveform [S] at another rate, by soxr in high quality."""
    if rate == to:
        return waveform
    return np.concatenate(list(Resampler(rate, to)([waveform])))


class Resampler:
    """Resamples pieces of a waveform, to the same samples however it was cut."""

    def __init__(self, rate: int, to: int) -> None:
        try:
            import soxr
        except ModuleNotFoundError as error:
            raise missing_extra(error) from error
        self.stream = None if rate == to else soxr.ResampleStream(rate, to, 1, dtype="float32")

    def __call__(self, pieces: Any) -> Iterator[np.ndarray]:
        if self.stream is None:
            yield from pieces
            return
        for piece in pieces:
            for begin in range(0, len(piece), BLOCK):
                yield self.stream.resample_chunk(np.ascontiguousarray(piece[begin : begin + BLOCK]))
        yield self.stream.resample_chunk(np.empty(0, dtype=np.float32), last=True)


def read_features(path: Path) -> np.ndarray:
    """A matrix of features [T, C] in float32: `.npy`, the only array of an `.npz`, or Sphinx's `.mfc`.

    Raises DataError where it holds something else.
    """
    if path.suffix.lower() == ".mfc":
        return _read_sphinx(path)
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            names = list(loaded) if hasattr(loaded, "files") else []
            if names and len(names) != 1:
                raise DataError(
                    got=f"{path} with {len(names)} arrays", wanted="one, of features", do="write one matrix a file"
                )
            found = np.asarray(loaded[names[0]] if names else loaded)
    except DataError:
        raise
    except Exception as error:  # numpy raises what its parts raise
        raise DataError(
            got=f"{path} that cannot be read ({' '.join(str(error).split())[:100]})",
            wanted="a matrix as numpy saves it",
            do="check how it was made",
        ) from None
    return as_features(found, str(path))


def as_features(found: Any, what: str) -> np.ndarray:
    """A matrix of features [T, C] as float32, checked."""
    found = np.asarray(found)
    if found.dtype.kind not in "iuf" or found.ndim != 2 or 0 in found.shape:
        raise DataError(
            got=f"{what} of shape {found.shape} and type {found.dtype}",
            wanted="a matrix of numbers (frames, features)",
            do="convert it",
        )
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(found, dtype=np.float32)
    if not np.isfinite(found).all():
        frame = int((~np.isfinite(found)).any(axis=1).argmax())
        raise DataError(
            got=f"{what} with a value that is not finite, in frame {frame}",
            wanted="finite numbers",
            do="leave it out, or check how it was made",
        )
    return found


SPHINX_FEATURES = 13
"""Of CMU Sphinx: 13 cepstral coefficients a frame."""


def _read_sphinx(path: Path) -> np.ndarray:
    """CMU Sphinx's features: the number of values, int32, and the values, float32, in either order of bytes."""
    data = _bytes_of(path)
    for order in ">", "<":
        if len(data) >= 4:
            (count,) = struct.unpack(f"{order}i", data[:4])
            if 4 * count == len(data) - 4 and count and count % SPHINX_FEATURES == 0:
                values = np.frombuffer(data, dtype=f"{order}f4", offset=4)
                return as_features(values.reshape(-1, SPHINX_FEATURES), str(path))
    raise DataError(
        got=f"{path} of {len(data):,} bytes, which do not fit its header",
        wanted=f"CMU Sphinx's features, {SPHINX_FEATURES} a frame",
        do="copy it again, or convert it to .npy",
    )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            got=f"{path} that cannot be opened ({error.strerror})", wanted="a readable file", do="check its rights"
        ) from None


def _opened(path: Path) -> Any:
    try:
        import soundfile
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    try:
        if path.stat().st_size == 0:
            raise DataError(got=f"{path}, an empty file", wanted="sound", do="leave it out, or check how it was made")
        file = soundfile.SoundFile(path)
    except OSError as error:
        raise DataError(
            got=f"{path} that cannot be opened ({error.strerror})", wanted="a readable file", do="check the path"
        ) from None
    except soundfile.SoundFileError as error:
        raise _no_sound(path, error) from None
    if not 0 < file.samplerate <= MOST_RATE:
        raise DataError(
            got=f"{path} of {file.samplerate} samples a second", wanted=f"up to {MOST_RATE:,}", do="leave it out"
        )
    return file


def _blocks(file: Any, path: Path) -> Iterator[np.ndarray]:
    import soundfile

    try:
        while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
            mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
            yield _checked(mono, str(path))
    except soundfile.SoundFileError as error:
        raise _no_sound(path, error) from None


def _no_sound(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()).split(": ", 1)[-1].rstrip(".")
    return DataError(
        got=f"{path} that cannot be read as audio ({reason})",
        wanted="a whole WAV, FLAC, OGG or other file that libsndfile reads",
        do="leave it out, or convert it",
    )


def _lacking(path: Path) -> str:
    """How far a WAV file ends before its header says; empty where it is whole, or no WAV."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return ""
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, said = head[:4], struct.unpack("<I", head[4:])[0]
            if name == b"data":
                there = size - file.tell()
                return "" if said in UNKNOWN_SIZES or there >= said else f"{there:,} of {said:,} bytes of sound"
            file.seek(said + said % 2, 1)
    return ""


def _wav_header(file: BinaryIO) -> tuple[int, int, str, int, int | None]:
    """Samples a second, channels, the kind of sample (int or float), its bits, and the bytes of all samples.

    These are none where a pipe left them open. The file stands at the sound.
    """

    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count and (piece := file.read(count - len(data))):
            data += piece
        if len(data) < count:
            raise DataError(
                got="a stream that ends within its header", wanted="a WAV stream", do="check what writes into it"
            )
        return data

    head = exactly(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise DataError(
            got=f"a stream that begins with {head[:4]!r}",
            wanted="a WAV stream, which begins with b'RIFF'",
            do="convert it, with: ffmpeg -i INPUT -f wav -",
        )
    form: tuple[int, int, str, int] | None = None
    while True:
        name, size = exactly(4), struct.unpack("<I", exactly(4))[0]
        if name == b"data" and form is not None:
            return *form, None if size in UNKNOWN_SIZES else size
        if size > LARGEST_CHUNK or (name == b"fmt " and not 16 <= size <= LARGEST_HEADER):
            raise DataError(
                got=f"a WAV stream with {size:,} bytes in its chunk {name!r}",
                wanted="a header, and then sound",
                do="convert it, with: ffmpeg -i INPUT -c:a pcm_s16le -f wav -",
            )
        body = exactly(size + size % 2)
        if name == b"fmt ":
            code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            code = struct.unpack("<H", body[24:26])[0] if code == 0xFFFE and size >= 26 else code
            kind = {1: "int", 3: "float"}.get(code, "")
            fits = bits in ((8, 16, 24, 32) if kind == "int" else (32, 64))
            if not kind or not fits or not channels or not 0 < rate <= MOST_RATE:
                raise DataError(
                    got=f"a WAV stream of format {code} with {bits} bits",
                    wanted="PCM of 8 to 32 bits, or floats",
                    do="convert it, with: ffmpeg -i INPUT -c:a pcm_s16le -f wav -",
                )
            form = rate, channels, kind, bits


def _samples(data: bytes, kind: str, bits: int, channels: int) -> np.ndarray:
    """Samples as libsndfile gives them: float32 in -1..1, the mean of the channels."""
    found: np.ndarray
    if kind == "float":
        found = np.frombuffer(data, dtype=f"<f{bits // 8}").astype(np.float32)
    elif bits == 8:
        found = (np.frombuffer(data, dtype=np.uint8).astype(np.float32) - 128) / 128
    elif bits == 24:
        padded = np.zeros((len(data) // 3, 4), dtype=np.uint8)
        padded[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
        found = (padded.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    else:
        found = (np.frombuffer(data, dtype=f"<i{bits // 8}") / 2.0 ** (bits - 1)).astype(np.float32)
    return found if channels == 1 else found.reshape(-1, channels).mean(axis=1)
