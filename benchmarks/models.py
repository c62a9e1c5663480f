"""Models of published packages before and after tidegate: the same results, the time of a training step and of a `fit`.

Each model is its package's own, at its published sizes, with random data and, where it ships none, random weights. A
step is forward, loss, backward and Adam, of two copies in turns: torch.nn's, and after `tidegate.accelerate`. Before it
is timed, the loss and every gradient of both, without dropout, are compared with float64. A fit is the package's own,
with and without `tidegate.patch()`.

A package that is not installed is left out, with its name said. All of them, in an environment of their own (some want
older packages than the tests do):

    python -m venv models && models/bin/pip install -c constraints.txt . stanza neuralhydrology darts neuralforecast \\
        torchrl sb3-contrib "gluonts[torch]" pytorch-forecasting sktime speechbrain openunmix torchaudio librosa \\
        webrtcvad-wheels julius mido
    models/bin/pip install --no-deps resemblyzer denoiser piano_transcription_inference torchlibrosa
    rm models/lib/python*/site-packages/torchaudio/lib/*.so    # built for CUDA; the rest of torchaudio needs none of it
    models/bin/python -m benchmarks.models
"""

from __future__ import annotations

import importlib.metadata
import io
import logging
import os
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_map_only

import tidegate
from benchmarks.rows import Recorder, Row, names, parser, times, use_threads
from tidegate.errors import BackendError
from tidegate.probes.race import TOLERANCE, Entry, errors, quantiles, race

STEP, FIT = "step of a model", "fit of a model"  # the modes of the rows
FITTED = 1e-3
"""How far apart weights may be after a fit, of their norm: every update carries the roundings of those before."""
NOUGHT = 1e-6
"""A gradient that is less than this of all gradients' norm in float64 is left out: float32 cannot tell it from zero."""


@dataclass(frozen=True)
class Training:
    """A model and a training step of it."""

    model: nn.Module
    batch: Any
    """Tensors, in tuples, lists or dicts."""
    loss: Callable[[Any, Any], Tensor]
    """Of the model and the batch."""
    in_float64: bool = True
    """Whether the package can compute in float64; else torch.nn in float32 is the judge."""


@dataclass(frozen=True)
class Published:
    """A model of a package."""

    title: str
    package: str
    """As pip knows it."""
    sizes: str
    make: Callable[[], Training]
    fit: Callable[[], nn.Module] | None = None
    """Trains one as the package does, from the beginning, and returns it."""
    fast: Callable[[Any], Any] = tidegate.accelerate
    """Makes a model fast, in place."""
    fast_fit: Callable[[], nn.Module] | None = None
    """What is run within `tidegate.patch()`, where it is not `fit`."""


MODELS: dict[str, Published] = {}


def published(title: str, package: str, sizes: str, **others: Any) -> Callable[[Any], Any]:
    """Put a function that makes a `Training` into MODELS, by its name."""

    def register(make: Callable[[], Training]) -> Callable[[], Training]:
        MODELS[make.__name__] = Published(title, package, sizes, make, **others)
        return make

    return register


# Text.


@published("stanza, character language model", "stanza", "LSTM 100 to 1,024; 20 texts of 250 characters")
def stanza() -> Training:
    from stanza.models.common.char_model import CharacterLanguageModel

    sizes = {"char_emb_dim": 100, "char_hidden_dim": 1024, "char_num_layers": 1}
    dropout = {"char_dropout": 0.05, "char_rec_dropout": 0.0, "char_unit_dropout": 1e-5}
    model = CharacterLanguageModel(sizes | dropout, {"char": range(200)})
    text = torch.randint(4, 200, (20, 251))

    def loss(model: Any, batch: Any) -> Tensor:
        characters, following = batch
        _, _, scores = model(characters, [characters.shape[1]] * len(characters))
        return F.cross_entropy(scores.flatten(0, 1), following.flatten())

    return Training(model, (text[:, :-1], text[:, 1:]), loss)


# Water, and other series.


