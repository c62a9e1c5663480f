"""Language models: what a chunk is, what a text costs, and what they write."""

import math

import numpy as np
import pytest
import torch

import tidegate
from tidegate.errors import ConfigError, DataError
from tidegate.tasks.language import Chunks, Language, LanguageModel, LanguageNetwork, packed_bits

TIDE = "the tide comes and goes. "
SMALL = {"hidden_size": 16, "steps": 3, "chunk": 16, "batch_size": 4}


@pytest.fixture(scope="module")
def learned():
    return LanguageModel(hidden_size=32, steps=150, chunk=32, batch_size=8).fit(TIDE * 100)


@pytest.mark.parametrize("whole", [False, True])
def test_chunks_cover_the_text_in_its_order(whole):
    units = np.arange(1, 1001)
    chunks = Chunks(units, border=0, streams=3, steps=50, whole=whole)
    streams = [[] for _ in range(3)]
    for rows in chunks.order(0, 0).split(3):
        (part,) = chunks.parts(rows, torch.arange(3))
        assert torch.equal(part.y, part.x + 1) and part.begins == (int(rows[0]) == 0)
        for b in range(3):
            streams[b] += part.x[:, b].tolist()
    for b, stream in enumerate(streams):
        assert stream == list(range(1 + 333 * b, 1 + 333 * b + (333 if whole else 300)))
    assert chunks.items(torch.arange(len(chunks))) == (999 if whole else 900)


def test_epochs_begin_at_other_places():
    chunks = Chunks(np.arange(1000), border=0, streams=2, steps=50)
    firsts = [next(chunks.parts(torch.arange(2), torch.arange(2), (0, epoch, 0))).x[0, 0].item() for epoch in range(4)]
    assert len(set(firsts)) == 4


def test_processes_share_the_streams():
    chunks = Chunks(np.arange(1000), border=0, streams=4, steps=50)
    rows, at = torch.arange(4, 8), (0, 0, 1)
    whole = next(chunks.parts(rows, torch.arange(4), at)).x
    shares = [next(chunks.parts(rows, torch.arange(4)[rank::2], at)).x for rank in range(2)]
    assert torch.equal(torch.stack(shares, dim=2).flatten(1), whole)


def test_the_state_goes_from_chunk_to_chunk():
    torch.manual_seed(0)
    network = LanguageNetwork(20, 8, cell="gru", hidden_size=8, num_layers=2, dropout=0.0)
    units = np.random.default_rng(0).integers(1, 20, 401)
    learner = Language(network)
    chunks = Chunks(units, border=0, streams=2, steps=40)
    pieces = [learner.output(part) for rows in chunks.portions() for part in chunks.parts(rows, torch.arange(2))]
    whole, _ = network(torch.from_numpy(units[:400]).view(2, 200).T)
    torch.testing.assert_close(torch.cat(pieces), whole)


def test_a_border_begins_anew():
    torch.manual_seed(0)
    network = LanguageNetwork(20, 8, cell="lstm", hidden_size=8, num_layers=1, dropout=0.0)
    texts = [torch.tensor([0, 3, 4, 5]), torch.tensor([0, 7, 8, 9, 10])]
    x = torch.cat(texts).unsqueeze(1)
    together, _ = network(x, resets=x == 0)
    apart = torch.cat([network(text.unsqueeze(1))[0] for text in texts])
    torch.testing.assert_close(together, apart)


def test_it_learns_what_comes_next(learned):
    assert learned.generate("the tide", length=17, temperature=0) == " comes and goes. "
    assert learned.score(TIDE * 3)["nats_per_character"] < 0.5
    assert learned.score("etaoin shrdlu")["nats_per_character"] > 2


def test_a_score_is_the_sum_of_what_each_character_costs(learned):
    text = TIDE * 5
    nats, states = learned.surprise(text)
    assert nats.shape == (len(text),) and states.shape == (len(text), 32)
    found = learned.score(text)
    assert found["nats_per_character"] == pytest.approx(nats.mean())
    assert found["bits_per_character"] == pytest.approx(nats.mean() / math.log(2))
    assert found["perplexity"] == pytest.approx(math.exp(nats.mean()))


def test_a_long_text_is_scored_in_pieces(learned, monkeypatch):
    whole = learned.surprise(TIDE * 20)[0]
    monkeypatch.setattr("tidegate.tasks.language.SCORED_AT_ONCE", 7)
    np.testing.assert_allclose(learned.surprise(TIDE * 20)[0], whole, rtol=1e-4, atol=1e-5)


def test_shares_of_all_next_characters_sum_to_one(learned):
    units = learned.units_
    costs = [learned.surprise("the " + sign)[0][-1] for sign in units.signs]
    others = 2  # the unknown and the border, which no text holds
    total = sum(math.exp(-cost) for cost in costs)
    assert 0.99 < total <= 1 + 1e-6 and len(costs) + others == units.size


def test_the_same_seed_writes_the_same_text(learned):
    one, again, other = (learned.generate("the ", 60, temperature=1.5, seed=seed) for seed in (1, 1, 2))
    assert one == again != other
    assert "".join(learned.stream("the ", 60, temperature=1.5, seed=1)) == one
    assert len(one) == 60


def test_a_small_share_is_the_most_probable_unit(learned):
    greedy = learned.generate("the ", 40, temperature=0)
    assert learned.generate("the ", 40, temperature=1.0, top_p=1e-9, seed=5) == greedy


