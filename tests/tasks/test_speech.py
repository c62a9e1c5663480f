"""Speech: what a batch is, what is learned, and that a stream says what the whole does."""

import numpy as np
import pytest
import torch

import tidegate
from tests.sounds import RATE, sentences, spoken
from tidegate.errors import ConfigError, DataError
from tidegate.tasks.error_rates import error_rates
from tidegate.tasks.language import LanguageModel
from tidegate.tasks.speech import CONTEXT, SpeechNetwork, SpeechRecognizer, Utterances

for name in ("soundfile", "soxr", "kaldi_native_fbank", "jiwer"):
    pytest.importorskip(name)
TEXTS = sentences(48)
WAVES = [spoken(text, seed=n) for n, text in enumerate(TEXTS)]
OTHERS = sentences(8, seed=1)
HEARD = [spoken(text, seed=100 + n) for n, text in enumerate(OTHERS)]
SMALL = {"hidden_size": 32, "num_layers": 1, "steps": 3, "batch_size": 8, "sample_rate": RATE, "mel_bins": 20}


@pytest.fixture(scope="module")
def learned():
    model = SpeechRecognizer(**{**SMALL, "steps": 150, "learning_rate": 1e-2, "bidirectional": False, "dropout": 0.0})
    return model.fit(WAVES, TEXTS)


def utterances(count=21, patch=3, **options):
    random = np.random.default_rng(0)
    features = [random.normal(size=(random.integers(20, 60), 4)).astype(np.float32) for _ in range(count)]
    return Utterances(features, [np.array([1, 2, 2])] * count, ["abb"] * count, patch, batch_size=4, **options)


def test_an_order_has_every_row_once_and_similar_lengths_together():
    examples = utterances()
    order, other = examples.order(0, 0), examples.order(1, 0)
    assert sorted(order.tolist()) == list(range(21)) and not torch.equal(order, other)
    spread = [np.ptp(examples.lengths[order[n : n + 4]]) for n in range(0, 20, 4)]
    assert np.mean(spread) < 20 < np.ptp(examples.lengths)


def test_processes_share_a_step_and_its_changes():
    examples = utterances(masks=2, stretch=0.1)
    rows, at = torch.tensor([3, 1, 2, 0]), (0, 0, 1)
    (whole,) = examples.parts(rows, torch.arange(4), at)
    for rank in range(2):
        (share,) = examples.parts(rows, torch.arange(4)[rank::2], at)
        for b in range(2):
            T = int(share.lengths[b])
            assert int(whole.lengths[2 * b + rank]) == T
            torch.testing.assert_close(share.x[b, :T], whole.x[2 * b + rank, :T], rtol=0, atol=0)
    (again,) = examples.parts(rows, torch.arange(4), (0, 0, 2))
    assert not torch.equal(again.lengths, whole.lengths)


def test_training_begins_with_recordings_as_they_are():
    examples = utterances(masks=2, stretch=0.2, unchanged=8)
    rows = mine = torch.arange(4)
    # An epoch has six steps.
    same = [torch.equal(next(examples.parts(rows, mine, at)).x, next(examples.parts(rows, mine)).x) for at in
            ((0, 0, 5), (0, 1, 1), (0, 1, 2))]  # fmt: skip
    assert same == [True, True, False]


def test_what_is_hidden_is_a_stretch_of_frames_and_of_features():
    examples = utterances(masks=1)
    changed = examples.changed(torch.ones(100, 20), torch.tensor([1]), np.random.default_rng(3))
    frames, features = (changed == 0).all(dim=1), (changed == 0).all(dim=0)
    assert 0 < int(frames.sum()) <= 10 and 0 < int(features.sum()) <= 5
    assert torch.equal(changed == 0, frames.unsqueeze(1) | features)


def test_hiding_leaves_the_data_as_it_was():
    examples = utterances(masks=2)
    before = [one.clone() for one in examples.features]
    (part,) = examples.parts(torch.arange(4), torch.arange(4), (0, 0, 0))
    assert all(map(torch.equal, before, examples.features))
    assert not torch.equal(part.x[0, : len(before[0])], before[0])


