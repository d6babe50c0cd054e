"""The `engine:` and `card:` sections of the recipes `build/<name>.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from whatsit_client.errors import InvalidInput


class CardText(BaseModel):
    """Hand-written parts of the model card; the build adds hashes and figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str = ""
    origin: list[str] = Field(default=[], description="Initial weights and teachers, with their licences.")
    data: list[str] = Field(default=[], description="Training data, with their licences; data that was excluded.")
    commands: list[str] = Field(default=[], description="Commands that train, build and evaluate it again.")
    measured: list[str] = Field(default=[], description="Figures of the shipped file: data, split, command.")
    limits: list[str] = Field(default=[], description="Known weaknesses.")


class Calibration(BaseModel):
    """Pictures that calibrate; others of the same folders check the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: list[str] = Field(
        min_length=1, description="Glob patterns under the data folder; never a split that is reported on."
    )
    count: int = Field(96, ge=8, description="Calibration pictures, evenly spaced over each pattern's files.")
    leave_out_every: int = Field(
        0,
        ge=0,
        description="Every n-th of each pattern's sorted files is held out of calibration, for evaluation; 0: none.",
    )
    mixed: bool = Field(
        default=True,
        description="Interleave the patterns, so that the first batches, by which biases are corrected, contain "
        "pictures of all of them; false: one pattern after the other.",
    )
    checks: int = Field(64, ge=8, description="Other pictures, on which INT8 and float are compared.")


class ProfileBatches(BaseModel):
    """One optimisation profile of a TensorRT plan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: int = Field(default=1, ge=1, description="Smallest batch of the plan.")
    opt: int = Field(default=8, ge=1, description="Batch of the tuning: one of Triton's preferred_batch_size.")
    max: int = Field(default=32, ge=1, description="Largest batch: Triton's max_batch_size.")

    @model_validator(mode="after")
    def _in_order(self) -> ProfileBatches:
        if not self.min <= self.opt <= self.max:
            raise ValueError("batches must be min <= opt <= max")
        return self


class TensorRTRecipe(BaseModel):
    """Options of the TensorRT file and of the plan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_float: list[str] = Field(default=[], description="More patterns of node names that stay in FP16 in this file.")
    float32: list[str] = Field(
        default=[],
        description="More patterns of node names that stay in float32, besides the nodes after the last layer.",
    )
    ranges: Literal["max", "percentile", "mse"] = Field(
        default="max", description="Method for the ranges of activations; see whatsit.engines.activation_ranges."
    )
    batches: list[ProfileBatches] = Field(
        default=[ProfileBatches()], min_length=1, description="Optimisation profiles: min, opt and max of the batch."
    )
    version_compatible: bool = Field(
        default=False, description="Later versions of TensorRT can run the plan, which then contains a lean runtime."
    )


class EngineRecipe(BaseModel):
    """The `engine:` section: how a trained network becomes the served files.

    One recipe gives two files: `model.onnx` for ONNX Runtime on the CPU, and `tensorrt.onnx`, which TensorRT compiles.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    precision: Literal["int8", "fp16"] = Field(
        default="int8",
        description="int8: INT8 and float32 on the CPU, INT8 and FP16 on GPUs. fp16: float32 on the CPU, FP16 on GPUs; "
        "for transformers, which lose too much accuracy in INT8.",
    )
    keep_float: list[str] = Field(
        default=[], description="Patterns (fnmatch) of node names that are not quantised, such as /network/head/*."
    )
    ranges: Literal["max", "average"] = Field(
        default="average",
        description="Ranges of activations on the CPU: max, minimum and maximum over all pictures; average, "
        "the mean of the batches' minima and maxima, which clips outliers and keeps finer steps for all other values.",
    )
    calibration: Calibration
    tolerances: dict[str, float] = Field(
        default={},
        description="Least value of each parity figure against float, e.g. embedding.cosine: 0.98, for both files; the "
        "build fails below it.",
    )
    tensorrt: TensorRTRecipe = TensorRTRecipe()


class BuildRecipe(BaseModel):
    """The sections of a recipe file that `whatsit build` reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    engine: EngineRecipe
    card: CardText = CardText()


def read_build_recipe(path: Path) -> BuildRecipe:
    """Read the `engine:` and `card:` sections of a recipe file.

    Raises:
        InvalidInput: no such file, no YAML, or a missing or invalid field.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"The recipe {path} cannot be read: pass --recipe with one of build/*.yaml.") from error
    except yaml.YAMLError as error:
        raise InvalidInput(f"The recipe {path} is not YAML: correct its indentation or quotes.") from error
    try:
        return BuildRecipe.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "engine"
        raise InvalidInput(f"The recipe {path} does not fit at {field}: {first['msg'].lower()}.") from error
