"""How benchmarks bring the programs that Hone is measured against: pinned, into the ignored .deps/bench.
Whoever cannot be installed raises NotInstallable with the reason, and is left out of the run by name."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEPS = pathlib.Path(os.environ.get("HONE_DEPS", ROOT / ".deps")) / "bench"
PYTHON = "3.11"


class NotInstallable(Exception):
    """With the reason, for people."""


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        raise NotInstallable(f"{' '.join(map(str, command[:3]))}: {lines[-1][:200]}")
    return done.stdout


def wait_for_port(port, seconds=90):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NotInstallable(f"nothing listens on port {port} after {seconds} s")


def make_venv(folder):
    """An empty virtual environment, whatever was there before."""
    shutil.rmtree(folder, ignore_errors=True)
    run(shutil.which(f"/usr/bin/python{PYTHON}") or shutil.which("python3"), "-m", "venv", folder)
