"""TensorBoard's page of a run, in a real browser: curves and pictures are there."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1400,3000 --virtual-time-budget=20000"
).split()


@pytest.fixture
def board(trained):
    """TensorBoard on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(trained.run), "--port", str(port)]
    server = subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(address + "data/runs", timeout=2).read()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(10)


@pytest.mark.slow
def test_the_page_shows_curves_and_pictures(board, tmp_path):
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if browser is None:
        pytest.skip("no browser; install Debian's chromium")
    command = [browser, *FLAGS, f"--user-data-dir={tmp_path}", "--dump-dom", f"{board}#timeseries"]
    page = subprocess.run(command, capture_output=True, text=True, timeout=180).stdout
    for tag in ("train/loss", "validation/dice", "validation/baseline_dice", "validation/picture_0"):
        assert f'title="{tag}"' in page, f"no card {tag} on the page"
    assert page.count('alt="Image at step 2"') == 2
