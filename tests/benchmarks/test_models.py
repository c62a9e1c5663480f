"""Models are compared before they are timed; what is not installed is left out, with its name said."""

import json

import pytest
import torch
from torch import nn

import tidegate
from benchmarks import models
from benchmarks.models import FIT, STEP, Published, Training
from tidegate.errors import BackendError


class Toy(nn.Module):
    """Two layers with dropout in between."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.LSTM(3, 5, num_layers=2, dropout=0.5), nn.Linear(5, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


def make():
    return Training(Toy(), {"x": torch.randn(7, 2, 3)}, lambda model, batch: model(batch["x"]).square().mean())


def fit():
    training = make()
    update = models.updates(training)
    update()
    return training.model


def absent():
    import no_such_package

    return no_such_package.Model()


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    """Toy models in place of the published ones; the process keeps its cores and threads."""
    monkeypatch.setattr(models, "use_threads", lambda threads: torch.get_num_threads())
    makers = {"toy": make, "absent": absent}
    toys = {name: Published("A toy", "numpy", "3 to 5", maker, fit) for name, maker in makers.items()}
    monkeypatch.setattr(models, "MODELS", toys)


def test_a_row_for_each_side_of_step_and_fit(tmp_path, capsys):
    models.main(["--models", "absent,toy", "--seconds", "0", "--out", str(tmp_path / "a.jsonl")])
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    sides = [(mode, backend) for mode in (STEP, FIT) for backend in ("torch", "tidegate")]
    assert [(row["mode"], row["backend"]) for row in rows] == sides
    assert all(row["what"] == "toy" and row["title"] == "A toy" and row["version"] for row in rows)
    assert all(row["error"] < 1e-5 and row["ms"]["p50"] > 0 for row in rows)
    assert capsys.readouterr().out.splitlines()[0].startswith("absent: left out, as no_such_package is not installed")


def test_wrong_gradients_are_not_timed():
    def accelerate_wrongly(model):
        model.rnn.weight_hh_l0.register_hook(lambda gradient: 1.001 * gradient)
        return tidegate.accelerate(model)

    wrong = Published("A toy", "numpy", "3 to 5", make, fast=accelerate_wrongly)
    with pytest.raises(BackendError, match=r"gradient of rnn.weight_hh_l0 1\.0e-03 of its norm away"):
        models.step(wrong, seconds=0, rounds=3)


def test_a_fit_that_ends_elsewhere_is_not_timed():
    other = Published("A toy", "numpy", "3 to 5", make, fit, fast_fit=lambda: models.seeded(fit, seed=1))
    with pytest.raises(BackendError, match="weights .* away from those of torch.nn"):
        models.fit(other, seconds=0, rounds=3)


def test_a_model_that_nothing_makes_fast_is_not_timed():
    left = Published("A toy", "numpy", "3 to 5", make, fast=lambda model: model)
    with pytest.raises(BackendError, match="not tidegate"):
        models.step(left, seconds=0, rounds=3)


def test_an_unknown_model_is_told(tmp_path):
    with pytest.raises(SystemExit, match="got --models nobody; wanted some of toy, absent"):
        models.main(["--models", "nobody", "--out", str(tmp_path / "a.jsonl")])