def neuralhydrology(model: str) -> Training:
    from neuralhydrology.modelzoo import get_model
    from neuralhydrology.utils.config import Config

    weather = ["prcp", "srad", "tmax", "tmin", "vp"]
    statics = [f"attribute_{n}" for n in range(27)]
    settings = {"model": model, "head": "regression", "hidden_size": 256, "initial_forget_bias": 3}
    data = {"dynamic_inputs": weather, "static_attributes": statics, "target_variables": ["discharge"]}
    rest = {"output_dropout": 0.4, "seq_length": 365, "predict_last_n": 1, "use_basin_id_encoding": False}
    if model == "gru":
        del settings["initial_forget_bias"]
    network = get_model(Config({**settings, **data, **rest}))
    x_d = {name: torch.randn(64, 365, 1) for name in weather}

    def loss(model: Any, batch: Any) -> Tensor:
        return F.mse_loss(model(batch)["y_hat"][:, -1:], batch["y"])

    return Training(network, {"x_d": x_d, "x_s": torch.randn(64, 27), "y": torch.randn(64, 1, 1)}, loss)


@published("neuralhydrology, CudaLSTM", "neuralhydrology", "LSTM 32 to 256; 64 sequences of 365 days")
def neuralhydrology_lstm() -> Training:
    return neuralhydrology("cudalstm")


@published("neuralhydrology, GRU", "neuralhydrology", "GRU 32 to 256; 64 sequences of 365 days")
def neuralhydrology_gru() -> Training:
    return neuralhydrology("gru")


def series(count: int, length: int) -> np.ndarray[Any, Any]:
    """Random walks with a season of 12 steps, [count, length]."""
    noise = np.random.default_rng(0)
    walks = noise.normal(size=(count, length)).cumsum(1) / 10
    return (walks + np.sin(np.arange(length) * np.pi / 6) + 10).astype(np.float32)


QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
"""What keeps a Lightning Trainer from writing."""


def first_step(fit: Callable[..., Any], lightning: str) -> Training:
    """What `fit(steps=1, callbacks=[...])` trains with Lightning, which has two names, and its first batch."""
    callback, seen = importlib.import_module(lightning).Callback(), []
    callback.on_train_batch_start = lambda *given: seen.extend(given)
    fit(steps=1, callbacks=[callback])
    trainer, module, batch, _ = seen
    trainer.training, module.trainer = True, trainer  # as in a fit: pytorch-forecasting asks, NeuralForecast lets it go
    module.log = lambda *args, **kwargs: None  # no loop is left to log to

    def loss(module: Any, batch: Any) -> Tensor:
        found = module.training_step(batch, 0)
        return found["loss"] if isinstance(found, dict) else found

    return Training(module, batch, loss)


def darts_fit(steps: int = 50, callbacks: Any = ()) -> nn.Module:
    from darts import TimeSeries
    from darts.models import RNNModel

    trainer = {"max_steps": steps, "callbacks": list(callbacks), "accelerator": "cpu", **QUIET}
    sizes = {"input_chunk_length": 24, "training_length": 36, "hidden_dim": 25}
    model = RNNModel(model="LSTM", **sizes, n_epochs=1, random_state=0, pl_trainer_kwargs=trainer)
    model.fit([TimeSeries.from_values(values) for values in series(20, 300)])
    return model.model


@published("Darts, RNNModel", "darts", "LSTM 1 to 25; 32 windows of 36 steps", fit=darts_fit)
def darts() -> Training:
    return first_step(darts_fit, "pytorch_lightning")


def neuralforecast_fit(steps: int = 20, callbacks: Any = ()) -> nn.Module:
    import pandas as pd
    from neuralforecast import NeuralForecast
    from neuralforecast.models import LSTM

    trainer = {"max_steps": steps, "callbacks": list(callbacks), "accelerator": "cpu", **QUIET}
    model = LSTM(h=12, input_size=36, val_check_steps=steps, **trainer)
    values = series(20, 300)
    months = pd.date_range("2000-01-31", periods=300, freq="ME")
    columns = {"unique_id": np.repeat(np.arange(20), 300), "ds": np.tile(months, 20), "y": values.ravel()}
    forecast = NeuralForecast([model], freq="ME")
    forecast.fit(pd.DataFrame(columns))
    return forecast.models[0]


