"""MLflow: its file store (``mlruns/``) and its tracking server; its database is read in ``mlflow_db.py``.

The file store has a folder an experiment and in it a folder a run: ``meta.yaml``, ``params/NAME`` with the value,
``metrics/NAME`` with a line ``timestamp value step`` a point (``mlflow.store.tracking.file_store``). The server speaks
the REST interface of mlflow.org/docs/latest/rest-api.html; of it ``experiments/get-by-name``, ``runs/search`` and
``metrics/get-history`` are used, page by page, and metrics come whole, never sampled.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isoflop.errors import Failure, RunsError
from isoflop.runs.importers.contract import Logged, Points, State, as_number
from isoflop.runs.importers.mlflow_db import databases_of, read_mlflow_db
from isoflop.runs.importers.scalars_yaml import read_scalars

LARGEST_REPLY = 256 << 20
LARGEST_PARAM = 1 << 16
PAGE = 1000
"""Runs a page; history pages hold 25,000 points, the server's own limit."""
TIMEOUT = 60.0
"""Seconds without an answer."""
_STATES: Mapping[str, State] = {
    "FINISHED": "finished", "RUNNING": "unfinished", "FAILED": "unfinished", "KILLED": "unfinished",
    "SCHEDULED": "unfinished", "3": "finished", "1": "unfinished", "2": "unfinished", "4": "unfinished",
    "5": "unfinished",
}  # fmt: skip


def read_mlflow_files(source: Path) -> tuple[Logged, ...]:
    """The runs below a folder: a whole ``mlruns``, one experiment, or one run; or of ``mlflow.db``, also where a folder
    has one. Deleted runs are left out.

    Raises RunsError where there is none, or a metric's file that holds something else.
    """
    if databases := databases_of(source):
        return tuple(run for file in databases for run in read_mlflow_db(file))
    folders = sorted({path.parent for path in source.rglob("metrics") if (path.parent / "meta.yaml").is_file()})
    runs = [_file_run(folder) for folder in folders if not _deleted(folder)]
    if not runs:
        raise RunsError(
            f"No MLflow run lies below {source}: none of its folders has meta.yaml and metrics/. Name an mlruns "
            "folder or an mlflow.db; another database is read through its server, mlflow+http://HOST:PORT/EXPERIMENT."
        )
    return tuple(runs)


def _deleted(folder: Path) -> bool:
    return ".trash" in folder.parts or read_scalars(folder / "meta.yaml").get("lifecycle_stage") == "deleted"


def _file_run(folder: Path) -> Logged:
    meta = read_scalars(folder / "meta.yaml")
    points, notes = Points(str(folder)), list[str]()
    metrics = folder / "metrics"
    for file in sorted(path for path in metrics.rglob("*") if path.is_file()):
        _metric(file, file.relative_to(metrics).as_posix(), points, notes)
    facts = dict(_params(folder / "params"))
    name = str(meta.get("run_name") or folder.name)
    return Logged(name, points.series(), facts, _STATES.get(str(meta.get("status")), "unknown"), notes=tuple(notes))


def _metric(file: Path, name: str, points: Points, notes: list[str]) -> None:
    with file.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(4096), b""), start=1):
            words = line.split()
            try:
                step = float(words[2]) if len(words) == 3 else 0.0
                points.add(name, step, float(words[1]))
            except (ValueError, IndexError) as error:
                if not line.endswith(b"\n"):
                    notes.append(f"The metric {name} is cut in line {number}: the lines before it are used.")
                    return
                raise RunsError(
                    f"{file}, line {number}: {line[:40]!r} is no 'timestamp value step'. Correct or remove the line."
                ) from error


def _params(folder: Path) -> Iterator[tuple[str, object]]:
    for file in sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else ():
        with file.open("rb") as stream:
            yield file.relative_to(folder).as_posix(), stream.read(LARGEST_PARAM).decode("utf-8", "replace").strip()


