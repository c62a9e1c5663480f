"""Every example runs, small."""

import pytest

from examples import accelerate_yours, curve_gru, demo, mnist_lstm


def test_mnist_lstm():
    assert mnist_lstm.main(data="digits", epochs=3, hidden_size=16) > 0.2


def test_curve_gru(tmp_path):
    assert curve_gru.main(steps=10, hidden_size=8, picture=str(tmp_path / "curve.png")) < 10
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_accelerate_yours(capsys):
    assert accelerate_yours.main(steps=20) < accelerate_yours.main(steps=1)
    assert capsys.readouterr().out.startswith("lstm  LSTM  ")


def test_demo(tmp_path, capsys, tiny):
    page = demo.main(tmp_path / "demo", digits_epochs=1, curve_steps=3, budget=tiny)
    assert page == tmp_path / "demo" / "report.html"
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("LSTM on digits")
    assert said[2].startswith("GRU on curve")
    compared = [tmp_path / "demo" / f"compare-{data}" for _, data, _ in demo.COMPARED]
    assert said[-3:] == [str(page), *(str(folder / "report.html") for folder in compared)]
    assert all((folder / "comparison.json").exists() for folder in compared)


@pytest.mark.parametrize(
    "example", [accelerate_yours, curve_gru, demo, mnist_lstm], ids=lambda example: example.__name__
)
def test_it_says_what_it_does(example):
    assert example.__doc__
