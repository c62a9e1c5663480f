"""The public interface as a type checker and an editor see it in a user's file."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TypedDict, get_type_hints

import pytest
import torch

import tidegate
from tests.paths import REPOSITORY
from tidegate.tasks import TASKS
from tidegate.tasks.base import Training
from tidegate.tasks.sequences import SequenceParameters, SequenceTraining
from tidegate.training import Logger

PROGRAM = """
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import tidegate as tg


def layers(x: Tensor) -> object:
    rnn = tg.RNN(3, 5, nonlinearity="relu", batch_first=True)
    lstm = tg.LSTM(5, 6, 2, dropout=0.1, proj_size=4, recurrent_dropout=0.1, zoneout=(0.1, 0.2))
    gru = tg.GRU(input_size=4, hidden_size=7, bidirectional=True, device="cpu", dtype=torch.float64)
    output, h_n = rnn(x, lengths=torch.tensor([3, 2]))
    output, (h_n, c_n) = lstm(output, resets=torch.zeros(3, 2, dtype=torch.bool))
    output, h_n = gru(output)
    h: Tensor = tg.RNNCell(3, 5)(x[0])
    h, c = tg.LSTMCell(5, 5)(h)
    h = tg.GRUCell(5, 5, bias=False)(h, c)
    stream = tg.Stream(gru, detach=False)
    stream(x)
    stream.reset([0])
    torch_layer: nn.GRU = gru
    return torch_layer(output)[0] + h_n + c_n + c


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(3, 5)

    def added(self) -> int:
        return 1


def fast() -> None:
    model = tg.accelerate(Model())
    model.added()
    for row in tg.explain(model):
        print(row.name, row.kind, row.backend or "none", row.why)
    with tg.restored(model) as plain:
        plain.added()
    tg.restore(model).added()
    with tg.patch(), tg.use_backend("reference"):
        Model()


def sequences(folder: Path) -> None:
    dataset = tg.read_dataset("digits", "classification")
    train, test = dataset.train, dataset.test
    assert test is not None
    classifier = tg.SequenceClassifier(
        "lstm", 64, num_layers=2, class_weight="balanced", readout="last,mean", dropout=0.1, epochs=3, seed=1
    )
    accuracy: float = classifier.fit(train).score(test)
    labels: np.ndarray = classifier.predict(test)
    shares: np.ndarray = classifier.predict_proba(test)
    classifier.save(folder / "classifier")

    x = np.zeros((4, 10, 2))
    regressor = tg.SequenceRegressor(hidden_size=16, target_per="step", steps=100, weight_decay=0.0, patience=None)
    regressor.fit(x, x[:, :, 0], validation_data=(x, x[:, :, 0])).save(folder / "regressor")
    print(accuracy, labels, shares, regressor.predict(x), regressor.score(x, x[:, :, 0]))

    forecaster = tg.Forecaster(12, cell="gru", season=12, members=1, steps=100, schedule="constant")
    forecaster.fit(np.arange(100.0)).save(folder / "forecaster")
    print(forecaster.predict(), forecaster.predict_quantiles(), forecaster.score(np.arange(100.0)))


def texts(folder: Path) -> str:
    language_model = tg.LanguageModel(unit="bpe", vocab_size=500, chunk=64, steps=10, verbose=True)
    language_model.fit("the tide comes and goes. " * 100).save(folder / "language")
    bits: float = language_model.score("the tide")["bits_per_character"]

    translator = tg.Translator(hidden_size=64, beam=3, label_smoothing=0.0, epochs=1, clip=None)
    translator.fit(["one boat"], ["ein Boot"]).save(folder / "translator")
    bleu: float = translator.score(["one boat"], ["ein Boot"])

    recognizer = tg.SpeechRecognizer(bidirectional=False, sample_rate=16_000, steps=10, checks=2)
    recognizer.fit([np.zeros(16_000)], ["hello"]).save(folder / "recognizer")
    print(bits, bleu, recognizer.score([np.zeros(16_000)], ["hello"]))
    words: list[str] = translator.predict(["two boats"]) + recognizer.predict([np.zeros(16_000)], beam=4)
    return language_model.generate("the tide", length=20, temperature=0.5) + words[0]


def loaded(folder: Path) -> None:
    model = tg.load(folder)
    model.fit(np.zeros((4, 10, 2)), [0, 1, 0, 1])
    model.predict(np.zeros((4, 10, 2)))
    model.score(np.zeros((4, 10, 2)), [0, 1, 0, 1])
    model.save("elsewhere")
    if isinstance(model, tg.SequenceClassifier):
        model.predict_proba(np.zeros((4, 10, 2)))


