"""Audio files: every kind of sample gives the same waveform, and what is no whole sound is refused."""

import io

import numpy as np
import pytest

from tests.sounds import spoken
from tidegate.data.audio import (
    UNKNOWN_SIZES,
    Resampler,
    as_waveform,
    pieces_of,
    read_features,
    read_sound,
    resample,
    stream_sound,
)
from tidegate.errors import DataError

soundfile = pytest.importorskip("soundfile")
WAVE = spoken("abcd")


def written(path, waveform=WAVE, rate=8000, **kind):
    soundfile.write(path, waveform, rate, **kind)
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "error"),
    [
        ("x.wav", "PCM_U8", 1e-2),
        ("x.wav", "PCM_16", 1e-4),
        ("x.wav", "PCM_24", 1e-6),
        ("x.wav", "FLOAT", 0),
        ("x.FLAC", "PCM_24", 1e-6),
        ("x.ogg", "VORBIS", 0.1),
    ],
)
def test_each_kind_of_file_holds_the_waveform(tmp_path, name, subtype, error):
    waveform, rate = read_sound(written(tmp_path / name, subtype=subtype))
    assert waveform.dtype == np.float32 and rate == 8000
    np.testing.assert_allclose(waveform, WAVE, atol=error)


def test_stereo_is_the_mean_of_its_channels(tmp_path):
    waveform, _ = read_sound(written(tmp_path / "x.wav", np.stack([WAVE, 0 * WAVE], axis=1), subtype="FLOAT"))
    np.testing.assert_allclose(waveform, WAVE / 2, atol=1e-7)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_holds_the_samples_of_the_file(tmp_path, subtype, channels):
    both = np.stack([WAVE, WAVE[::-1]], axis=1)[:, :channels]
    path = written(tmp_path / "x.wav", both, subtype=subtype)
    pieces = [piece for piece, rate in stream_sound(io.BytesIO(path.read_bytes()), 0.013) if rate == 8000]
    assert len(pieces) > 3
    np.testing.assert_array_equal(np.concatenate(pieces), read_sound(path)[0])


class Dribble(io.RawIOBase):
    """A pipe that gives three bytes at a time."""

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def read(self, count=-1):
        return self.file.read(min(3, count))


def test_a_stream_that_comes_within_samples_is_whole(tmp_path):
    data = written(tmp_path / "x.wav", subtype="PCM_16").read_bytes()
    whole = np.concatenate([piece for piece, _ in stream_sound(Dribble(data))])
    np.testing.assert_array_equal(whole, read_sound(tmp_path / "x.wav")[0])


@pytest.mark.parametrize("rates", [(8000, 16000), (44100, 16000), (16000, 8000)])
def test_resampling_does_not_depend_on_how_it_is_cut(rates):
    whole = resample(WAVE, *rates)
    pieces = list(Resampler(*rates)(np.split(WAVE, [1, 500, 501, 2000])))
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert abs(len(whole) - len(WAVE) * rates[1] / rates[0]) <= 1


def test_resampling_keeps_a_tone():
    t = np.arange(8000) / 8000
    there = resample(np.sin(2 * np.pi * 440 * t).astype(np.float32), 8000, 16000)
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(there[500:-500], expected[500:-500], atol=1e-3)


def refused(path):
    with pytest.raises(DataError, match=r"^got .*; wanted .*; do ") as error:
        read_sound(path)
    assert path.name in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