@published(
    "NeuralForecast, LSTM", "neuralforecast", "LSTM, 2 layers, 1 to 128; 128 windows of 36", fit=neuralforecast_fit
)
def neuralforecast() -> Training:
    return first_step(neuralforecast_fit, "pytorch_lightning")


def gluonts_fit(steps: int = 20, callbacks: Any = ()) -> nn.Module:
    import pandas as pd
    from gluonts.dataset.pandas import PandasDataset
    from gluonts.torch import DeepAREstimator

    trainer = {"max_epochs": 1, "callbacks": list(callbacks), "accelerator": "cpu", **QUIET}
    trainer["enable_checkpointing"] = True  # GluonTS takes the best epoch from its checkpoint
    estimator = DeepAREstimator("M", 12, context_length=36, num_batches_per_epoch=steps, trainer_kwargs=trainer)
    months = pd.period_range("2000-01", periods=300, freq="M")
    data = {str(n): pd.DataFrame({"target": values}, index=months) for n, values in enumerate(series(20, 300))}
    return estimator.train(PandasDataset(data)).prediction_net


@published("GluonTS, DeepAR", "gluonts", "LSTM, 2 layers, to 40; 32 windows of 47 steps", fit=gluonts_fit)
def gluonts() -> Training:
    return first_step(gluonts_fit, "lightning.pytorch")


def pytorch_forecasting_fit(steps: int = 20, callbacks: Any = ()) -> nn.Module:
    import pandas as pd
    from lightning.pytorch import Trainer
    from pytorch_forecasting import RecurrentNetwork, TimeSeriesDataSet

    at, series_of = np.tile(np.arange(300), 20), np.repeat(np.arange(20).astype(str), 300)
    table = pd.DataFrame({"time": at, "series": series_of, "value": series(20, 300).ravel()})
    ends = {"max_encoder_length": 36, "max_prediction_length": 12}
    columns = {"time_idx": "time", "target": "value", "group_ids": ["series"], "time_varying_unknown_reals": ["value"]}
    data = TimeSeriesDataSet(table, **columns, **ends)
    model = RecurrentNetwork.from_dataset(data, hidden_size=30, rnn_layers=2, dropout=0.0)
    trainer = Trainer(max_steps=steps, max_epochs=1, callbacks=list(callbacks), accelerator="cpu", **QUIET)
    trainer.fit(model, data.to_dataloader(train=True, batch_size=128))
    return model


@published(
    "pytorch-forecasting, RecurrentNetwork",
    "pytorch-forecasting",
    "LSTM of a class of its own, 2 layers, 1 to 30; 128 windows of 36 and 12 steps",
    fit=pytorch_forecasting_fit,
)
def pytorch_forecasting() -> Training:
    return first_step(pytorch_forecasting_fit, "lightning.pytorch")


def sktime_fit() -> nn.Module:
    from sktime.classification.deep_learning.gru import GRUClassifier

    found = GRUClassifier(hidden_dim=64, n_layers=2, num_epochs=2, batch_size=32, verbose=False, random_state=0)
    return found.fit(series(200, 100)[:, None], np.arange(200) % 2).network


@published("sktime, GRUClassifier", "sktime", "GRU, 2 layers, 1 to 64; 32 sequences of 100 steps", fit=sktime_fit)
def sktime() -> Training:
    from sktime.networks.gru import GRU

    model = GRU(input_size=1, hidden_dim=64, n_layers=2, num_classes=2, batch_first=True, init_weights=True)
    batch = torch.randn(32, 100, 1), torch.arange(32) % 2
    return Training(model, batch, lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]))


# Acting.


def sb3_fit(policy: Any = "MlpLstmPolicy") -> nn.Module:
    from sb3_contrib import RecurrentPPO

    model = RecurrentPPO(policy, "Pendulum-v1", n_steps=64, batch_size=64, n_epochs=2, seed=0)
    return model.learn(128).policy