def test_each_recording_is_changed_in_its_own_way():
    same = [np.ones((60, 20), dtype=np.float32)] * 4
    examples = Utterances(same, [np.array([1])] * 4, ["a"] * 4, 3, batch_size=4, masks=2)
    (part,) = examples.parts(torch.arange(4), torch.arange(4), (0, 0, 0))
    assert len({one.numpy().tobytes() for one in part.x}) == 4


def test_what_is_held_out_is_not_learned():
    features = [np.full((60, 20), n, dtype=np.float32) for n in range(30)]
    model = SpeechRecognizer(**SMALL, validation_share=0.2)
    texts = [sign * 3 for sign in "abcdefghijklmnopqrstuvwxyzäöüß"]
    train, held = model.set_up((features, texts, texts), ((), (), ()), None)
    assert held is not None and len(held) == 6 and {*train.texts, *held.texts} == set(texts) and len(train) == 24


def test_features_are_dropped_before_each_layer_but_the_first():
    network = SpeechNetwork(4, 6, cell="rnn", hidden_size=8, num_layers=3, bidirectional=True, patch=3, dropout=0.5)
    seen = []
    network.dropout.register_forward_hook(lambda module, args, output: seen.append((args[0].shape[2], output)))
    network(torch.randn(2, 30, 4))
    assert [width for width, _ in seen] == [16, 16, 16]
    assert all(bool((output == 0).all(dim=0).any()) for _, output in seen)


def test_a_faster_recording_still_holds_what_is_said():
    examples = utterances(stretch=0.5)
    said = torch.tensor([1, 1, 2, 3])
    lengths = {len(examples.changed(torch.ones(16, 4), said, np.random.default_rng(n))) for n in range(30)}
    assert min(lengths) == 15 and max(lengths) > 20


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_padding_changes_nothing(cell, bidirectional):
    network = SpeechNetwork(
        4, 6, cell=cell, hidden_size=8, num_layers=2, bidirectional=bidirectional, patch=3, dropout=0.2
    ).eval()
    x, lengths = torch.randn(2, 20, 4), torch.tensor([20, 10])
    x[1, 10:] = 0
    together, steps = network(x, lengths)
    alone, _ = network(x[1:, :10])
    assert steps.tolist() == [7, 4] and alone.shape == (4, 1, 6)
    torch.testing.assert_close(together[:4, 1], alone[:, 0])


def test_a_step_sees_its_patch_and_those_before_it():
    network = SpeechNetwork(
        1, 3, cell="rnn", hidden_size=4, num_layers=1, bidirectional=False, patch=2, dropout=0.0
    ).eval()
    windows = network._windows(torch.arange(1.0, 6.0).view(1, 5, 1), None)[0]
    assert windows.tolist() == [[0, 0, 0, 0, 1, 2], [0, 0, 1, 2, 3, 4], [1, 2, 3, 4, 5, 0]] and CONTEXT == 3


def test_it_learns_what_is_said(learned):
    found = learned.metrics(HEARD, OTHERS)
    assert found["wer"] < 0.2 and found["n"] == 8
    assert learned.score(HEARD, OTHERS) == 1 - found["wer"]


@pytest.mark.parametrize("size", [37, 400, 5000])
def test_a_stream_says_what_the_whole_does(learned, size):
    wave = np.concatenate([HEARD[0], spoken("  "), HEARD[1]])
    pieces = np.split(wave, range(size, len(wave), size))
    assert " ".join(learned.stream(pieces)) == learned.predict([wave])[0]


def test_words_of_a_stream_come_before_its_end(learned):
    wave = np.concatenate([*HEARD[:3], spoken("  ")])
    given, when = [], []

    def pieces():
        for piece in np.split(wave, range(800, len(wave), 800)):
            given.append(piece)
            yield piece

    for _ in learned.stream(pieces()):
        when.append(len(given))
    assert len(when) > 2 and when[0] < len(given) / 2 and when == sorted(when)