def test_what_is_no_sound_is_refused(tmp_path):
    (tmp_path / "text.wav").write_text("no sound at all")
    (tmp_path / "nothing.flac").write_bytes(b"")
    assert "cannot be read as audio" in refused(tmp_path / "text.wav")
    assert "an empty file" in refused(tmp_path / "nothing.flac")
    assert "without samples" in refused(written(tmp_path / "silent.wav", WAVE[:0]))
    infinite = np.where(np.arange(len(WAVE)) == 5, np.inf, WAVE)
    assert "not finite" in refused(written(tmp_path / "inf.wav", infinite, subtype="FLOAT"))


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3", "x.ogg"])
def test_a_file_that_was_cut_is_refused(tmp_path, name):
    path = written(tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    refused(path)
    with pytest.raises(DataError):
        list(pieces_of(path))
    if name == "x.wav":
        with pytest.raises(DataError, match="a stream that ends early"):
            list(stream_sound(io.BytesIO(path.read_bytes())))


@pytest.mark.parametrize("size", UNKNOWN_SIZES)
def test_a_size_that_a_pipe_left_open_is_no_cut(tmp_path, size):
    path = written(tmp_path / "x.wav")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = size.to_bytes(4, "little")
    if size:
        path.write_bytes(data)
        np.testing.assert_allclose(read_sound(path)[0], WAVE, atol=1e-4)
    pieces = [piece for piece, _ in stream_sound(io.BytesIO(data))]
    np.testing.assert_allclose(np.concatenate(pieces), WAVE, atol=1e-4)


def test_what_lies_behind_the_samples_of_a_stream_is_no_sound(tmp_path):
    data = written(tmp_path / "x.wav").read_bytes() + b"LIST" + (4000).to_bytes(4, "little") + bytes(4000)
    assert sum(len(piece) for piece, _ in stream_sound(io.BytesIO(data))) == len(WAVE)


def test_a_stream_of_the_extensible_format_is_read(tmp_path):
    path = written(tmp_path / "x.wav", format="WAVEX", subtype="PCM_16")
    pieces = [piece for piece, _ in stream_sound(io.BytesIO(path.read_bytes()))]
    np.testing.assert_array_equal(np.concatenate(pieces), read_sound(path)[0])


def test_samples_that_are_no_sound_are_refused_in_a_stream(tmp_path):
    for value in (np.nan, 1e7):
        path = written(tmp_path / "x.wav", np.where(np.arange(len(WAVE)) == 5, value, WAVE), subtype="FLOAT")
        with pytest.raises(DataError, match="a stream with"):
            list(stream_sound(io.BytesIO(path.read_bytes())))


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint8])
def test_whole_numbers_are_scaled(kind):
    info = np.iinfo(kind)
    found = as_waveform(np.array([info.min, info.max], dtype=kind), "x")
    np.testing.assert_allclose(found, [-1, 1], atol=1e-2)


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros((9, 2)), "mean of its channels"),
        (np.zeros(9, dtype=bool), "bool"),
        (np.zeros(9, dtype=complex), "complex"),
        ([[1.0], [1.0, 2.0]], "type object"),
        ("abc", "real numbers"),
        (np.array([0.0, np.inf]), "not finite"),
        (np.array([0.0, -2e6]), "a sample of 2e"),
    ],
)
def test_what_is_no_waveform_is_refused(samples, says):
    with pytest.raises(DataError, match=rf"^got x .*{says}"):
        as_waveform(samples, "x")


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF",
        b"OggS" + bytes(100),
        b"RIFF1234WAVEfmt \x10\0\0\0" + bytes(16),
        b"RIFF1234WAVEfmt \x04\0\0\0" + bytes(16),
        b"RIFF1234WAVELIST\xff\xff\xff\x7f" + bytes(16),
    ],
)
def test_a_stream_of_another_kind_is_refused(data):
    with pytest.raises(DataError, match=r"^got .*; wanted .*; do "):
        list(stream_sound(io.BytesIO(data)))


def sphinx(values, order=">"):
    return np.array([values.size], dtype=f"{order}i4").tobytes() + values.astype(f"{order}f4").tobytes()


def test_ready_features_are_read_from_each_kind_of_file(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(7, 13)).astype(np.float32)
    np.save(tmp_path / "a.npy", matrix.astype(np.float64))
    np.savez(tmp_path / "a.npz", matrix)
    (tmp_path / "a.mfc").write_bytes(sphinx(matrix))
    (tmp_path / "b.mfc").write_bytes(sphinx(matrix, "<"))
    for name in ("a.npy", "a.npz", "a.mfc", "b.mfc"):
        np.testing.assert_array_equal(read_features(tmp_path / name), matrix)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", np.zeros(5)),
        ("a.npy", np.zeros((0, 3))),
        ("a.npy", np.full((3, 2), np.nan)),
        ("a.npy", np.array([["a"]])),
        ("a.npy", b"nothing"),
        ("a.npz", b"PK\3\4"),
        ("a.mfc", b"\0\0\0\1"),
        ("a.mfc", b""),
        ("a.mfc", sphinx(np.zeros(14))),
    ],
)
def test_what_are_no_features_is_refused(tmp_path, name, content):
    path = tmp_path / name
    np.save(path, content) if isinstance(content, np.ndarray) else path.write_bytes(content)
    with pytest.raises(DataError, match=r"^got .*; wanted .*; do "):
        read_features(path)
