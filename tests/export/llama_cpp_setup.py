"""llama.cpp, by way of llama-cpp-python: pinned, compiled once (about ten minutes on two cores) into
a virtual environment in the ignored .deps folder. Who wants it calls `python_with_llama_cpp()`, which
gives the interpreter that has `llama_cpp` and `gguf`, and builds it where it is not there yet.

    python3 tests/export/llama_cpp_setup.py      # builds it, prints the interpreter's path

Source distribution, because there is no wheel for every machine; it wants a C++ compiler. CMake and
Ninja are pinned too, and used from the environment. CMAKE_BUILD_PARALLEL_LEVEL bounds the compilers.
"""
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("HONE_DEPS", ROOT / ".deps")) / "bench"
LLAMA_CPP_PYTHON = "0.3.36"
PACKAGES = ["gguf==0.19.0", "numpy==2.2.6", "jinja2==3.1.6", "diskcache==5.6.3", "typing-extensions==4.15.0"]
BUILD = ["scikit-build-core==0.11.6", "cmake==3.31.6", "ninja==1.13.0"]
MARK = f"installed-{LLAMA_CPP_PYTHON}"


class NotInstallable(Exception):
    """With the reason, for people."""


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"exit {done.returncode}"]
        raise NotInstallable(f"{' '.join(map(str, command[:4]))}: {' | '.join(lines[-5:])[:800]}")
    return done.stdout


def build(venv):
    shutil.rmtree(venv, ignore_errors=True)
    run(sys.executable, "-m", "venv", venv)
    pip = venv / "bin/pip"
    run(pip, "install", "-q", "--only-binary", ":all:", *PACKAGES, *BUILD)
    environment = {**os.environ,
                   "PATH": f"{venv}/bin:{os.environ['PATH']}",
                   # No image models; the instructions of this machine.
                   "CMAKE_ARGS": "-DLLAVA_BUILD=OFF -DGGML_NATIVE=ON",
                   "CMAKE_BUILD_PARALLEL_LEVEL": os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", "2")}
    run(pip, "install", "-q", "--no-build-isolation", "--no-deps", "--no-binary", "llama-cpp-python",
        f"llama-cpp-python=={LLAMA_CPP_PYTHON}", env=environment)
    run(venv / "bin/python", "-c", "import llama_cpp, gguf")
    (venv / MARK).touch()


def python_with_llama_cpp():
    """The interpreter that has llama.cpp; NotInstallable says why there is none."""
    venv = DEPS / "llama-cpp"
    DEPS.mkdir(parents=True, exist_ok=True)
    with open(DEPS / "llama-cpp.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a benchmark and a test may both want it
        if not (venv / MARK).exists():
            print(f"compiling llama-cpp-python {LLAMA_CPP_PYTHON} into {venv}, once: about ten minutes",
                  file=sys.stderr, flush=True)
            build(venv)
    return venv / "bin/python"


if __name__ == "__main__":
    try:
        print(python_with_llama_cpp())
    except NotInstallable as problem:
        sys.exit(f"llama.cpp cannot be installed here: {problem}")
