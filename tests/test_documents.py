"""What the documents show is run here: every Python block, every tidegate command."""

import re
import shlex
import shutil

import numpy as np
import pytest
import soundfile

from tests.cli.test_forecasting import sales
from tests.cli.test_tables import recordings
from tests.paths import REPOSITORY
from tests.sounds import RATE, sentences, spoken
from tidegate.cli import run

DOCS = REPOSITORY / "docs"
DOCUMENTS = [REPOSITORY / "README.md", *sorted(DOCS.rglob("*.md"))]
FOLLOWED = [one for one in DOCUMENTS if one.parent.name in ("tutorials", "howto", "coming-from")]
"""Their blocks build on each other: they are run in order, in one folder and one session of Python."""
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(document):
    """A document's path in the documentation, such as tutorials/language."""
    return str(document.relative_to(DOCS if document.is_relative_to(DOCS) else REPOSITORY).with_suffix(""))


def blocks(language):
    for document in DOCUMENTS:
        for n, (found, text) in enumerate(BLOCK.findall(document.read_text())):
            if found == language and document not in FOLLOWED:
                yield pytest.param(text, id=f"{name_of(document)}-{n}")


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """A folder with the files that the documents speak of."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0)
    np.savez("mine.npz", X=noise.normal(size=(30, 10, 8)), y=np.arange(30) % 2)
    np.save("new.npy", noise.random((2, 8, 8)))
    recordings().to_csv("recordings.csv")
    sales().to_csv("sales.csv", index=False)
    sales(n=70).to_csv("later.csv", index=False)
    (tmp_path / "book.txt").write_text("The tide comes and goes. " * 1000)
    for name in ("train", "test"):
        (tmp_path / f"{name}.en").write_text("one boat\ntwo tides\n" * 20)
        (tmp_path / f"{name}.de").write_text("ein Boot\nzwei Tiden\n" * 20)
    (tmp_path / "new.txt").write_text("two boats\n")
    (tmp_path / "talks").mkdir()
    texts = sentences(24)
    for n, text in enumerate(texts):
        soundfile.write(tmp_path / "talks" / f"{n}.wav", spoken(text, seed=n), RATE)
    rows = "".join(f"{n}.wav,{text}\n" for n, text in enumerate(texts))
    (tmp_path / "talks" / "manifest.csv").write_text(f"path,text\n{rows}")
    for n, sign in enumerate("abcd" * 3):
        (tmp_path / "commands" / sign).mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "commands" / sign / f"{n}.wav", spoken(sign, seed=n), RATE)
    soundfile.write(tmp_path / "hello.wav", spoken("cab ad"), RATE)
    recordings(n=3).drop(columns="activity").to_csv("new.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("text", list(blocks("python")))
def test_python(text, somewhere, tiny):
    run_python(text, tiny, {})


@pytest.mark.parametrize("text", list(blocks("console")))
def test_commands(text, somewhere, tiny):
    run_commands(text, tiny)


# torch's exporters and its quantization warn of their own parts.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:.*quant:UserWarning")
@pytest.mark.parametrize("document", FOLLOWED, ids=name_of)
def test_a_page_that_is_followed_from_its_first_block_to_its_last(document, somewhere, tiny):
    if document.stem == "aotinductor" and shutil.which("g++") is None:
        pytest.skip("inductor needs a C++ compiler")
    names = {}
    for language, text in BLOCK.findall(document.read_text()):
        if language == "python":
            run_python(text, tiny, names)
        if language == "console":
            run_commands(text, tiny)


def run_python(text, tiny, names):
    # The documents train as long as a reader would; here a few steps show that it runs.
    text = re.sub(r"epochs=\d+", "epochs=2", text)
    text = re.sub(r"\bsteps=\d+", "steps=5", text)
    text = re.sub(r'budget="\w+"', f'budget="{tiny}"', text)
    names["__name__"] = "document"
    exec(compile(text, "document", "exec"), names)


def run_commands(text, tiny):
    # A line without a prompt is what the command printed for us.
    for line in re.findall(r"^\$ (.*)", text.replace("\\\n", " "), re.MULTILINE):
        command = shlex.split(line, comments=True)
        if command[0] == "make" or "mnist" in command:
            continue
        assert command[0] == "tidegate", line
        arguments = command[1:]
        if arguments[0] == "fit":
            arguments = [*without(without(arguments, "--steps"), "--epochs"), "--steps", "2"]
        if arguments[0] == "compare":
            arguments = [*without(without(arguments, "--budget"), "--jobs"), "--budget", tiny, "--jobs", "1"]
        assert run(arguments) == 0, line


def without(arguments, option):
    if option not in arguments:
        return arguments
    at = arguments.index(option)
    return arguments[:at] + arguments[at + 2 :]


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for document in [*DOCUMENTS, REPOSITORY / "CONTRIBUTING.md"]
        for target in re.findall(r"(?:`|\$ )make (\w+)", document.read_text())
    }
    assert named <= targets


def test_every_file_that_is_linked_exists():
    for document in [*DOCUMENTS, REPOSITORY / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#]+?)\)", document.read_text()):
            if "://" not in link:
                assert (document.parent / link).exists(), f"{document.name}: {link}"
