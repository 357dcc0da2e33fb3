"""Writes the files in this folder with the real libraries: tensorboardX, tensorboard, mlflow, wandb, trackio.

Run it in an environment that has them (isoflop's own tests do not need them): ``python make.py OUT``. Every library
logs the same two runs, ``small`` and ``large``, so that one set of tests judges all importers. The curve is invented:
loss = 2 + 3 (1 + step)^-0.3 + 0.1 (large: 0), and the learning rate warms up over 4 steps and falls to a tenth of its
peak over the last 8 of 40.

Kept of what they write is what an importer reads: W&B's logs and requirements, MLflow's tags of user and source, and
the Trainer's weights were removed, and trackio's project was vacuumed and packed with gzip, as was MLflow's database
without the tables that hold nothing of a run. The Trainer's run is its own: a GPT-2 of 7,616 parameters on random
tokens. ``nanogpt.log`` is the output of nanoGPT's train.py on a small text, with n_layer=2 n_head=2 n_embd=32
block_size=32 batch_size=4 gradient_accumulation_steps=2 max_iters=40 log_interval=2 eval_interval=10 and its learning
rate decayed to the end.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import sys
from pathlib import Path

STEPS = 40
RUNS = {"small": 1_000_000, "large": 4_000_000}
TOKENS_PER_STEP = 8192
ANYWHERE = "/experiments"
"""Stands for the folder in which MLflow was run; it writes that into its files."""


def loss(run: str, step: int) -> float:
    return 2 + 3 * (1 + step) ** -0.3 + (0.1 if run == "small" else 0.0)


def lr(step: int) -> float:
    return 1e-3 * min(step / 4, 1.0, 1 - 0.9 * max(0, step - 32) / 8)


def config(run: str) -> dict[str, object]:
    return {"n_params": RUNS[run], "tokens_per_step": TOKENS_PER_STEP, "optimizer": {"name": "adamw"}}


def points(run: str):
    for step in range(1, STEPS + 1):
        yield step, {"train/loss": loss(run, step) + 0.05 * math.sin(step), "lr": lr(step)}
        if step % 10 == 0:
            yield step, {"eval/loss": loss(run, step)}


def tensorboardx(out: Path) -> None:
    from tensorboardX import SummaryWriter

    for run in RUNS:
        writer = SummaryWriter(str(out / "tensorboardx" / run))
        for step, values in points(run):
            for name, value in values.items():
                writer.add_scalar(name, value, step)
        writer.add_histogram("weights", [0.0, 1.0, 2.0], 1)
        writer.add_text("config", json.dumps(config(run)))
        writer.close()


def torch_tensorboard(out: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    for run in RUNS:
        writer = SummaryWriter(str(out / "torch-tensorboard" / run))
        for step, values in points(run):
            for name, value in values.items():
                writer.add_scalar(name, value, step, new_style=True)
        writer.close()


def mlflow_files(out: Path) -> None:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    import mlflow

    mlflow.set_tracking_uri((out / "mlruns").as_uri())
    mlflow.set_experiment("ladder")
    for run in RUNS:
        with mlflow.start_run(run_name=run):
            mlflow.log_params({"n_params": RUNS[run], "tokens_per_step": TOKENS_PER_STEP})
            for step, values in points(run):
                mlflow.log_metrics(values, step=step)
    for path in (out / "mlruns").rglob("meta.yaml"):
        path.write_text(path.read_text().replace(str(out), ANYWHERE))


def mlflow_database(out: Path) -> None:
    import sqlite3

    import mlflow

    folder = out / "mlflow-db"
    folder.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_experiment("ladder")
    for run in RUNS:
        with mlflow.start_run(run_name=run):
            mlflow.log_params({"n_params": RUNS[run], "tokens_per_step": TOKENS_PER_STEP})
            mlflow.log_metrics({"odd": float("nan")}, step=1)
            mlflow.log_metrics({"odd": float("-inf")}, step=2)
            for step, values in points(run):
                mlflow.log_metrics(values, step=step)
    kept = {"alembic_version", "experiments", "runs", "metrics", "latest_metrics", "params", "tags"}
    with sqlite3.connect(folder / "mlflow.db") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        for (name,) in names.fetchall():
            if name not in kept:
                connection.execute(f'DROP TABLE "{name}"')
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (os.getcwd(), ANYWHERE))
        connection.execute("DELETE FROM tags WHERE key LIKE 'mlflow.%' AND key != 'mlflow.runName'")
    packed = sqlite3.connect(folder / "mlflow.db")
    packed.execute("VACUUM")
    packed.close()
    (folder / "mlflow.db.gz").write_bytes(gzip.compress((folder / "mlflow.db").read_bytes(), 9, mtime=0))
    (folder / "mlflow.db").unlink()


def wandb_offline(out: Path) -> None:
    import wandb

    for run in RUNS:
        with wandb.init(
            project="ladder",
            name=run,
            id=run,
            mode="offline",
            dir=str(out),
            config=config(run),
            settings=wandb.Settings(
                x_disable_stats=True,
                x_disable_meta=True,
                disable_git=True,
                save_code=False,
                console="off",
                x_disable_machine_info=True,
            ),
        ) as logged:
            for step, values in points(run):
                logged.log({**values, "iter": step})


def trackio_file(out: Path) -> None:
    os.environ["TRACKIO_DIR"] = str(out / "trackio")
    import trackio

    for run in RUNS:
        trackio.init(project="ladder", name=run, config=config(run))
        for step, values in points(run):
            trackio.log(values, step=step)
        trackio.finish()


def hugging_face(out: Path) -> None:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

    torch.manual_seed(0)
    text = torch.randint(0, 32, (64, 17))
    rows = [{"input_ids": row, "labels": row} for row in text]
    model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=32, n_embd=16, n_layer=2, n_head=2))
    arguments = TrainingArguments(
        output_dir=str(out / "hugging-face"),
        max_steps=STEPS,
        logging_steps=2,
        eval_strategy="steps",
        eval_steps=10,
        save_steps=STEPS,
        per_device_train_batch_size=8,
        lr_scheduler_type="linear",
        learning_rate=1e-2,
        report_to=[],
        use_cpu=True,
        include_num_input_tokens_seen=True,
        disable_tqdm=True,
    )
    Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=rows[:16]).train()


def lightning_csv(out: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    for run in RUNS:
        logger = CSVLogger(str(out / "lightning"), name="", version=run)
        logger.log_hyperparams({"n_params": RUNS[run], "tokens_per_step": TOKENS_PER_STEP})
        for step, values in points(run):
            logger.log_metrics({name.replace("/", "_"): value for name, value in values.items()}, step)
        logger.save()


MAKERS = {
    maker.__name__: maker
    for maker in (
        tensorboardx,
        torch_tensorboard,
        mlflow_files,
        mlflow_database,
        wandb_offline,
        trackio_file,
        hugging_face,
        lightning_csv,
    )
}

if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    for name in sys.argv[2:] or MAKERS:
        try:
            MAKERS[name](folder)
            print("made", name)
        except Exception as error:
            print("could not make", name, "because of", type(error).__name__, str(error)[:500])
