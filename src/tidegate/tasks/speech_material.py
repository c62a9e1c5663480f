"""What a run of speech makes of a source: recordings to train on, to score, and to write down."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.data import is_built_in
from tidegate.data.audio import is_sound, pieces_of, sample_rate_of, stream_sound
from tidegate.data.recordings import Recording, Recordings, read_recordings
from tidegate.errors import ConfigError, DataError
from tidegate.preparation import Reading
from tidegate.preparation.acoustics import resampled
from tidegate.preparation.reading import SOUND
from tidegate.preparation.transcripts import Transcripts
from tidegate.tasks.base import Material, Say, Tell
from tidegate.tasks.error_rates import error_rates
from tidegate.training import Examples

if TYPE_CHECKING:
    from tidegate.tasks.run import Run
    from tidegate.tasks.speech import SpeechRecognizer

TEST_SHARE, LEAST_TO_TEST = 0.1, 10
"""Of the recordings, where the source has no test part; of fewer none is put aside."""
SCORED_OF_TRAINING = 200
"""Recordings of the training part that are scored, at most."""


class SpeechMaterial(Material):
    """Recordings with what is said in them."""

    compared = "word error rate"

    def __init__(
        self, estimator: SpeechRecognizer, data: str, reading: Reading | None, tell: Tell | None, given: Any
    ) -> None:
        self.reading = estimator.reading_ = reading or Reading()
        estimator.set_params(**{name: value for name, value in self.reading.to_config().items() if name in SOUND})
        self.tell = tell
        self.read = recordings_of(data, self.reading)
        self.train, self.test, self.tested_on = with_test(self.read)
        self.fingerprint = self.read.fingerprint()

    def set_up(self, estimator: SpeechRecognizer) -> tuple[Examples, Examples | None]:
        features, mel, names = estimator.first_features([one.path for one in self.train], self.tell)
        self.frames = sum(map(len, features))
        self.silent = [name for name, one in zip(names, features, strict=True) if np.ptp(one) == 0]
        held: tuple[Any, Any, Any] = (), (), ()
        if self.read.validation:
            paths = [one.path for one in self.read.validation]
            held = (
                estimator.features(paths, mel, features[0].shape[1])[0],
                _texts(self.read.validation),
                list(map(str, paths)),
            )
        found = estimator.set_up((features, _texts(self.train), names), held, mel)
        # What cannot be scored, is found before training.
        if self.test:
            features_of(estimator, self.test)
        refuse_empty(estimator, self.test)
        error_rates(["a"], ["a"])
        return found

    def held_out(self, validation: Examples) -> str:
        return f"{len(validation):,} validation recording{'s'[: len(validation) != 1]}"

    def notes(self, estimator: SpeechRecognizer, validation: Examples | None) -> list[str]:
        lines = list(self.read.notes)
        if self.tested_on:
            lines.append(self.tested_on)
        lines += sound_notes(estimator, self.read.all)
        if self.silent:
            count = len(self.silent)
            are = "recording is" if count == 1 else "recordings are"
            lines.append(f"{count:,} {are} silent, such as {Path(self.silent[0]).name}")
        if told := estimator.transcripts_.told(_texts(self.train)):
            lines.append(told)
        if validation is None:
            lines.append("too few recordings to hold some out: the training data chooses the kept model")
        lines += unseen_notes(estimator.transcripts_, _texts((*self.read.validation, *self.test)))
        return lines

    @property
    def description(self) -> str:
        texts = _texts(self.train)
        words = len({word for text in texts for word in text.split()})
        tested = f"tested on {len(self.test):,} others" if self.test else "no test part"
        return (
            f"{self.read.name}: {len(self.train):,} recordings of {self.frames:,} frames in all, "
            f"{words:,} different words; {tested}"
        )

    def metrics(self, estimator: SpeechRecognizer) -> dict[str, Any]:
        order = np.random.default_rng(0).permutation(len(self.train))[:SCORED_OF_TRAINING]
        found = {"train": score(estimator, [self.train[n] for n in sorted(order)])}
        if self.test:
            found["test"] = score(estimator, self.test)
        return found

    def errors(self, estimator: SpeechRecognizer) -> np.ndarray:
        """The word error rate of each recording of the test part."""
        return self._rates(estimator, estimator.predict([one.path for one in self._compared]))

    def baseline_errors(self, estimator: SpeechRecognizer) -> dict[str, np.ndarray]:
        """Those of the most frequent transcript, whatever is said."""
        (text, _), *_ = Counter(estimator.normalized(_texts(self.train))).most_common(1)
        return {"most frequent transcript": self._rates(estimator, [text] * len(self._compared))}

    @property
    def _compared(self) -> tuple[Recording, ...]:
        if not self.test:
            raise DataError(
                got=f"{len(self.train)} recordings", wanted=f"at least {LEAST_TO_TEST}", do="bring more data"
            )
        return self.test

    def _rates(self, estimator: SpeechRecognizer, heard: Sequence[str]) -> np.ndarray:
        said = estimator.normalized(_texts(self._compared))
        return np.array([error_rates([one], [other])["wer"] for one, other in zip(said, heard, strict=True)])

    @staticmethod
    def evaluate(
        model: SpeechRecognizer, data: str | None, reading: Reading | None, run: Run | None, say: Say
    ) -> dict[str, Any]:
        """The scores of the test part of the run's recordings, or of all others."""
        _refuse_other_sound(model, reading)
        if data is None:
            assert run is not None
        read = recordings_of(run.data if data is None and run is not None else str(data), reading or Reading())
        is_own = run is not None and read.fingerprint() == run.data_fingerprint
        if data is None and not is_own:
            say("the data has changed since the model was trained on it: its test part may hold training data")
        if data is not None and is_own:
            say("this is the data that the model was trained on: its test part is scored")
        if data is None or is_own:
            train, test, _ = with_test(read)
            if not test:
                say("there is no test part: these scores are of the training data")
                return {"train": score(model, train)}
            return {"test": score(model, test)}
        for line in (*read.notes, *sound_notes(model, read.all)):
            say(line)
        for line in unseen_notes(model.transcripts_, _texts(read.all)):
            say(line)
        refuse_empty(model, read.all)
        return {"test": score(model, read.all)}

    @staticmethod
    def predict(
        model: SpeechRecognizer, source: str, reading: Reading | None, probabilities: bool
    ) -> tuple[list[str], list[list[Any]], list[str]]:
        """The file and the text of every recording of a source; of one file of sound its text alone."""
        if probabilities:
            raise ConfigError(got="--probabilities for speech", wanted="an option of labels", do="leave it out")
        if source == "-":
            raise DataError(got="- for standard input", wanted="a file, or a stream", do="add --stream")
        _refuse_other_sound(model, reading)
        read = recordings_of(source, reading or Reading(), transcribed=False)
        texts = model.texts_of(features_of(model, read.all))
        if len(texts) == 1 and is_sound(Path(source)):
            return ["text"], [texts], sound_notes(model, read.all)
        notes = [*read.notes, *sound_notes(model, read.all)]
        return ["file", "text"], [[one.name, text] for one, text in zip(read.all, texts, strict=True)], notes

    @staticmethod
    def stream(model: SpeechRecognizer, source: str) -> Iterator[str]:
        """Words of one recording as they are sure; - is a WAV stream on standard input."""
        if source == "-":
            pieces = stream_sound(sys.stdin.buffer)
        else:
            read = recordings_of(source, Reading(), transcribed=False)
            if len(read.all) != 1 or not is_sound(read.all[0].path):
                raise DataError(got=f"{source} to hear as a stream", wanted="one audio file, or -", do="name one file")
            pieces = pieces_of(read.all[0].path)
        first = next(pieces, None)
        if first is None:
            raise DataError(got="a stream without samples", wanted="sound", do="check what writes into it")
        return model.stream((piece for piece, _ in chain([first], pieces)), first[1])


