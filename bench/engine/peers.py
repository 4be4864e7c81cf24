"""Whom hone-engine is measured against: transformers with PEFT and TRL, and llama.cpp. Installed once, pinned, into the
ignored .deps/bench; each measurement is a process of its own."""
import hashlib
import importlib
import json
import pathlib
import sys

from cuda_stand_in import stand_in
from hone import finished
from installing import DEPS, ROOT, NotInstallable, make_venv, run

HERE = pathlib.Path(__file__).resolve().parent
PINS = HERE / "requirements.txt"
WHEELS = ("torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti", "pyarrow")  # setup has them already (setup/wheels.txt)


def ask(python, script, task, folder, environment):
    """What a peer's script prints as its last line, and its peak resident memory in MB."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task.json").write_text(json.dumps(task))
    lines, peak = finished([python, HERE / script, folder / "task.json"], environment, folder / "log.txt")
    return json.loads(lines[-1]), peak


class Transformers:
    name = "transformers"

    def install(self):
        self.venv = DEPS / "transformers"
        self.python = self.venv / "bin/python"
        digest = hashlib.sha256(PINS.read_bytes() + (ROOT / "setup/wheels.txt").read_bytes()).hexdigest()[:12]
        mark = self.venv / f"installed-{digest}"
        if mark.exists():
            return
        print(f"installing transformers, PEFT and TRL into {self.venv}, once: some minutes", file=sys.stderr, flush=True)
        make_venv(self.venv)
        pip = [self.venv / "bin/pip", "install", "-q", "--no-deps", "--no-compile"]
        # All dependencies are listed: by itself torch would bring CUDA's libraries.
        run(*pip, *map(self.wheel, WHEELS))
        run(*pip, "--only-binary", ":all:", "-r", PINS)
        stand_in(next(self.venv.glob("lib/python3*/site-packages")))
        run(self.python, "-c", "import torch, transformers, peft, trl, datasets; torch.ones(2, 2) @ torch.ones(2, 2)",
            env=self.environment({"PATH": "/usr/bin:/bin"}))
        mark.touch()

    @staticmethod
    def wheel(name):
        """Its path; setup's own functions bring it where it is not there."""
        script = 'HONE_ROOT=$1; set -euo pipefail; . setup/setup.sh; fetch_wheel "$2"'
        return run("bash", "-c", script, "fetch", ROOT, name, cwd=ROOT).strip()

    def environment(self, environment):
        # Nothing is asked of a hub, no GPU is looked for, and what a library keeps for itself stays in .deps.
        return {**environment, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
                "HF_HOME": str(self.venv / "home"), "TOKENIZERS_PARALLELISM": "false", "PYTHONWARNINGS": "ignore"}

    def train(self, task, folder, environment):
        return ask(self.python, "training_peer.py", {**task, "folder": str(folder)}, folder, self.environment(environment))

    def infer(self, task, folder, environment):
        return ask(self.python, "inference_peer.py", task, folder, self.environment(environment))


class LlamaCpp:
    name = "llama.cpp"

    def install(self):
        sys.path.append(str(ROOT / "tests/export"))
        try:
            setup = importlib.import_module("llama_cpp_setup")
        except ModuleNotFoundError:
            raise NotInstallable("tests/export/llama_cpp_setup.py, which compiles it, is not there") from None
        try:
            self.python = setup.python_with_llama_cpp()
        except setup.NotInstallable as reason:
            raise NotInstallable(str(reason)) from None

    def stream(self, task, folder, environment):
        return ask(self.python, "llama_cpp_peer.py", task, folder, environment)


ALL = [Transformers, LlamaCpp]
