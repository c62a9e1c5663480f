"""The site builds without a warning, misses no name, and opens in a browser."""

import importlib.util
import re
import shutil
import subprocess
import sys

import pytest
import typer

import tidegate
from tests.paths import REPOSITORY
from tidegate import probes
from tidegate.cli.app import app

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ("no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync")

DOCS = REPOSITORY / "docs"
COMMANDS = typer.main.get_command(app).commands
ERRORS = [name for name in vars(tidegate.errors) if name.endswith(("Error", "Warning"))]


def check_links():
    spec = importlib.util.spec_from_file_location("check_links", DOCS / "check_links.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx", reason="the site is built by the packages of the extra docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS, folder]
    built = subprocess.run(command, capture_output=True, text=True)
    assert (built.returncode, built.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def places(site):
    """The anchors of all pages of the reference."""
    return {place for page in (site / "reference").glob("*.html") for place in check_links().Page(page).places}


def test_no_link_is_dead(site):
    assert check_links().dead_links(site) == []


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "one.html").write_text('<a href="two.html">two</a> <a href="#here">here</a> <p id="there">')
    assert check_links().dead_links(tmp_path) == ["one.html: two.html", "one.html: #here"]


def test_every_page_is_in_the_table_of_contents(site):
    index = (site / "index.html").read_text()
    pages = {str(page.relative_to(DOCS).with_suffix(".html")) for page in DOCS.rglob("*.md")} - {"index.html"}
    assert pages <= set(re.findall(r'href="([^"#]+)"', index))


@pytest.mark.parametrize(
    "name",
    [
        *(f"tidegate.{name}" for name in tidegate.__all__),
        *(f"tidegate.probes.{name}" for name in probes.__all__),
        *(f"tidegate.errors.{name}" for name in ERRORS if name != "TidegateError"),
    ],
)
def test_every_public_name_has_an_entry(name, places):
    assert name in places


def test_every_command_and_option_has_an_entry(places):
    for name, command in COMMANDS.items():
        assert f"tidegate-{name}" in places
        for parameter in command.params:
            is_option = parameter.param_type_name == "option"
            entry = parameter.opts[0].lstrip("-") if is_option else f"arg-{parameter.name.upper()}"
            assert f"cmdoption-tidegate-{name}-{entry}" in places


def test_the_messages_of_troubleshooting_are_those_of_the_code():
    source = "\n".join(path.read_text() for path in (REPOSITORY / "src").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source).replace("{CONFIG}", "config.json")
    quoted = re.findall(r"`(?:got|do) ([^`]+)`", (DOCS / "troubleshooting.md").read_text())
    parts = [part.strip(" (),") for message in quoted for part in message.split("…")]
    assert [part for part in parts if part not in source] == []
    assert len(parts) > 40


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome is installed")
def test_pages_open_in_a_browser(site):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[f"--{name}" for name in QUIET])
        for width in (1200, 390):
            page = browser.new_page(viewport={"width": width, "height": 800})
            complaints = []
            page.on("console", lambda message, heard=complaints: heard.append(message.text))
            page.on("pageerror", lambda error, heard=complaints: heard.append(str(error)))
            for path, title in (
                ("index", "tidegate"),
                ("reference/layers", "Layers"),
                ("reference/commands", "Command line"),
            ):
                page.goto((site / f"{path}.html").as_uri())
                assert title in page.title()
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert complaints == []
        browser.close()