def recordings_of(source: str, reading: Reading, transcribed: bool = True) -> Recordings:
    """The recordings of a source; ConfigError where what is said of tables is said of them."""
    others = [name for name in reading.to_config() if name not in SOUND]
    if others:
        raise ConfigError(
            got=f"--{others[0].replace('_', '-')} for speech", wanted="no option of tables", do="leave it out"
        )
    if is_built_in(source):
        raise DataError(
            got=f"the built-in dataset {source}",
            wanted="audio, a manifest or a folder",
            do="pass a table of path and text, such as manifest.csv",
        )
    return read_recordings(source, transcribed)


def _refuse_other_sound(model: SpeechRecognizer, reading: Reading | None) -> None:
    mel = model.preparation_.mel
    trained = (None, None) if mel is None else (mel.sample_rate, mel.bins)
    (reading or Reading()).refuse_other_sound(*trained)


def with_test(read: Recordings) -> tuple[tuple[Recording, ...], tuple[Recording, ...], str]:
    """What is learned from, what is scored, and a note where that was drawn.

    The share does not depend on a run's seed, so that it is the same whenever the data is read again.
    """
    if read.test:
        return read.train, read.test, ""
    count = len(read.train)
    if count < LEAST_TO_TEST:
        return read.train, (), f"no test part of {count} recording{'s'[: count != 1]}: scores are of training data"
    held = set(np.random.default_rng(0).permutation(count)[: round(TEST_SHARE * count)].tolist())
    train = tuple(one for n, one in enumerate(read.train) if n not in held)
    test = tuple(one for n, one in enumerate(read.train) if n in held)
    return train, test, f"a random tenth of the recordings is the test part ({len(test):,})"


