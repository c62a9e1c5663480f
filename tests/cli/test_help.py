"""Every command's help tells the defaults, and the Tab key knows the names."""

import inspect
import os
import re
import subprocess
import sys

import pytest
import typer

from tidegate.cli import complete, run
from tidegate.cli.app import app

COMMANDS = typer.main.get_command(app).commands
OPTIONS = [
    pytest.param(name, option, id=f"{name} {option.opts[0]}")
    for name, command in COMMANDS.items()
    for option in command.params
    if option.param_type_name == "option" and not option.is_flag and not option.required
]


def help_of(command, capsys, monkeypatch):
    """A command's help as one line."""
    monkeypatch.setenv("COLUMNS", "500")
    assert run([command, "--help"]) == 0
    return " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_an_option_that_takes_a_value_shows_its_default(command, option, capsys, monkeypatch):
    shown = help_of(command, capsys, monkeypatch)
    about = re.findall(rf"(?<!\S){option.opts[0]} .*?(?= --[a-z]|$)", shown)
    assert any(re.search(r"\[default: [^]]+\]", one) for one in about), about


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_all_that_the_options_say(command, capsys, monkeypatch):
    shown = help_of(command, capsys, monkeypatch)
    for parameter in COMMANDS[command].params:
        text = (getattr(parameter, "help", None) or "").replace("\\[", "[")
        assert " ".join(text.split()) in shown


def test_the_comparison_of_help_texts_is_of_something():
    assert len(OPTIONS) > 20
    assert any("[default:" in option.values[1].help for option in OPTIONS)


def completed(*words):
    """What bash is offered for the last of the words."""
    environment = {
        **os.environ,
        "_TIDEGATE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["tidegate", *words]),
        "COMP_CWORD": str(len(words)),
    }
    code = "import sys; sys.argv[0] = 'tidegate'; from tidegate.cli import main; main([])"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["dr"], ["draw"]),
        (["draw", "l"], ["lstm"]),
        (["draw", "lstm", "--un"], ["--unrolled"]),
        (["compare", "reg"], ["regression"]),
        (["compare", "classification", "m"], ["mnist"]),
        (["compare", "classification", "my-file"], []),
        (["compare", "--cells", "rnn,l"], ["rnn,lstm"]),
        (["compare", "--budget", "t"], ["thorough"]),
        (["bench", "--cases", "curve,mnist-"], ["curve,mnist-row", "curve,mnist-pixel"]),
        (["fit", "cl"], ["classification"]),
        (["fit", "classification", "d"], ["digits"]),
    ],
    ids=" ".join,
)
def test_what_the_tab_key_offers(words, offered):
    assert completed(*words) == offered


def test_the_names_are_those_that_the_library_knows():
    from tidegate.cells.description import DESCRIPTIONS
    from tidegate.compare import BUDGETS
    from tidegate.data import BUILT_IN
    from tidegate.layers import INITIALIZATIONS
    from tidegate.probes.race import CASES
    from tidegate.tasks.load import TASKS
    from tidegate.tasks.network import READOUTS
    from tidegate.training.loggers import LOGGERS

    assert tuple(TASKS) == complete.TASKS
    assert tuple(DESCRIPTIONS) == complete.CELLS
    assert tuple(BUILT_IN) == complete.DATASETS
    assert (*READOUTS, "all") == complete.READOUTS
    assert tuple(INITIALIZATIONS) == complete.INITIALIZATIONS
    assert tuple(name for name in BUDGETS if name != "tiny") == complete.BUDGETS
    assert tuple(CASES) == complete.CASES
    assert LOGGERS == complete.LOGGERS


def test_the_shell_is_taught_in_one_command(tmp_path):
    command = f"{sys.executable} -m tidegate --install-completion; exit $?"
    result = subprocess.run(["bash", "-c", command], env={**os.environ, "HOME": str(tmp_path)}, capture_output=True)
    assert result.returncode == 0
    assert "_TIDEGATE_COMPLETE=complete_bash" in (tmp_path / ".bash_completions" / "tidegate.sh").read_text()


def test_the_tab_key_answers_without_torch():
    code = """
import sys
from tidegate.cli import run
from tidegate.cli.complete import TASKS
try:
    run([])
except SystemExit:
    pass
sys.exit(any(name in sys.modules for name in ("torch", "numpy", "pandas", "sklearn")))
"""
    environment = {
        **os.environ, "_TIDEGATE_COMPLETE": "complete_bash", "COMP_WORDS": "tidegate fit ", "COMP_CWORD": "2",
    }  # fmt: skip
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stdout.split()) == (0, list(complete.TASKS))


def test_the_defaults_by_task_are_those_of_the_estimators():
    from tidegate.tasks import forecasting, language, speech, translation
    from tidegate.tasks.load import TASKS

    steps = {"classification": 1000, "regression": 1000}
    steps |= {one.__name__.split(".")[-1]: one.DEFAULT_STEPS for one in (forecasting, language, translation, speech)}
    shown = " ".join((COMMANDS["fit"].help or "").split()).split("Defaults by task: - ")[1]
    told = {}
    for line in shown.split(" - "):
        names, _, options = line.partition(": ")
        for task in names.split(" and "):
            told[task] = dict(re.findall(r"--([a-z-]+) (\S+)", options))
    assert tuple(told) == tuple(TASKS)
    for task, options in told.items():
        defaults = {p.name: p.default for p in inspect.signature(TASKS[task]).parameters.values()}
        for option, value in options.items():
            default = steps[task] if option == "steps" else defaults[option.replace("-", "_")]
            assert str(default) == value or float(default) == float(value.replace(",", "")), (task, option)