def test_a_beam_and_a_language_model_are_asked(learned):
    language = LanguageModel(hidden_size=16, steps=80, chunk=16, batch_size=4).fit([" ".join(TEXTS)] * 3)
    whole = learned.metrics(HEARD, OTHERS, beam=8, language_model=language)["wer"]
    assert whole <= learned.metrics(HEARD, OTHERS)["wer"] + 0.05
    # A bonus for each sign finds some where nothing is said.
    insists = learned.predict(HEARD, beam=8, language_model=language, weight=0.0, bonus=8.0)
    assert sum(map(len, insists)) > sum(map(len, learned.predict(HEARD, beam=8)))
    learned.decode_by(beam=8)
    try:
        assert learned.predict(HEARD) == learned.predict(HEARD, beam=8)
        wave = np.concatenate(HEARD[:3])
        assert " ".join(learned.stream(np.split(wave, [500, 4000]))) == learned.predict([wave])[0]
    finally:
        learned.decode_by()


@pytest.mark.parametrize("of", ["waveforms", "features", "paths"])
def test_saved_and_loaded_it_says_the_same(tmp_path, of):
    import soundfile

    X = WAVES[:12]
    if of == "features":
        X = [np.random.default_rng(n).normal(size=(60, 5)) for n in range(12)]
    if of == "paths":
        for n, wave in enumerate(WAVES[:12]):
            soundfile.write(tmp_path / f"{n}.wav", wave, RATE)
        X = [tmp_path / f"{n}.wav" for n in range(12)]
    options = {**SMALL, "sample_rate": None if of != "waveforms" else RATE}
    if of == "features":
        del options["mel_bins"]
    model = SpeechRecognizer(**options, stretch=0.1).fit(X, TEXTS[:12])
    model.save(tmp_path / "model")
    again = tidegate.load(tmp_path / "model")
    assert again.predict(X) == model.predict(X)
    heard, _ = model.features(X, model.preparation_.mel, model.preparation_.channels)
    for one, other in zip(model.log_probs(heard), again.log_probs(heard), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_seed_learns_the_same():
    runs = [SpeechRecognizer(**SMALL, seed=seed).fit(WAVES[:16], TEXTS[:16]).history_ for seed in (1, 1, 2)]
    losses = [[row["train_loss"] for row in history] for history in runs]
    assert losses[0] == losses[1] != losses[2]


def test_whole_numbers_are_read_as_in_files(learned):
    as_int = [np.round(wave * 32768).astype(np.int16) for wave in HEARD[:2]]
    assert learned.predict(as_int) == learned.predict(HEARD[:2])


def test_a_stream_takes_whole_numbers(learned):
    pieces = [np.round(wave * 32768).astype(np.int16) for wave in HEARD[:3]]
    assert " ".join(learned.stream(pieces)) == learned.predict([np.concatenate(pieces)])[0] != ""


@pytest.mark.parametrize(
    ("pieces", "rate", "error"),
    [
        ([HEARD[0], HEARD[1] * np.nan], None, DataError),
        ([np.stack([HEARD[0]] * 2, axis=1)], None, DataError),
        (["abc"], None, DataError),
        (7, None, DataError),
        ([HEARD[0][:1]], None, DataError),
        ([], None, DataError),
        *(([HEARD[0]], rate, ConfigError) for rate in (0, -5, "a", 8000.5, True)),
    ],
)
def test_a_stream_that_cannot_be_heard_is_refused(learned, pieces, rate, error):
    with pytest.raises(error, match=r"^got .*; wanted .*; do "):
        list(learned.stream(pieces, rate))


def test_an_unknown_argument_is_refused(learned):
    for call in (learned.predict, lambda X, **more: learned.metrics(X, OTHERS[:1], **more)):
        with pytest.raises(TypeError, match="bema"):
            call(HEARD[:1], bema=3)


def test_a_score_without_words_is_refused(learned):
    with pytest.raises(DataError, match="empty transcript"):
        learned.metrics(HEARD[:2], ["ab", "?"])


def test_texts_are_scored_as_they_are_written(learned):
    texts = learned.predict(HEARD[:2])
    assert learned.metrics(HEARD[:2], [f" {text}!" for text in texts])["wer"] == 0


def test_a_character_that_was_never_seen_is_an_error_while_training(learned):
    learner = learned.learner()
    metrics = learner.metrics(torch.device("cpu"))
    # The second recording is padded: behind its three steps nothing is heard.
    logits = torch.full((5, 2, 6), -9.0)
    logits[:, :, 2] = 0
    logits[3, 1], logits[4, 1] = 9 * torch.eye(6)[3], 9 * torch.eye(6)[4]
    part = examples_of(learned, ["a", "ax"])
    learner.update(metrics, (logits, torch.tensor([5, 3])), part)
    assert metrics.compute()["cer"] == pytest.approx(1 / 3)


def examples_of(model, texts):
    (part,) = model._ready([np.zeros((30, 20), dtype=np.float32)] * len(texts), texts, texts).parts(
        torch.arange(len(texts)), torch.arange(len(texts))
    )
    return part


def test_errors_are_counted_over_words():
    found = error_rates(["a b c", "d"], ["a x c e", ""])
    assert found["wer"] == pytest.approx(3 / 4)
    assert (found["substitutions"], found["deletions"], found["insertions"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("parameters", "X", "y", "error"),
    [
        ({}, [], [], DataError),
        ({}, "x.wav", ["a"], DataError),
        ({}, ["nowhere.wav"], ["a"], DataError),
        ({}, WAVES[:2], ["a"], DataError),
        ({}, WAVES[:2], "ab", DataError),
        ({}, WAVES[:2], None, DataError),
        ({}, WAVES[:2], ["", "..."], DataError),
        ({}, [WAVES[0], WAVES[1][:0]], ["a", "b"], DataError),
        ({}, [WAVES[0], np.stack([WAVES[1]] * 2)], ["a", "b"], DataError),
        ({}, [WAVES[0], WAVES[1] * np.nan], ["a", "b"], DataError),
        ({}, [np.zeros((500, 2)), np.zeros((500, 2))], ["a", "b"], DataError),
        ({"sample_rate": None}, [np.zeros((50, 20))] * 2, ["a", "b"], DataError),
        ({"sample_rate": None, "mel_bins": 40}, [np.zeros((5, 3)), np.zeros((5, 4))], ["a", "b"], DataError),
        ({}, WAVES[0], ["a"], DataError),
        ({}, [[[1.0], [1.0, 2.0]]], ["a"], DataError),
        ({}, WAVES[:2], ["a", "..."], DataError),
        ({}, WAVES[:2], ["a" * 200, "b"], DataError),
        ({"sample_rate": None}, WAVES[:2], ["a", "b"], ConfigError),
        ({"sample_rate": 10}, WAVES[:2], ["a", "b"], ConfigError),
        ({"mel_bins": 0}, WAVES[:2], ["a", "b"], ConfigError),
        ({"patch": 0}, WAVES[:2], ["a", "b"], ConfigError),
        ({"masks": -1}, WAVES[:2], ["a", "b"], ConfigError),
        ({"stretch": 1.0}, WAVES[:2], ["a", "b"], ConfigError),
        ({"lower": "yes"}, WAVES[:2], ["a", "b"], ConfigError),
        ({"cell": "mamba"}, WAVES[:2], ["a", "b"], ConfigError),
    ],
)
def test_what_cannot_be_learned_is_refused(parameters, X, y, error):
    with pytest.raises(error, match=r"^got .*; wanted .*; do "):
        SpeechRecognizer(**{**SMALL, **parameters}).fit(X, y)


@pytest.mark.parametrize(
    "wrong", [{"beam": 0}, {"beam": 2.5}, {"language_model": 7}, {"weight": -1.0, "beam": 2}, {"bonus": "x"}]
)
def test_a_decoding_that_cannot_work_is_refused(learned, wrong):
    with pytest.raises(ConfigError, match=r"^got .*; wanted .*[^ ]; do "):
        learned.predict(HEARD[:1], **wrong)
    assert learned.beam_[0] == 1


def test_a_model_in_both_directions_hears_no_stream():
    model = SpeechRecognizer(**SMALL).fit(WAVES[:8], TEXTS[:8])
    with pytest.raises(ConfigError, match="from both ends"):
        list(model.stream([HEARD[0]]))
