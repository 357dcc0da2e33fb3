"""Sources of the same two runs, one a library; and a tracking server on loopback."""

from __future__ import annotations

import gzip
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from real_files import IMPORTS, PARAMS, TOKENS_PER_STEP, logged

PACKED = {"trackio": "ladder.db", "mlflow-db": "mlflow.db"}


@pytest.fixture
def place(tmp_path: Path, mlflow_server: str) -> Callable[[str], str]:
    """Where a library's runs are: a folder of its files, unpacked, or the server's address."""

    def find(library: str) -> str:
        if library == "mlflow server":
            return f"mlflow+{mlflow_server}/ladder"
        if library in PACKED:
            (tmp_path / library).mkdir(exist_ok=True)
            unpacked = gzip.decompress((IMPORTS / library / f"{PACKED[library]}.gz").read_bytes())
            (tmp_path / library / PACKED[library]).write_bytes(unpacked)
            return str(tmp_path / library)
        copy = tmp_path / library
        shutil.copytree(IMPORTS / library, copy)
        return str(copy)

    return find


class _Mlflow(BaseHTTPRequestHandler):
    """As mlflow.org/docs/latest/rest-api.html describes it, with pages of 7 points and 1 run."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/api/2.0/mlflow/runs/search"
        assert asked["experiment_ids"] == ["7"]
        names = list(PARAMS)
        place = int(asked.get("page_token", 0))
        self._reply({"runs": [self._run(names[place])], **({"next_page_token": "1"} if place == 0 else {})})

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.endswith("get-by-name"):
            if query["experiment_name"] != "ladder":
                self._reply({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
                return
            self._reply({"experiment": {"experiment_id": "7"}})
            return
        points = logged(query["run_id"].removeprefix("id-"))[query["metric_key"]]
        start = int(query.get("page_token", 0))
        page = [{"key": query["metric_key"], "value": v, "timestamp": "0", "step": str(s)} for s, v in points]
        more = {"next_page_token": str(start + 7)} if start + 7 < len(page) else {}
        self._reply({"metrics": page[start : start + 7], **more})

    @staticmethod
    def _run(name: str) -> dict[str, object]:
        params = {"n_params": PARAMS[name], "tokens_per_step": TOKENS_PER_STEP}
        return {
            "info": {"run_id": f"id-{name}", "run_name": name, "status": "FINISHED"},
            "data": {
                "metrics": [{"key": key, "value": 0, "timestamp": "0", "step": "0"} for key in logged(name)],
                "params": [{"key": key, "value": str(value)} for key, value in params.items()],
            },
        }

    def _reply(self, document: object, code: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Mlflow)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