try:
    loaded(Path("nowhere"))
except tg.TidegateError as error:
    print(error.got, error.wanted, error.do, tg.__version__)
"""

MISTAKES = """
import tidegate as tg
tg.LTSM(3, 5)
tg.GRU(3, hidden=5)
tg.LSTM(3, 5, recurrent_droput=0.1)
tg.SequenceClassifier(hiden_size=3)
tg.SequenceClassifier(readout=3)
tg.SequenceRegressor(seeds=1)
tg.Forecaster(epochs="3")
tg.LanguageModel(patience="x")
tg.Translator(beams=3)
tg.SpeechRecognizer(verbose=3)
tg.load(3)
tg.accelerate(3)
"""


PACKAGE = Path(tidegate.__file__).parents[1]


def mypy(files: list[str], folder: Path) -> str:
    """What mypy --strict says as in a user's project, without the settings of this one."""
    path = {} if PACKAGE.name == "site-packages" else {"MYPYPATH": str(PACKAGE)}
    options = [
        "--strict",
        "--config-file=",
        "--follow-imports=silent",
        f"--cache-dir={REPOSITORY / '.mypy_cache/user'}",
    ]
    return output_of([sys.executable, "-m", "mypy", *options, *files], folder, **path)


def pyright(files: list[str], folder: Path) -> str:
    """What pyright says; basedpyright is pyright with a Node.js of its own."""
    command = Path(sys.executable).with_name("basedpyright")
    if not command.exists():
        pytest.skip("basedpyright is not installed")
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(PACKAGE)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    return output_of([str(command), "--pythonpath", sys.executable, *files], folder)


def output_of(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=280
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=[mypy, pyright])
def errors(request, tmp_path_factory):
    """The lines with errors in each file."""
    folder = tmp_path_factory.mktemp("project")
    files = {"program.py": PROGRAM, "mistakes.py": MISTAKES}
    for name, text in files.items():
        (folder / name).write_text(text)
    said = request.param([*files], folder)
    return {
        name: {int(line): error for line, error in re.findall(rf"{name}:(\d+)[:\d]*[ -]+error: (.*)", said)}
        for name in files
    }


def test_a_program_that_uses_every_public_name_has_no_type_error(errors):
    assert all(f"tg.{name}" in PROGRAM for name in tidegate.__all__)
    assert errors["program.py"] == {}


def test_mistakes_are_found(errors):
    lines = dict(enumerate(MISTAKES.splitlines(), 1))
    assert [
        line for number, line in lines.items() if line.startswith("tg.") and number not in errors["mistakes.py"]
    ] == []


def passed_on(estimator: type) -> dict[str, object]:
    """The keyword arguments, with their types, that a type checker sees behind `**parameters`."""
    own = inspect.signature(estimator.__init__).parameters
    named: dict[str, type[TypedDict]] = {
        f"Unpack[{one.__name__}]": one for one in (Training, SequenceTraining, SequenceParameters)
    }
    behind = next(p for p in own.values() if p.kind is p.VAR_KEYWORD)
    return get_type_hints(named[behind.annotation])


@pytest.mark.parametrize("task", TASKS)
def test_type_checkers_know_the_parameters_that_an_estimator_takes(task):
    estimator = TASKS[task]
    own = [p.name for p in inspect.signature(estimator.__init__).parameters.values() if p.kind is not p.VAR_KEYWORD][1:]
    known = passed_on(estimator)
    assert sorted([*own, *known]) == sorted(inspect.signature(estimator).parameters)
    for name, kind in known.items():
        parameter = inspect.signature(estimator).parameters[name]
        assert eval(parameter.annotation, {"Logger": Logger}) == kind, name


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_type_checkers_know_the_arguments_of_torchs_layers(name):
    def arguments(file: str, method: str) -> list[str]:
        """The arguments of the first __init__ with named ones that a class has in a file."""
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
        cls = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
        inits = [node for node in ast.walk(cls) if isinstance(node, ast.FunctionDef) and node.name == method]
        return [argument.arg for argument in next(init for init in inits if len(init.args.args) > 1).args.args]

    ours = inspect.getsourcefile(getattr(tidegate, name))
    assert arguments(ours, "__init__") == arguments(torch.nn.modules.rnn.__file__, "__init__")


def test_every_public_name_completes_in_an_editor():
    assert set(tidegate.__all__) <= set(dir(tidegate))
    assert all(getattr(tidegate, name) is not None for name in tidegate.__all__)
    assert (Path(tidegate.__file__).parent / "py.typed").exists()
