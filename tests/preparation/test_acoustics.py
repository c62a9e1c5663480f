"""Acoustics: features say what sounds, a stream hears what a file holds, and settings come back from a bundle."""

import json

import numpy as np
import pytest

from tests.sounds import spoken
from tidegate.errors import ConfigError, DataError
from tidegate.preparation.acoustics import Acoustics, LogMel, usual_rate

pytest.importorskip("kaldi_native_fbank")
CUTS = [1, 700, 701, 1500]


def test_a_higher_tone_is_in_a_higher_band():
    mel = LogMel(8000, 40)
    bands = [int(mel(spoken(sign)).mean(axis=0).argmax()) for sign in "abcd"]
    assert bands == sorted(set(bands))


def test_there_is_a_frame_for_every_shift():
    assert [len(LogMel(8000)(np.zeros(n, dtype=np.float32))) for n in (0, 39, 40, 8000)] == [0, 0, 1, 100]


def test_silence_has_finite_features():
    features = LogMel(16000)(np.zeros(1600, dtype=np.float32))
    assert np.isfinite(features).all() and np.ptp(features) == 0


@pytest.mark.parametrize("rate", [8000, 11025])
def test_a_stream_gives_the_bits_of_the_whole(rate):
    wave = spoken("abcd", rate)
    mel = LogMel(8000)
    features = mel.of(wave, rate, "x")
    acoustics = Acoustics.fit([features], mel, running=True)
    pieces = list(acoustics.stream(np.split(wave, CUTS), rate))
    assert len(pieces) > 2
    np.testing.assert_array_equal(np.concatenate(pieces), acoustics(features))


def test_the_mean_of_a_recording_does_not_matter():
    features = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    for running, close in ((False, True), (True, False)):
        acoustics = Acoustics.fit([features], None, running)
        assert np.allclose(acoustics(features), acoustics(features + 5), atol=1e-5) == close


def test_the_running_scale_is_that_of_all_frames():
    features = [np.random.default_rng(n).normal(5 * n, 3, size=(200, 4)) for n in range(5)]
    together = np.concatenate(features)
    scaler = Acoustics.fit(features, None, True).scaler
    np.testing.assert_allclose([scaler.mean, scaler.scale], [together.mean(axis=0), together.std(axis=0)])
    assert Acoustics.fit([np.ones((9, 2))], None, True).scaler.scale.tolist() == [1, 1]


def test_features_are_centered_and_scaled():
    features = [np.random.default_rng(n).normal(n, 3, size=(200, 4)) for n in range(5)]
    ready = np.concatenate([Acoustics.fit(features, None, False)(one) for one in features])
    np.testing.assert_allclose([ready.mean(), ready.std()], [0, 1], atol=1e-3)


def test_settings_come_back_as_they_were():
    for mel in (LogMel(8000, 23), None):
        features = np.random.default_rng(0).normal(size=(9, 4))
        acoustics = Acoustics.fit([features], mel, True)
        again = Acoustics.from_config(json.loads(json.dumps(acoustics.to_config())))
        assert again.mel == mel
        np.testing.assert_array_equal(again(features), acoustics(features))


@pytest.mark.parametrize(
    "wrong", [{"sample_rate": 0}, {"sample_rate": 8000.0}, {"bins": 0}, {"bins": 200}, {"bins": True}]
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"^got .*; wanted .*; do "):
        LogMel(**{"sample_rate": 8000, **wrong})


def test_a_sound_without_a_frame_is_refused():
    mel, short = LogMel(8000), np.zeros(10, dtype=np.float32)
    with pytest.raises(DataError, match=r"x.wav of 1.25 ms; wanted at least"):
        mel.of(short, 8000, "x.wav")
    acoustics = Acoustics.fit([mel(spoken("ab"))], mel, running=True)
    with pytest.raises(DataError, match=r"a stream of 1.25 ms; wanted at least"):
        list(acoustics.stream([short[:4], short[4:]], 8000))


def test_the_usual_rate_is_that_of_most_files():
    assert usual_rate([8000, 16000, 8000]) == 8000 and usual_rate([44100, 44100, 8000]) == 16000