@published("sb3-contrib, RecurrentPPO", "sb3-contrib", "two LSTMs 3 to 256; 128 steps of 4 episodes", fit=sb3_fit)
def sb3() -> Training:
    from gymnasium.spaces import Box
    from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
    from sb3_contrib.common.recurrent.type_aliases import RNNStates

    model = RecurrentActorCriticPolicy(Box(-1, 1, (3,)), Box(-2, 2, (1,)), lambda progress: 3e-4)
    zero = torch.zeros(1, 4, 256)
    begins = (torch.arange(128) % 32 == 0).float()

    def loss(model: Any, batch: Any) -> Tensor:
        seen, actions, states, begins = batch
        values, log_probability, entropy = model.evaluate_actions(seen, actions, RNNStates(*states), begins)
        return values.square().mean() - log_probability.mean() - 0.01 * entropy.mean()

    states = ((zero, zero), (zero, zero))
    return Training(model, (torch.randn(128, 3), torch.randn(128, 1), states, begins), loss, in_float64=False)


def policy_with_resets() -> Any:
    """A policy for tidegate's layers, which go through episodes in one call where sb3 makes one for each step."""
    from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

    class Policy(RecurrentActorCriticPolicy):
        @staticmethod
        def _process_sequence(features: Any, lstm_states: Any, episode_starts: Any, lstm: Any) -> Any:
            B = lstm_states[0].shape[1]
            x = features.reshape(B, -1, lstm.input_size).transpose(0, 1)
            output, states = lstm(x, lstm_states, resets=episode_starts.reshape(B, -1).T > 0)
            return output.transpose(0, 1).flatten(0, 1), states

    return Policy


def fast_with_resets(model: nn.Module) -> nn.Module:
    model.__class__ = policy_with_resets()
    return tidegate.accelerate(model)


@published(
    "sb3-contrib, RecurrentPPO, with a policy that uses `resets`",
    "sb3-contrib",
    "the same",
    fit=sb3_fit,
    fast=fast_with_resets,
    fast_fit=lambda: sb3_fit(policy_with_resets()),
)
def sb3_resets() -> Training:
    return sb3()


@published("TorchRL, LSTMModule", "torchrl", "LSTM 64 to 128; 32 pieces of 64 steps, an episode in 50 steps")
def torchrl() -> Training:
    from tensordict import TensorDict
    from torchrl.modules import LSTMModule

    keys = ["intermediate", ("next", "h"), ("next", "c")]
    layer = LSTMModule(64, 128, in_keys=["seen", "h", "c"], out_keys=keys, default_recurrent_mode=True)
    model = nn.ModuleList([layer, nn.Linear(128, 4)])
    begins = torch.rand(32, 64, 1) < 0.02

    def loss(model: Any, batch: Any) -> Tensor:
        seen, h, c, begins = batch
        pieces = TensorDict({"seen": seen, "h": h, "c": c, "is_init": begins}, [32, 64])
        return model[1](model[0](pieces)["intermediate"]).square().mean()

    zero = torch.zeros(32, 64, 1, 128)
    return Training(model, (torch.randn(32, 64, 64), zero, zero, begins), loss)


# Sound.


@published("Open-Unmix", "openunmix", "LSTM in both directions, 3 layers of 512; 4 pieces of 255 frames")
def openunmix() -> Training:
    from openunmix.model import OpenUnmix

    model = OpenUnmix(nb_bins=2049, nb_channels=2, hidden_size=512, nb_layers=3, max_bin=1487)
    batch = torch.rand(4, 2, 2049, 255), torch.rand(4, 2, 2049, 255)
    return Training(model, batch, lambda model, batch: F.mse_loss(model(batch[0]), batch[1]))


@published("denoiser, dns48", "denoiser", "LSTM, 2 layers of 768, among convolutions; 2 seconds of sound")
def denoiser() -> Training:
    from denoiser.demucs import Demucs

    batch = torch.randn(2, 1, 16000), torch.randn(2, 1, 16000)
    return Training(Demucs(hidden=48), batch, lambda model, batch: F.l1_loss(model(batch[0]), batch[1]))