def read_mlflow_server(url: str) -> tuple[Logged, ...]:
    """The runs of an experiment of a tracking server: ``mlflow+http://HOST:PORT/EXPERIMENT``, or of all experiments.

    A password or token is taken from MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and MLFLOW_TRACKING_TOKEN, as
    MLflow's own client does. Raises RunsError for an address or experiment that cannot be, Failure where the server
    doesn't answer as one.
    """
    parts = urllib.parse.urlsplit(url.removeprefix("mlflow+"))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RunsError(f"Cannot read the address '{_shown(url)}'. Write mlflow+http://HOST:PORT/EXPERIMENT.")
    if parts.username or parts.password:
        raise RunsError(
            f"A password in an address ends up in logs. Take it out of '{_shown(url)}', and set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    base = f"{parts.scheme}://{parts.netloc}/api/2.0/mlflow/"
    experiment = urllib.parse.unquote(parts.path.strip("/"))
    ids = _experiments(base, experiment)
    runs = [_server_run(base, run) for run in _pages(base, "runs/search", "runs", {"experiment_ids": ids}, post=True)]
    if not runs:
        raise RunsError(
            f"The MLflow server {parts.netloc} has no runs in {experiment or 'any experiment'}. Name another."
        )
    return tuple(runs)


def _shown(url: str) -> str:
    """An address without what stands before its @."""
    head, slashes, rest = url.partition("//")
    return f"{head}{slashes}{rest.rpartition('@')[2]}"


def _experiments(base: str, name: str) -> list[str]:
    if name:
        found = _ask(base, "experiments/get-by-name", {"experiment_name": name})
        return [str(found.get("experiment", {}).get("experiment_id"))]
    pages = _pages(base, "experiments/search", "experiments", {}, post=True)
    return [str(each.get("experiment_id")) for each in pages]


def _server_run(base: str, run: Mapping[str, Any]) -> Logged:
    info, data = run.get("info", {}), run.get("data", {})
    run_id, points = str(info.get("run_id")), Points(f"the MLflow run {info.get('run_id')}")
    for name in sorted({str(metric.get("key")) for metric in data.get("metrics", ())}):
        for point in _pages(
            base, "metrics/get-history", "metrics", {"run_id": run_id, "metric_key": name}, size=25_000
        ):
            value, step = as_number(point.get("value")), point.get("step", 0)
            if value is not None:
                points.add(name, float(step), value)
    facts = {str(param.get("key")): param.get("value") for param in data.get("params", ())}
    state = _STATES.get(str(info.get("status")), "unknown")
    return Logged(str(info.get("run_name") or run_id), points.series(), facts, state)


def _pages(
    base: str, path: str, what: str, query: Mapping[str, object], *, post: bool = False, size: int = PAGE
) -> Iterator[dict[str, Any]]:
    token, seen = "", set[str]()
    while True:
        reply = _ask(base, path, {**query, "max_results": size, **({"page_token": token} if token else {})}, post=post)
        yield from reply.get(what, ())
        token = str(reply.get("next_page_token") or "")
        if not token or token in seen:  # a server that gives a token twice would be asked for ever
            return
        seen.add(token)


def _ask(base: str, path: str, query: Mapping[str, object], *, post: bool = False) -> dict[str, Any]:
    url = base + path + ("" if post else "?" + urllib.parse.urlencode(query))
    body = json.dumps(query).encode() if post else None
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json", **_authorised()})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
            raw = reply.read(LARGEST_REPLY + 1)
        if len(raw) > LARGEST_REPLY:
            raise Failure(f"{base}{path} answers with more than {LARGEST_REPLY >> 20} MiB. Import fewer runs at once.")
        document = json.loads(raw)
    except urllib.error.HTTPError as error:
        said = error.read(2000).decode("utf-8", "replace")
        kind = RunsError if error.code == 404 else Failure
        raise kind(
            f"The MLflow server answers {error.code} to {path}: {said[:200]}. Look at the experiment's name, and at "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN."
        ) from error
    except (OSError, ValueError) as error:
        raise Failure(
            f"No MLflow server answers at {base}: {error}. Start one, or name the mlruns folder itself."
        ) from error
    if not isinstance(document, dict):
        raise Failure(f"{base}{path} answers with a {type(document).__name__}: that is no MLflow server. Name another.")
    return document


def _authorised() -> dict[str, str]:
    user, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()} if user else {}
