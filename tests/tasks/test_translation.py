"""Translation: the network, what a part of a batch is, and what a translator does."""

import numpy as np
import pytest
import sacrebleu
import torch

import tidegate
from tidegate.data.pairs import Pairs
from tidegate.errors import ConfigError, DataError, DataWarning
from tidegate.tasks.attention import Attention
from tidegate.tasks.translation import IGNORED, PairExamples, Translation, TranslationNetwork, Translator, nearest

NUMBERS = dict(zip(["one", "two", "three", "four", "five"], ["eins", "zwei", "drei", "vier", "fünf"], strict=True))
SOURCES = [f"{a} {b}" for a in NUMBERS for b in NUMBERS]
TARGETS = [" ".join(NUMBERS[word] for word in text.split()) for text in SOURCES]
SMALL = {"hidden_size": 16, "embedding_size": 8, "unit": "char", "steps": 3, "batch_size": 8}


@pytest.fixture(scope="module")
def learned():
    model = Translator(hidden_size=48, embedding_size=32, unit="char", steps=200, batch_size=8, dropout=0.1)
    return model.fit(SOURCES * 4, TARGETS * 4, (SOURCES, TARGETS))


def network(cell="gru", num_layers=1, **given):
    torch.manual_seed(0)
    sizes = {"vocabulary": 20, "embedding_size": 6, "hidden_size": 8, "dropout": 0.0} | given
    return TranslationNetwork(**sizes, cell=cell, num_layers=num_layers).double().eval()


def examples(n=9, batch_size=4, seed=0):
    random = np.random.default_rng(seed)
    sides = [[random.integers(0, 19, random.integers(1, 9)) for _ in range(n)] for _ in range(2)]
    return PairExamples(*sides, border=19, batch_size=batch_size)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_whole_target_at_once_is_the_target_step_by_step(cell, num_layers):
    net = network(cell, num_layers)
    part = examples().part(torch.arange(1))
    memory, real, state = net.encode(part.x, part.x_lengths)
    whole, _, shares = net.decode(part.y, state, memory, real)
    for t in range(part.y.shape[1]):
        one, state, share = net.decode(part.y[:, t : t + 1], state, memory, real)
        torch.testing.assert_close(one[:, 0], whole[:, t])
        torch.testing.assert_close(share[:, 0], shares[:, t])


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_padding_changes_nothing(cell, num_layers):
    net, data = network(cell, num_layers), examples()
    together = net(data.part(torch.arange(9)))
    alone = torch.cat([net(data.part(torch.tensor([n]))) for n in range(9)])
    torch.testing.assert_close(together, alone)


def test_attention_is_by_the_general_score_of_luong():
    torch.manual_seed(0)
    attention = Attention(3)
    queries, memory = torch.randn(1, 2, 3), torch.randn(1, 4, 3)
    context, shares = attention(queries, memory, torch.tensor([[True, True, True, False]]))
    for q in range(2):
        scores = [attention.score(queries[0, q]) @ memory[0, s] for s in range(3)]
        wanted = torch.stack(scores).softmax(0)
        torch.testing.assert_close(shares[0, q], torch.cat([wanted, torch.zeros(1)]))
        torch.testing.assert_close(context[0, q], (wanted.unsqueeze(1) * memory[0, :3]).sum(0))


def test_gradients_reach_every_weight():
    for cell in ("rnn", "lstm", "gru"):
        net = network(cell, 2).train()
        net(examples().part(torch.arange(9))).square().sum().backward()
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())


def test_what_follows_is_the_target_and_its_end():
    part = examples().part(torch.arange(3))
    for n in range(3):
        length = int(part.y_lengths[n])
        assert part.y[n, 0] == 19 and part.following[n, length - 1] == 19
        assert torch.equal(part.y[n, 1:length], part.following[n, : length - 1])
        assert (part.following[n, length:] == IGNORED).all()


def test_an_epoch_has_every_pair_once_and_batches_of_similar_length():
    data = examples(n=403, batch_size=10)
    orders = [data.order(epoch, seed=0) for epoch in range(2)]
    assert all(sorted(order.tolist()) == list(range(403)) for order in orders)
    assert not torch.equal(*orders)
    longest = [int(data.x_lengths[rows].max()) for rows in orders[0][:400].split(10)]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))
    spread = [data.x_lengths[rows].float().std() for rows in orders[0][:400].split(10)]
    assert sum(spread) / len(spread) < 0.5 * data.x_lengths.float().std()