@pytest.mark.parametrize("unit", ["char", "byte", "bpe"])
def test_saved_and_loaded_it_says_the_same(tmp_path, unit):
    size = {"vocab_size": 300} if unit == "bpe" else {}
    model = LanguageModel(**SMALL, unit=unit, **size).fit(TIDE * 60)
    model.save(tmp_path / "model")
    again = tidegate.load(tmp_path / "model")
    assert again.score(TIDE) == model.score(TIDE)
    assert again.generate("thé", 30) == model.generate("thé", 30)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_output_is_the_embedding_where_sizes_allow(tmp_path, cell):
    model = LanguageModel(cell, **{**SMALL, "num_layers": 2}, embedding_size=16).fit(TIDE * 30)
    assert model.network_.output.weight is model.network_.embedding.weight
    model.save(tmp_path / "model")
    again = tidegate.load(tmp_path / "model")
    assert again.network_.output.weight is again.network_.embedding.weight
    assert again.score(TIDE) == model.score(TIDE)


def test_documents_are_learned_apart():
    texts = [f"{name} is here." for name in ("Ada", "Bob", "Cyd")] * 20
    model = LanguageModel(**{**SMALL, "hidden_size": 32, "steps": 300}, dropout=0.0, validation_share=0.0).fit(texts)
    written = model.generate(length=80, temperature=0.5).split("\n\n")
    assert len(written) > 2 and set(written[:-1]) <= set(texts)


def test_a_vocabulary_of_one_character_is_no_way_to_win():
    text = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 3000))
    few = LanguageModel(**{**SMALL, "steps": 30}, vocab_size=1).fit(text)
    all_of_them = LanguageModel(**{**SMALL, "steps": 30}).fit(text)
    assert few.score(text)["bits_per_character"] > 10 > all_of_them.score(text)["bits_per_character"]


@pytest.mark.parametrize(
    ("steps", "share", "held"), [(40, None, False), (800, None, True), (40, 0.2, True), (800, 0.0, False)]
)
def test_a_text_that_is_read_often_holds_its_end_out(steps, share, held):
    model = LanguageModel(**{**SMALL, "steps": steps}, validation_share=share)
    train, validation = model.set_up((TIDE * 64,))
    assert model.passes_ == steps * 4 * 16 / 1600
    assert model.holds_out_ == held
    learned = len(train.units) - 1
    assert learned == 1600 * (1 - 0.05 * (share is None) - (share or 0)) if held else learned == 1600
    assert len(validation.units) < 0.3 * learned


def test_a_short_text_chooses_the_weights_where_it_is_given():
    model = LanguageModel(**{**SMALL, "steps": 60}, checks=6).fit(TIDE * 20, validation_data=TIDE[:9])
    alone = LanguageModel(**{**SMALL, "steps": 60}, checks=6, validation_share=0.0).fit(TIDE * 20)
    assert [row["validation_loss"] for row in model.history_] != [row["validation_loss"] for row in alone.history_]


def test_unknown_characters_are_counted(learned):
    assert learned.score("the Ωtide Ω")["unknown"] == 2
    assert "\ufffd" not in learned.generate("Ω", 200, temperature=3.0)


def test_what_is_known_packs_better():
    text = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 20_000))
    bits = packed_bits([text], [text[:5000]])
    assert bits["xz"] < 0.2
    assert bits["single characters"] == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize(
    ("parameters", "text", "error"),
    [
        ({}, "", DataError),
        ({}, [], DataError),
        ({}, 7, DataError),
        ({}, ["a", 7], DataError),
        ({}, "too short", DataError),
        ({}, "a", DataError),
        ({"unit": "byte"}, "ab\ud800" * 100, DataError),
        ({"unit": np.array(["a", "b"])}, TIDE * 20, ConfigError),
        ({"hidden_size": 2**40}, TIDE * 20, ConfigError),
        ({"unit": "word"}, TIDE * 20, ConfigError),
        ({"unit": "bpe", "vocab_size": 7}, TIDE * 20, ConfigError),
        ({"chunk": 0}, TIDE * 20, ConfigError),
        ({"chunk": 2.5}, TIDE * 20, ConfigError),
        ({"embedding_size": 0}, TIDE * 20, ConfigError),
        ({"batch_size": None}, TIDE * 20, ConfigError),
        ({"cell": "mamba"}, TIDE * 20, ConfigError),
    ],
)
def test_what_cannot_be_learned_is_refused(parameters, text, error):
    with pytest.raises(error, match=r"^got .*; wanted .*; do "):
        LanguageModel(**{**SMALL, **parameters}).fit(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"length": -1},
        {"temperature": -1.0},
        {"top_p": 0.0},
        {"top_p": 1.5},
        {"seed": -1},
        {"prompt": 7},
        {"prompt": "\udcff"},
    ],
)
def test_what_cannot_be_written_is_refused(learned, wrong):
    with pytest.raises((ConfigError, DataError), match=r"^got .*; wanted .*; do "):
        learned.generate(**wrong)


def test_a_fit_that_fails_leaves_the_model_as_it_was(learned):
    before = learned.score(TIDE)
    with pytest.raises(DataError):
        learned.fit("short")
    assert learned.score(TIDE) == before
