"""The tree of commands; heavy imports stay in the commands to keep --help fast."""

from __future__ import annotations

import typer

from whatsit.cli import (
    build,
    calibrate,
    demo,
    doctor,
    explain,
    feedback,
    identify,
    report,
    repository,
    scan,
    serve,
    top,
    tune,
)
from whatsit.cli.catalogue.app import app as catalogue
from whatsit.cli.engines import app as engines
from whatsit.cli.evaluate import classifier as evaluate_classifier
from whatsit.cli.evaluate import identify as evaluate_identify
from whatsit.cli.evaluate import own as evaluate_own
from whatsit.cli.evaluate import ranking as evaluate_ranking
from whatsit.cli.evaluate.app import app as evaluate
from whatsit.cli.keys import app as keys
from whatsit.cli.label import crops as label_crops
from whatsit.cli.label import review as label_review
from whatsit.cli.label.app import app as label
from whatsit.cli.loop import app as loop
from whatsit.cli.rollout import app as rollout
from whatsit.cli.train import answer as train_answer
from whatsit.cli.train import ranker as train_ranker
from whatsit.cli.train.app import app as train

app = typer.Typer(
    name="whatsit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Point a camera at a thing, make one call, get back what it is and where it stands in your catalogue.",
)

for _verb in (demo, serve, top, identify, scan, explain, doctor, feedback, report, calibrate, build, tune, repository):
    _verb.register(app)
app.add_typer(catalogue, name="catalogue")
app.add_typer(keys, name="keys")
app.add_typer(engines, name="engines")
app.add_typer(rollout, name="rollout")
app.add_typer(loop, name="loop")
label_review.register(label)
label_crops.register(label)
app.add_typer(label, name="label")
train_answer.register(train)
train_ranker.register(train)
app.add_typer(train, name="train")
for _measure in (evaluate_own, evaluate_classifier, evaluate_identify, evaluate_ranking):
    _measure.register(evaluate)
app.add_typer(evaluate, name="evaluate")
