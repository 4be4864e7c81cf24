"""The gateways that are measured: how each is installed (pinned, into the ignored .deps folder),
configured for the stub upstream, and started. Whoever cannot be installed says why and is left out."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from installing import DEPS, ROOT, NotInstallable, make_venv, run, wait_for_port

PORTKEY = "1.15.2"
LITELLM = "1.80.0"
MLFLOW = "3.6.0"
STORE_BENCH = ROOT / "build/release/bin/store_bench"


class Gateway:
    """One gateway: `install` once, then `start` and `stop` as often as there are repeats."""

    name = ""
    path = "/v1/chat/completions"
    records = False

    def __init__(self, port, upstream, folder):
        self.port, self.upstream = port, upstream
        self.folder = folder / self.name.lower()
        self.headers = ["Authorization: Bearer bench"]
        self.process = None

    def install(self):
        pass

    def launch(self, *command, **environment):
        log = open(self.folder / "log.txt", "ab")
        self.process = subprocess.Popen(
            [str(word) for word in command], stdout=log, stderr=log, cwd=self.folder,
            env={**os.environ, **environment}, start_new_session=True)
        wait_for_port(self.port)

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.begin()

    def stop(self):
        if self.process is None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


class Nothing(Gateway):
    """The load generator straight at the stub: what there is to win at all."""

    name = "direct"

    def begin(self):
        self.port = self.upstream


class Nginx(Gateway):
    """Debian's, as a plain proxy: kept-alive connections on both sides, no log, no buffering of answers."""

    name = "nginx"

    def install(self):
        self.program = shutil.which("nginx")
        if self.program:
            return
        self.program = DEPS / "nginx/usr/sbin/nginx"
        if self.program.exists():
            return
        target = DEPS / "nginx"
        target.mkdir(parents=True, exist_ok=True)
        run("apt-get", "update", "-qq")
        run("apt-get", "download", "nginx", cwd=target)
        run("dpkg", "-x", next(target.glob("nginx_*.deb")), target)

    def begin(self):
        (self.folder / "nginx.conf").write_text(f"""
worker_processes 2;
pid {self.folder}/pid;
error_log {self.folder}/error.log warn;
daemon off;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {self.folder}/body;
  proxy_temp_path {self.folder}/proxy;
  fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  keepalive_requests 1000000;
  upstream stub {{ server 127.0.0.1:{self.upstream}; keepalive 512; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    client_max_body_size 64m;
    client_body_buffer_size 512k;
    location / {{
      proxy_pass http://stub;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
""")
        self.launch(self.program, "-p", self.folder, "-c", self.folder / "nginx.conf")


class Hone(Gateway):
    """The release build with everything on: keys, consent, redaction, recording, group commits, index."""

    name = "hone"
    records = True
    binary = ROOT / "build/release/bin/hone"
    environment = {}
    counted = ""  # WHERE of interactions
    stored = 0  # interactions in the store before it starts

    def begin(self):
        config = self.folder / "hone.toml"
        config.write_text(f"""
data = "{self.folder}/data"
log_level = "warn"
[server]
listen = "127.0.0.1:{self.port}"
auth = "keys"
[[upstream]]
name = "stub"
url = "http://127.0.0.1:{self.upstream}"
wires = ["openai-chat"]
""")
        key = run(self.binary, "--config", config, "key", "create", "--person", "Bench", "--team", "Bench")
        secret = next(word for word in key.split() if word.startswith("hone_"))
        self.headers = [f"Authorization: Bearer {secret}"]
        if self.stored:
            run(STORE_BENCH, "--fill", self.stored, self.folder / "data/hone.db")
        self.launch(self.binary, "--config", config, "serve", **self.environment)

    def counts(self):
        """Interactions in the store: all, and those with their content."""
        with sqlite3.connect(f"file:{self.folder}/data/hone.db?mode=ro", uri=True) as database:
            row = database.execute("SELECT count(*), coalesce(sum(content = 'stored'), 0) FROM interaction " +
                                   self.counted)
            return row.fetchone()


class Portkey(Gateway):
    name = "Portkey"

    def install(self):
        self.program = DEPS / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
        if not self.program.exists():
            (DEPS / "portkey").mkdir(parents=True, exist_ok=True)
            run("npm", "install", "--prefix", DEPS / "portkey", "--silent", "--no-audit", "--no-fund",
                "--ignore-scripts", f"@portkey-ai/gateway@{PORTKEY}")

    def begin(self):
        self.headers += ["x-portkey-provider: openai",
                         f"x-portkey-custom-host: http://127.0.0.1:{self.upstream}/v1"]
        self.launch("node", self.program, f"--port={self.port}", "--headless", NODE_ENV="production",
                    TRUSTED_CUSTOM_HOSTS="127.0.0.1,localhost")


class PythonGateway(Gateway):
    """One that lives in a virtual environment of its own."""

    packages = ()

    def install(self):
        self.venv = DEPS / self.name.lower()
        mark = self.venv / ("installed-" + self.packages[0].rpartition("==")[2])
        if mark.exists():
            return
        make_venv(self.venv)
        run(self.venv / "bin/pip", "install", "-q", "--only-binary", ":all:", *self.packages)
        mark.touch()


class MLflow(PythonGateway):
    name = "MLflow"
    packages = (f"mlflow[gateway]=={MLFLOW}",)
    path = "/v1/chat/completions"

    def begin(self):
        endpoint = """
  - name: {0}
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: {0}
      config: {{openai_api_key: bench, openai_api_base: "http://127.0.0.1:{1}/v1"}}"""
        (self.folder / "gateway.yaml").write_text(
            "endpoints:" + "".join(endpoint.format(name, self.upstream) for name in ("bench", "bench-slow")))
        self.launch(self.venv / "bin/mlflow", "gateway", "start", "--config-path",
                    self.folder / "gateway.yaml", "--host", "127.0.0.1", "--port", self.port,
                    "--workers", "2", PATH=f"{self.venv}/bin:{os.environ['PATH']}")


class LiteLLM(PythonGateway):
    name = "LiteLLM"
    packages = (f"litellm[proxy]=={LITELLM}",)

    def begin(self):
        models = [{"model_name": name, "litellm_params": {
            "model": f"openai/{name}", "api_base": f"http://127.0.0.1:{self.upstream}/v1", "api_key": "bench"}}
            for name in ("bench", "bench-slow")]
        (self.folder / "config.yaml").write_text(json.dumps({"model_list": models}))
        self.launch(self.venv / "bin/litellm", "--config", self.folder / "config.yaml", "--host", "127.0.0.1",
                    "--port", self.port, "--num_workers", "2", "--telemetry", "False",
                    LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR")


ALL = [Nothing, Nginx, Hone, Portkey, MLflow, LiteLLM]