@published("Resemblyzer, VoiceEncoder", "resemblyzer", "LSTM, 3 layers, 40 to 256; 64 utterances of 160 frames")
def resemblyzer() -> Training:
    from resemblyzer import VoiceEncoder

    batch = torch.randn(64, 160, 40), torch.rand(64, 256)
    return Training(
        VoiceEncoder("cpu", verbose=False), batch, lambda model, batch: F.mse_loss(model(batch[0]), batch[1])
    )


@published(
    "piano transcription, onsets",
    "piano_transcription_inference",
    "GRU in both directions, 2 layers, 768 to 256, among convolutions; 2 pieces of 200 frames",
)
def piano() -> Training:
    from piano_transcription_inference.models import AcousticModelCRnn8Dropout

    model = AcousticModelCRnn8Dropout(classes_num=88, midfeat=1792, momentum=0.01)
    batch = torch.randn(2, 1, 200, 229), torch.rand(2, 200, 88)
    return Training(model, batch, lambda model, batch: F.binary_cross_entropy(model(batch[0]), batch[1]))


@published("SpeechBrain, CRDNN", "speechbrain", "LSTM in both directions, 4 layers of 512; 4 utterances of 200 frames")
def speechbrain() -> Training:
    from speechbrain.lobes.models.CRDNN import CRDNN
    from speechbrain.nnet.RNN import LSTM

    rnn = {"rnn_class": LSTM, "rnn_layers": 4, "rnn_neurons": 512, "rnn_bidirectional": True}
    model = CRDNN(input_size=40, time_pooling=True, time_pooling_size=4, **rnn)
    batch = torch.randn(4, 200, 40), torch.randn(4, 50, 512)
    return Training(model, batch, lambda model, batch: F.mse_loss(model(batch[0]), batch[1]))


# The measurement.


def main(arguments: list[str] | None = None) -> None:
    options = parser("models", __doc__.splitlines()[0], rounds=50, seconds=10.0)  # type: ignore[union-attr]
    options.add_argument("--models", type=names, default=list(MODELS), help=f"of {','.join(MODELS)} (default: all)")
    given = options.parse_args(arguments)
    if unknown := set(given.models) - set(MODELS):
        raise SystemExit(f"got --models {', '.join(sorted(unknown))}; wanted some of {', '.join(MODELS)}")
    use_threads(given.threads)
    recorder = Recorder(given.out)
    for name in given.models:
        model = MODELS[name]
        about: Row = {"title": model.title, "package": model.package, "sizes": model.sizes}
        for mode, measure in ((STEP, step), (FIT, fit)):
            try:
                with quietly():
                    found = measure(model, seconds=given.seconds, rounds=given.rounds)
            except ModuleNotFoundError as error:
                print(f"{name}: left out, as {error.name} is not installed; do pip install {model.package}", flush=True)
                break
            if found is None:
                continue
            taken, error = found
            about["version"] = importlib.metadata.version(model.package)
            for backend, seconds in taken.items():
                recorder.add(name, mode, backend, **times(seconds), error=error[backend], **about)
            theirs, ours = (quantiles(taken[backend])["p50"] for backend in ("torch", "tidegate"))
            line = f"{name:<22}{mode:<16}torch {theirs:.4g} ms  tidegate {ours:.4g} ms  {theirs / ours:.2f}x"
            print(f"{line}  error {error['tidegate']:.1e} (torch {error['torch']:.1e})", flush=True)


Found = tuple[dict[str, list[float]], dict[str, float]]  # the seconds of every run, and the largest error


