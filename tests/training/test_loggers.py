"""A logger gets the history of a run and changes nothing else."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from tests.stopped import stop_after
from tidegate.cli import run
from tidegate.errors import ConfigError, MissingExtraError, TrainingError
from tidegate.tasks import (
    Forecaster,
    LanguageModel,
    SequenceClassifier,
    SequenceRegressor,
    SpeechRecognizer,
    Translator,
)
from tidegate.training import loggers

NOISE = np.random.default_rng(0)
X, Y = NOISE.normal(size=(40, 5, 2)), np.arange(40) % 2
SMALL = {"hidden_size": 4, "steps": 6, "checks": 3}
TASKS = {
    "classification": lambda **given: SequenceClassifier(**SMALL, **given).fit(X, Y),
    "regression": lambda **given: SequenceRegressor(**SMALL, **given).fit(X, X),
    "forecasting": lambda **given: Forecaster(2, **SMALL, **given).fit(np.sin(np.arange(80.0))),
    "language": lambda **given: LanguageModel(**SMALL, chunk=8, **given).fit("the tide comes and goes. " * 20),
    "translation": lambda **given: Translator(**SMALL, unit="char", **given).fit(
        ["ab", "ba"] * 20, ["a b", "b a"] * 20
    ),
    "speech": lambda **given: SpeechRecognizer(**SMALL, num_layers=1, **given).fit(
        [NOISE.normal(size=(30, 4)).astype(np.float32) for _ in range(10)], ["ab"] * 10
    ),
}
COMMAND = ["fit", "classification", "digits", "--hidden-size", "4", "--epochs", "4"]


class Recorder(Logger):
    """Keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.rows, self.hyperparameters, self.ended = [], [], []

    name = version = "recorder"

    def log_metrics(self, metrics, step=None):
        self.rows.append({"step": step, **metrics})

    def log_hyperparams(self, params):
        self.hyperparameters.append(params)

    def finalize(self, status):
        self.ended.append(status)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_logs_its_history_by_step(task):
    recorder = Recorder()
    model = TASKS[task](logger=recorder)
    assert recorder.rows == [
        {name: value for name, value in row.items() if name != "seconds"} for row in model.history_
    ]
    assert len(recorder.rows) == 3


def test_hyperparameters_are_logged_once_with_what_was_left_open():
    recorder = Recorder()
    TASKS["classification"](logger=recorder)
    (logged,) = recorder.hyperparameters
    expected = {"task": "classification", "hidden_size": 4, "steps": 6, "batch_size": 16, "learning_rate": 6e-3}
    assert expected.items() <= {**logged, "patch": 1}.items()
    assert "logger" not in logged and None not in logged.values()


def test_a_logger_changes_no_bit_of_the_weights(tmp_path):
    models = [TASKS["classification"](logger=logger) for logger in (None, TensorBoardLogger(tmp_path))]
    plain, logged = (model.network_.state_dict() for model in models)
    assert all(torch.equal(plain[name], logged[name]) for name in plain)


@pytest.mark.parametrize(("learning_rate", "status"), [(1e-3, "success"), (1e30, "failed")])
def test_a_logger_learns_how_training_ended(learning_rate, status):
    recorder = Recorder()
    model = SequenceRegressor(**SMALL, learning_rate=learning_rate, schedule="constant", logger=recorder)
    if status == "failed":
        with pytest.raises(TrainingError):
            model.fit(X, X)
    else:
        model.fit(X, X)
    assert recorder.ended == [status]


def test_several_loggers_get_the_same():
    recorders = [Recorder(), Recorder()]
    TASKS["classification"](logger=recorders)
    assert recorders[0].rows == recorders[1].rows != []


def test_a_saved_model_holds_no_logger(tmp_path):
    model = TASKS["classification"](logger=Recorder())
    model.save(tmp_path / "model")
    assert "logger" not in (tmp_path / "model" / "config.json").read_text()


def test_any_logger_of_lightning_will_do(tmp_path):
    model = TASKS["classification"](logger=CSVLogger(tmp_path, name="", version=""))
    losses = pd.read_csv(tmp_path / "metrics.csv")["validation_loss"]
    assert losses.tolist() == pytest.approx([row["validation_loss"] for row in model.history_])


