"""A bundle: the same bits in another process, or a refusal in one sentence."""

import json
import subprocess
import sys

import numpy as np
import pytest

import tidegate
from tidegate.bundle import _digest
from tidegate.errors import BundleError

X = np.random.default_rng(0).normal(size=(20, 5, 2))
Y = np.array(["no", "yes"])[np.arange(20) % 2]


@pytest.fixture(scope="module")
def model():
    return tidegate.SequenceClassifier(hidden_size=4, steps=3, cell="gru", num_layers=2).fit(X, Y)


@pytest.fixture
def bundle(model, tmp_path):
    model.save(tmp_path / "model")
    return tmp_path / "model"


def test_the_same_bits_in_another_process(model, bundle, tmp_path):
    np.save(tmp_path / "x.npy", X)
    code = """
import sys, numpy, tidegate
model, x, answer = sys.argv[1:]
numpy.save(answer, tidegate.load(model).predict_proba(numpy.load(x)))
"""
    paths = map(str, (bundle, tmp_path / "x.npy", tmp_path / "p.npy"))
    subprocess.run([sys.executable, "-c", code, *paths], check=True)
    assert np.array_equal(np.load(tmp_path / "p.npy"), model.predict_proba(X))


def test_a_regressor_too(tmp_path):
    regressor = tidegate.SequenceRegressor(hidden_size=4, steps=3).fit(X, 5 + X)
    regressor.save(tmp_path / "model")
    assert np.array_equal(tidegate.load(tmp_path / "model").predict(X), regressor.predict(X))


def test_labels_keep_their_type(bundle):
    assert tidegate.load(bundle).predict(X).tolist()[0] in ("no", "yes")
    numbers = tidegate.SequenceClassifier(hidden_size=4, steps=1).fit(X, np.arange(20) % 2)
    numbers.save(bundle)
    assert tidegate.load(bundle).predict(X).dtype.kind == "i"


def test_what_was_loaded_can_be_saved_again(bundle, tmp_path):
    tidegate.load(bundle).save(tmp_path / "again")
    for file in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / file).read_bytes() == (bundle / file).read_bytes()


PLAIN = {"bidirectional": False, "readout": "last", "patch": 1, "dropout": 0.0, "noise": 0.0}


def test_a_bundle_of_format_1_predicts_as_it_did(tmp_path):
    plain = tidegate.SequenceClassifier(hidden_size=4, steps=3, **PLAIN).fit(X, Y)
    plain.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    del config["design"], config["config_sha256"]
    for name in ("readout", "patch", "noise", "initialization"):
        del config["parameters"][name]
    config["format"] = 1
    path.write_text(json.dumps({**config, "config_sha256": _digest(config)}))
    loaded = tidegate.load(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(X), plain.predict_proba(X))
    loaded.fit(X, Y)
    assert np.array_equal(loaded.predict_proba(X), plain.predict_proba(X))


READ_OUT = [{"readout": readout, "patch": 2} for readout in ("last", "mean", "max", "attention", "last,attention")]


@pytest.mark.parametrize("options", [*READ_OUT, {"cell": "lstm", "initialization": "chrono"}], ids=str)
def test_every_network_comes_back(options, tmp_path):
    model = tidegate.SequenceClassifier(hidden_size=4, steps=3, **options).fit(X, Y)
    model.save(tmp_path / "model")
    assert np.array_equal(tidegate.load(tmp_path / "model").predict_proba(X), model.predict_proba(X))


def test_anything_else_in_the_folder_is_kept(model, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BundleError, match="is no saved model"):
        model.save(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def edit(bundle, sign=False, **changes):
    config = json.loads((bundle / "config.json").read_text())
    config.update(changes)
    if sign:
        del config["config_sha256"]
        config["config_sha256"] = _digest(config)
    (bundle / "config.json").write_text(json.dumps(config))


def resize(bundle, **changes):
    config = json.loads((bundle / "config.json").read_text())
    edit(bundle, sign=True, design=config["design"] | changes)


def rewrite(bundle, change):
    path = bundle / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))


DAMAGES = {
    "no config": (lambda b: (b / "config.json").unlink(), "without config.json"),
    "no weights": (lambda b: (b / "model.safetensors").unlink(), "cannot be read"),
    "config is no JSON": (lambda b: (b / "config.json").write_text("{"), "cannot be read"),
    "config is a list": (lambda b: (b / "config.json").write_text("[]"), "without a format"),
    "edited config": (lambda b: edit(b, task="regression"), "edited or damaged"),
    "truncated weights": (lambda b: rewrite(b, lambda w: w[:-1]), "truncated"),
    "empty weights": (lambda b: rewrite(b, lambda w: b""), "truncated"),
    "one bit": (lambda b: rewrite(b, lambda w: w[:-1] + bytes([w[-1] ^ 1])), "truncated, damaged"),
    "newer format": (lambda b: edit(b, format=3), "format 3; wanted format 2 or older; do install a newer"),
    "unknown task": (lambda b: edit(b, sign=True, task="cooking"), "'cooking'"),
    "unknown parameter": (lambda b: edit(b, sign=True, parameters={"spice": 1}), "do not fit each other"),
    "another size": (lambda b: resize(b, hidden_size=9), "do not fit each other"),
    "another readout": (lambda b: resize(b, readout=["last"]), "do not fit each other"),
    "no classes": (lambda b: edit(b, sign=True, fitted={"n_features_in": 2}), "do not fit each other"),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_bundle_is_refused(bundle, damage, says):
    damage(bundle)
    with pytest.raises(BundleError, match=says):
        tidegate.load(bundle)


def test_loading_imports_no_pickle_reader(bundle):
    code = f"""
import pickle, torch, tidegate.tasks
def refuse(*args, **kwargs): raise SystemExit("unpickled")
pickle.load = pickle.loads = pickle.Unpickler = torch.load = refuse
tidegate.load({str(bundle)!r})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