def test_a_batch_that_memory_would_not_hold_goes_in_parts(monkeypatch):
    data = examples(n=20)
    rows = torch.arange(20)
    whole = list(data.parts(rows, rows))
    monkeypatch.setattr("tidegate.tasks.translation.MOST_UNITS", 24)
    parts = list(data.parts(rows, rows))
    assert len(whole) == 1 < len(parts)
    assert all(part.x.numel() <= 24 and part.y.numel() <= 24 for part in parts)
    assert sum(int((part.following != IGNORED).sum()) for part in parts) == data.items(rows)


def test_smoothing_is_for_training_alone():
    data, net = examples(), network()
    part = data.part(torch.arange(9))
    smooth, plain = Translation(net, 0.3), Translation(net, 0.0)
    logits = smooth.output(part)
    torch.testing.assert_close(smooth.losses(logits, part), plain.losses(logits, part))
    net.train()
    assert not torch.allclose(smooth.losses(logits, part), plain.losses(logits, part))


def test_it_learns_to_translate(learned):
    assert learned.predict(["two four", "five one"]) == ["zwei vier", "fünf eins"]


def test_translations_do_not_depend_on_their_neighbors(learned):
    texts = ["two", "three three one five", "one four"]
    assert learned.predict(texts) == [learned.predict([text])[0] for text in texts]


def test_a_saved_translator_translates_the_same(learned, tmp_path):
    learned.save(tmp_path / "model")
    assert tidegate.load(tmp_path / "model").predict(SOURCES) == learned.predict(SOURCES)


def test_empty_texts_stay_empty(learned):
    assert learned.predict(["", " ", "one two"])[:2] == ["", ""]
    assert learned.predict([]) == []


def test_what_training_has_not_seen_is_told(learned):
    with pytest.warns(DataWarning, match="characters that training has not seen: 'Q', '☃'"):
        learned.predict(["one ☃ Q"])


def test_long_texts_are_cut_with_a_word(learned, recwarn):
    learned.set_params(max_length=7)
    try:
        with pytest.warns(DataWarning, match="1 text has more than 7 characters and is cut"):
            found = learned.predict(["two one three", "two one"])
    finally:
        learned.set_params(max_length=256)
    assert found[0] == learned.predict(["two one"])[0]


def test_long_pairs_are_not_learned_from():
    with pytest.warns(DataWarning, match="training pairs are left out, of more than 9 characters"):
        Translator(**SMALL, max_length=9).fit(SOURCES, TARGETS)


def test_empty_sides_are_left_out_with_a_word():
    with pytest.warns(DataWarning, match="1 pair is left out, as a side is empty"):
        Translator(**SMALL).fit(["", *SOURCES], ["null", *TARGETS])


def test_long_translations_of_short_texts_are_not_cut():
    targets = ["from tide to tide the boats lie still", "when morning comes we put to sea"] * 30
    model = Translator(hidden_size=48, embedding_size=32, unit="char", steps=200, batch_size=8, dropout=0.0)
    assert model.fit(["a", "b"] * 30, targets).predict(["a"]) == [targets[0]]


def test_the_search_is_as_its_settings_say(learned, monkeypatch):
    asked = []
    monkeypatch.setattr("tidegate.tasks.translation.beam_search", lambda *given: asked.append(given[-2:]) or [[0]])
    learned.set_params(beam=3, length_penalty=0.5)
    try:
        learned.predict(["one"])
    finally:
        learned.set_params(beam=5, length_penalty=1.0)
    assert asked == [(3, 0.5)]


def test_settings_of_the_search_are_saved_as_they_are(learned, tmp_path):
    learned.set_params(beam=2)
    try:
        learned.save(tmp_path / "model")
    finally:
        learned.set_params(beam=5)
    assert tidegate.load(tmp_path / "model").beam == 2


def test_the_sign_for_the_unknown_is_never_written():
    model = Translator(**{**SMALL, "steps": 30}, vocab_size=3).fit(SOURCES, TARGETS)
    assert "\ufffd" not in "".join(model.predict(SOURCES))