def step(model: Published, *, seconds: float, rounds: int) -> Found:
    """Training steps of two copies in turns, after both have the loss and the gradients of float64.

    Raises BackendError where ours has not.
    """
    exact, *copies = [seeded(model.make) for _ in range(3)]
    if exact.in_float64:
        exact = Training(exact.model.double(), doubled(exact.batch), exact.loss)
    trainings = dict(zip(("torch", "tidegate"), copies, strict=True))
    check_fast(model.fast(trainings["tidegate"].model))
    wanted = results(exact)
    total = torch.stack([value.norm() for name, value in wanted.items() if name != "loss"]).norm()
    nought = {name for name, value in wanted.items() if name != "loss" and value.norm() <= NOUGHT * total}
    error = {}
    for name, training in trainings.items():
        found, told = ({k: v for k, v in r.items() if k not in nought} for r in (results(training), wanted))
        error[name] = errors(found, told)
    for name, ours in error["tidegate"].items():
        if not ours <= max(TOLERANCE, 2 * error["torch"][name]):
            raise BackendError(
                got=f"{name} {ours:.1e} of its norm away from float64",
                wanted=f"at most {TOLERANCE:.0e}, or twice torch.nn's {error['torch'][name]:.1e}",
                do="correct the implementation before timing it",
            )
    entries = {name: Entry(updates(training), lambda result: {}) for name, training in trainings.items()}
    return race(entries, seconds=seconds, rounds=rounds), {name: max(found.values()) for name, found in error.items()}


def fit(model: Published, *, seconds: float, rounds: int) -> Found | None:
    """Whole fits in turns, after both have come to the same weights; none where the package has no fit.

    Raises BackendError where they have not.
    """
    if model.fit is None:
        return None
    fits = {"torch": lambda: seeded(model.fit), "tidegate": lambda: patched(model.fast_fit or model.fit)}
    trained = {name: run() for name, run in fits.items()}
    check_fast(trained["tidegate"])
    weights = {name: {"weights": flat(list(module.parameters()))} for name, module in trained.items()}
    error = errors(weights["tidegate"], weights["torch"])["weights"]
    if not error <= FITTED:
        raise BackendError(
            got=f"weights {error:.1e} of their norm away from those of torch.nn",
            wanted=f"at most {FITTED:.0e} after the same fit",
            do="correct the implementation before timing it",
        )
    entries = {name: Entry(run, lambda result: {}) for name, run in fits.items()}
    return race(entries, seconds=seconds, rounds=rounds), {"torch": 0.0, "tidegate": error}


def patched(fit: Any) -> Any:
    with tidegate.patch():
        return seeded(fit)


def seeded(make: Callable[[], Any], seed: int = 0) -> Any:
    """What a function makes with the random numbers of a seed."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (packages draw from it)
    torch.manual_seed(seed)
    return make()


def results(training: Training) -> dict[str, Tensor]:
    """The loss and every gradient of one step, without dropout, which torch.nn draws in another order if packed."""
    model = training.model
    model.eval()
    loss = seeded(lambda: training.loss(model, training.batch))
    loss.backward()
    model.train()
    found = {f"gradient of {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return {"loss": loss.detach(), **found}


def updates(training: Training) -> Callable[[], float]:
    """A whole training step."""
    optimizer = torch.optim.Adam(training.model.parameters(), lr=1e-4)

    def update() -> float:
        optimizer.zero_grad()
        loss = training.loss(training.model, training.batch)
        loss.backward()
        optimizer.step()
        return loss.item()

    return update


def doubled(batch: Any) -> Any:
    """A batch whose floating tensors are float64."""
    if is_dataclass(batch):
        return replace(batch, **{field.name: doubled(getattr(batch, field.name)) for field in fields(batch)})
    return tree_map_only(Tensor, lambda tensor: tensor.double() if tensor.is_floating_point() else tensor, batch)


def flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def check_fast(model: nn.Module) -> None:
    """Raise BackendError where the kernels run nothing of a model: its time would say nothing."""
    if not any(layer.backend == "cpu" for layer in tidegate.explain(model)):
        raise BackendError(
            got=f"a model whose recurrent layers are: {tidegate.explain(model)}",
            wanted="one at least on the backend 'cpu'",
            do="look at the reasons, and unset TIDEGATE_BACKEND",
        )


@contextmanager
def quietly() -> Iterator[None]:
    """Let a package print, warn, log and write into a folder, and throw it away."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
            logging.disable(logging.NOTSET)


if __name__ == "__main__":
    main()
