"""Downloads against a server of our own on this machine."""

import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest

from tests.data.test_idx import idx_bytes
from tidegate.data import mnist
from tidegate.data.download import fetch
from tidegate.errors import DataError
from tidegate.preparation import read_dataset


@pytest.fixture
def server(tmp_path):
    """A folder and the address under which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def test_mnist_is_downloaded_once_and_checked(server, tmp_path, monkeypatch):
    folder, address = server
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TIDEGATE_DATA", raising=False)
    sums = {}
    for name in mnist.MD5:
        array = np.zeros((3, 28, 28) if "images" in name else 3, np.uint8)
        content = gzip.compress(idx_bytes(array))
        (folder / name).write_bytes(content)
        sums[name] = md5(content)
    monkeypatch.setattr(mnist, "MD5", sums)
    monkeypatch.setattr(mnist, "MIRRORS", (address + "moved/", address))
    assert len(read_dataset("mnist").train) == 3

    for name in sums:
        (folder / name).unlink()
    assert len(read_dataset("mnist").train) == 3


def test_wrong_content_leaves_nothing_behind(server, tmp_path):
    folder, address = server
    (folder / "file").write_bytes(b"something else")
    with pytest.raises(DataError, match=f"content with md5 {md5(b'something else')}"):
        fetch([address + "file"], tmp_path / "cache" / "file", md5(b"what it was"))
    assert not (tmp_path / "cache").exists()


def test_every_mirror_is_named_where_none_answers(tmp_path):
    with pytest.raises(DataError, match=r"127.0.0.1:1/a.*127.0.0.1:1/b.*TIDEGATE_DATA"):
        fetch(["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"], tmp_path / "mnist" / "file", "0")
