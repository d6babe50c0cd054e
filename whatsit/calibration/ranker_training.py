"""Training of the ranker: a small network on the stages' evidence, as ONNX."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput, Unavailable

Floats = npt.NDArray[np.float32]

HIDDEN = 16
# Ten photos make a hundred rows, but no more than ten independent things.
FEWEST_PHOTOS = 20
_HELD_OUT = 0.25
_DECAY = 0.1


@dataclass(frozen=True)
class Fit:
    """How well a ranker does on photos that it was not trained on.

    Args:
        kind: "mlp" or "logistic".
        photos: how many photos it was trained on, after this was measured.
        examples: how many rows.
        log_loss: mean, on the photos held out; nats.
        base_log_loss: of always saying the mean.
        right_above_wrong: area under the ROC curve, 0..1.
        calibration_error: mean distance of the probabilities that are said to the shares that are right, over ten bins
            of equal width, weighed by their rows; 0..1.
    """

    kind: str
    photos: int
    examples: int
    log_loss: float
    base_log_loss: float
    right_above_wrong: float
    calibration_error: float


def train_ranker(
    features: Floats,
    right: npt.NDArray[np.bool_],
    photos: npt.NDArray[np.int64],
    names: tuple[str, ...],
    out: Path,
    fingerprint: str = "",
    seed: int = 0,
) -> Fit:
    """Fit a one-hidden-layer network and a logistic regression; keep the better one.

    Held-out photos decide.

    A quarter of the photos is held out to choose and to report; the choice is then fitted on all of them.

    Args:
        features: f32 [n,F].
        right: bool [n].
        photos: int64 [n], which photo each row comes from: a photo is held out whole or not at all.
        names: of the F features, written into the file.
        out: the ONNX file: `features` f32 [n,F] -> `confidence` f32 [n].
        fingerprint: of the embedder behind the features, written into the file; "" fits every embedder.
        seed: of split and network.

    Raises:
        InvalidInput: there are too few photos, or all matches are right or all wrong.
        Unavailable: scikit-learn or onnx is missing, or the file cannot be written.
    """
    try:
        from sklearn.metrics import log_loss, roc_auc_score
    except ModuleNotFoundError as error:
        raise Unavailable("Training the ranker needs scikit-learn and onnx: pip install 'whatsit[train]'.") from error
    every = np.unique(photos)
    if len(every) < FEWEST_PHOTOS:
        raise InvalidInput(f"{len(every)} readable photos are too few to train on: give {FEWEST_PHOTOS} or more.")
    shuffled = np.random.default_rng(seed).permutation(every)
    held = np.isin(photos, shuffled[: round(_HELD_OUT * len(every))])
    if not (0 < right[held].sum() < held.sum() and 0 < right[~held].sum() < (~held).sum()):
        raise InvalidInput("The photos' items are always found first, or never: there is nothing to learn from them.")
    trials = {}
    for kind in ("logistic", "mlp"):
        said = _fit(kind, features[~held], right[~held], seed).predict_proba(features[held])[:, 1]
        trials[kind] = (
            float(log_loss(right[held], said)),
            float(roc_auc_score(right[held], said)),
            calibration_error(said, right[held]),
        )
    kind = min(trials, key=lambda name: trials[name][0])
    metadata = {"features": ",".join(names), "embedder": fingerprint}
    _write(_fit(kind, features, right, seed), len(names), metadata, out)
    base = float(log_loss(right[held], np.full(int(held.sum()), right[~held].mean())))
    loss, above, off = trials[kind]
    return Fit(kind, len(every), len(features), loss, base, above, off)


def calibration_error(said: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error (Naeini et al. 2015).

    It is |mean probability - share right| of each bin, weighted by its rows.

    Args:
        said: probabilities [n].
        right: bool [n].
        bins: of equal width over 0..1.
    """
    places = np.minimum((said * bins).astype(np.int64), bins - 1)
    gaps = [
        abs(float(said[places == b].mean()) - float(right[places == b].mean())) * float((places == b).mean())
        for b in np.unique(places)
    ]
    return float(sum(gaps))


def _fit(kind: str, features: Floats, right: npt.NDArray[np.bool_], seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = (
        LogisticRegression(max_iter=1000)
        if kind == "logistic"
        else MLPClassifier((HIDDEN,), solver="lbfgs", alpha=_DECAY, max_iter=2000, random_state=seed)
    )
    return make_pipeline(StandardScaler(), model).fit(features, right)


def _write(fitted: Any, columns: int, metadata: dict[str, str], out: Path) -> None:
    """Write scaling, layers and the logistic function as one ONNX graph, atomically."""
    from onnx import TensorProto, helper, numpy_helper, save

    scaler, model = fitted[0], fitted[1]
    if hasattr(model, "coefs_"):
        layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    else:
        layers = [(model.coef_.T, model.intercept_)]
    constants = {"mean": scaler.mean_, "scale": scaler.scale_, "shape": np.array([-1])}
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["layer0"]),
    ]
    for number, (weights, bias) in enumerate(layers):
        last = number == len(layers) - 1
        constants |= {f"weights{number}": weights, f"bias{number}": bias}
        linear = "logit" if last else f"linear{number}"
        nodes.append(helper.make_node("Gemm", [f"layer{number}", f"weights{number}", f"bias{number}"], [linear]))
        if not last:
            nodes.append(helper.make_node("Relu", [linear], [f"layer{number + 1}"]))
    nodes.append(helper.make_node("Sigmoid", ["logit"], ["probability"]))
    nodes.append(helper.make_node("Reshape", ["probability", "shape"], ["confidence"]))
    tensors = [
        numpy_helper.from_array(np.asarray(values, dtype=np.int64 if name == "shape" else np.float32), name)
        for name, values in constants.items()
    ]
    graph = helper.make_graph(
        nodes,
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", columns])],
        [helper.make_tensor_value_info("confidence", TensorProto.FLOAT, ["n"])],
        tensors,
    )
    model_proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model_proto, metadata)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        save(model_proto, str(temporary))
        os.replace(temporary, out)
    except OSError as error:
        raise Unavailable(f"{out} cannot be written ({error}).") from error