@pytest.mark.parametrize("logger", ["tensorbord", 3, True, [None]])
def test_what_is_no_logger_is_refused(logger):
    with pytest.raises(ConfigError, match="wanted tensorboard, mlflow, wandb or a logger of Lightning"):
        TASKS["classification"](logger=logger)


@pytest.mark.parametrize("name", loggers.LOGGERS)
def test_a_missing_package_is_one_line(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=f"run: pip install {name}$"):
        TASKS["classification"](logger=name)
    assert run([*COMMAND, "--logger", name, "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.startswith(f"error: got no package '{name}'; wanted what logger='{name}' needs")
    assert not (tmp_path / "run").exists()


# TensorBoard.


def points_of(folder, tag):
    """The points (step, value) of a curve in a folder of events."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder)).Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def history_of(folder, name):
    rows = pd.read_csv(folder / "history.csv")
    return [(step, pytest.approx(value)) for step, value in zip(rows["step"], rows[name], strict=True)]


def test_tensorboard_shows_the_history_of_a_run(tmp_path):
    assert run([*COMMAND, "--logger", "tensorboard", "--out", str(tmp_path / "run")]) == 0
    for name in ("train_loss", "validation_loss", "validation_accuracy", "learning_rate"):
        assert points_of(tmp_path / "run" / "tensorboard", name) == history_of(tmp_path / "run", name)
    best = json.loads((tmp_path / "run" / "metrics.json").read_text())["kept"]["accuracy"]
    assert points_of(tmp_path / "run" / "tensorboard", "hp_metric")[-1][1] == pytest.approx(best)


def test_a_resumed_run_goes_on_with_its_curve(tmp_path, monkeypatch):
    command = [*COMMAND, "--logger", "tensorboard", "--out", str(tmp_path / "run")]
    stop_after(30, command, monkeypatch)
    assert run([*command, "--resume"]) == 0
    assert points_of(tmp_path / "run" / "tensorboard", "train_loss") == history_of(tmp_path / "run", "train_loss")


def test_a_refused_run_leaves_no_events_behind(tmp_path):
    failing = ["--learning-rate", "1e30", "--logger", "tensorboard"]
    assert run([*COMMAND, *failing, "--out", str(tmp_path / "run")]) == 2
    assert not (tmp_path / "run").exists()


def test_every_fit_of_a_search_is_a_run_of_its_own(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    search = GridSearchCV(SequenceClassifier(**SMALL, logger="tensorboard"), {"hidden_size": [2, 3]}, cv=2)
    search.fit(X, Y)
    assert search.best_estimator_.get_params()["logger"] == "tensorboard"
    assert len(list((tmp_path / "lightning_logs").glob("version_*"))) == 2 * 2 + 1


def test_a_model_with_a_used_logger_is_cloned_and_pickled(tmp_path):
    pytest.importorskip("tensorboard")
    model = TASKS["classification"](logger=TensorBoardLogger(tmp_path))
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    clone(model).fit(X, Y)


# MLflow.


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path}/mlruns")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(None)
    yield mlflow
    mlflow.set_tracking_uri(None)


@pytest.mark.filterwarnings("ignore:.*filesystem:FutureWarning")
def test_mlflow_has_one_run_for_a_resumed_run(tmp_path, monkeypatch, mlflow):
    command = [*COMMAND, "--logger", "mlflow", "--out", str(tmp_path / "run")]
    stop_after(30, command, monkeypatch)
    assert run([*command, "--resume"]) == 0
    client = mlflow.MlflowClient()
    (one,) = client.search_runs([client.get_experiment_by_name("tidegate").experiment_id])
    assert one.info.run_name == "run" and one.info.status == "FINISHED"
    assert one.data.params["hidden_size"] == "4"
    points = [(metric.step, metric.value) for metric in client.get_metric_history(one.info.run_id, "train_loss")]
    assert points == history_of(tmp_path / "run", "train_loss")


# Weights & Biases.


def test_weights_and_biases_ends_its_run_with_the_fit(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        TASKS["classification"](logger="wandb")
        assert wandb.run is None
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2