def test_dropout_has_one_mask_for_all_steps_of_a_text():
    net = network(dropout=0.5).train()
    dropped = net.dropout(torch.ones(3, 7, 50, dtype=torch.float64))
    assert (dropped == dropped[:, :1]).all() and not (dropped[0] == dropped[1]).all()


def test_smoothing_takes_its_share(monkeypatch):
    net = network().train()
    part = examples().part(torch.arange(9))
    learner = Translation(net, 0.2)
    logits = learner.output(part)
    shares = logits.log_softmax(-1)
    right = shares.gather(1, part.following[part.following != IGNORED].unsqueeze(1)).sum()
    torch.testing.assert_close(learner.losses(logits, part), -(0.8 * right + 0.2 * shares.mean(-1).sum()))


def test_scores_are_those_of_sacrebleu(learned):
    texts = learned.predict(SOURCES)
    scored = learned.metrics(SOURCES, TARGETS)
    assert scored["bleu"] == sacrebleu.corpus_bleu(texts, [TARGETS]).score
    assert scored["chrf"] == sacrebleu.corpus_chrf(texts, [TARGETS]).score
    assert "tok:13a" in scored["bleu_signature"] and "version:" in scored["chrf_signature"]
    assert learned.score(SOURCES, TARGETS) == scored["bleu"]


def test_targets_without_spaces_are_scored_by_character():
    model = Translator(**SMALL).fit(["one two", "two one"] * 20, ["一二" * 9, "二一" * 9] * 20)
    assert "tok:char" in model.metrics(["one two"] * 10, ["一二" * 9] * 10)["bleu_signature"]


def test_attention_has_a_row_for_every_unit_that_is_written(learned):
    source, target, shares = learned.attention("two one", "zwei eins")
    assert "".join(source) == "two one" and "".join(target) == "zwei einsend"
    assert shares.shape == (10, 7)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def test_the_most_similar_text_shares_most_words():
    train = Pairs(("a red boat", "the tide", "a blue house"), ("1", "2", "3"))
    assert nearest(train, ["the blue house", "tide", "??"]) == ["3", "2", "1"]


def test_the_most_similar_text_is_by_words_and_not_by_letters():
    train = Pairs(("tea eat ate", "an early summer sea"), ("1", "2"))
    assert nearest(train, ["eta sea"]) == ["2"]


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("unit", ["bpe", "byte"])
def test_every_cell_and_unit_runs(cell, unit):
    model = Translator(cell, **{**SMALL, "unit": unit}, num_layers=2).fit(SOURCES, TARGETS)
    assert all(isinstance(text, str) for text in model.predict(["one", "three"]))


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        (["a", "b"], ["a"], "2 texts and 1 translations"),
        ("abc", ["a"], "X of str"),
        (["a"], [3], "int in y"),
        (np.array("one"), ["a"], "X of ndarray"),
        ({"a": 1}, ["a"], "X of dict"),
        ({"a"}, ["a"], "X of set"),
        ([], [], "no pair of texts"),
        (["", "a"], ["b", " "], "no pair of texts"),
        (["\ud800"], ["b"], "unpaired surrogate"),
        (["a" * 300], ["b"], "all longer than max_length=256"),
    ],
)
def test_what_is_no_pairs_is_refused(X, y, says):
    with pytest.raises(DataError) as refused:
        Translator(**SMALL).fit(X, y)
    assert says in str(refused.value)


@pytest.mark.parametrize("validation", [SOURCES, (SOURCES,), 5])
def test_validation_data_is_two_lists(validation):
    with pytest.raises(DataError, match=r"validation_data|texts and"):
        Translator(**SMALL).fit(SOURCES, TARGETS, validation)


@pytest.mark.parametrize("name", ["beam", "length_penalty", "max_length"])
def test_a_search_that_cannot_work_is_refused_when_translating(learned, name):
    before = getattr(learned, name)
    learned.set_params(**{name: -1})
    try:
        with pytest.raises(ConfigError, match=name):
            learned.predict(["one"])
    finally:
        learned.set_params(**{name: before})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_size", 7), ("beam", 0), ("label_smoothing", 1.0), ("length_penalty", -1), ("max_length", 0),
        ("unit", "words"), ("embedding_size", 1.5), ("vocab_size", 3), ("batch_size", None),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(name, value):
    with pytest.raises(ConfigError, match=name):
        Translator(**{**SMALL, "unit": "bpe", name: value}).fit(SOURCES, TARGETS)