def features_of(model: SpeechRecognizer, recordings: Sequence[Recording]) -> list[np.ndarray]:
    """Features as the model takes them, not prepared yet."""
    preparation = model.preparation_
    return model.features([one.path for one in recordings], preparation.mel, preparation.channels)[0]


def score(model: SpeechRecognizer, recordings: Sequence[Recording]) -> dict[str, Any]:
    """The error rates on recordings."""
    return model.metrics([one.path for one in recordings], _texts(recordings))


def refuse_empty(model: SpeechRecognizer, recordings: Sequence[Recording]) -> None:
    """Raise DataError where nothing is said in a recording, of which no error is a share."""
    model.said(_texts(recordings), [str(one.path) for one in recordings])


def sound_notes(model: SpeechRecognizer, recordings: Sequence[Recording]) -> list[str]:
    """Which files are resampled."""
    mel = model.preparation_.mel
    if mel is None:
        return []
    return resampled([sample_rate_of(one.path) for one in recordings if is_sound(one.path)], mel.sample_rate)


def unseen_notes(transcripts: Transcripts, texts: Sequence[str]) -> list[str]:
    """Characters of texts that the model cannot write."""
    unseen = transcripts.unseen(map(transcripts.normalized, texts))
    if not unseen:
        return []
    shown = " ".join(unseen[:10]) + (" …" if len(unseen) > 10 else "")
    return [f"characters that training has never seen, each an error: {shown}"]


def _texts(recordings: Sequence[Recording]) -> list[str]:
    return [one.text or "" for one in recordings]


def describe_recordings(source: str, reading: Reading | None = None) -> dict[str, Any]:
    """What is understood of recordings, as JSON."""
    read = recordings_of(source, reading or Reading())
    train, test, drawn = with_test(read)
    texts = _texts(read.all)
    transcripts = Transcripts.fit(_texts(train))
    rates = [sample_rate_of(one.path) for one in read.all if is_sound(one.path)]
    notes = [*read.notes, *([told] if (told := transcripts.told(texts)) else []), *([drawn] if drawn else [])]
    return {
        "name": read.name,
        "recordings": len(read.all),
        "sample_rates": {str(rate): rates.count(rate) for rate in sorted(set(rates))},
        "words": sum(len(text.split()) for text in texts),
        "different": len({word for text in texts for word in text.split()}),
        "signs": transcripts.signs,
        "split": {
            "training": len(train),
            "validation": len(read.validation) or None,
            "test": len(test),
            "test_is": "its own" if read.test else "a random tenth" if test else "none",
        },
        "notes": [*notes, *unseen_notes(transcripts, _texts((*read.validation, *test)))],
    }
