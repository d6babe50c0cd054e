"""What a recipe file may say about building an engine: the `engine:` and `card:` sections of `build/<engine>.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from whatsit_client.errors import InvalidInput


class CardText(BaseModel):
    """What only a person can say in the model card; hashes and figures are added by the build."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str = ""
    origin: list[str] = Field(default=[], description="Starting weights and teachers, with their licences.")
    data: list[str] = Field(default=[], description="Training data, with their licences; what was kept out.")
    commands: list[str] = Field(default=[], description="What trains, builds and evaluates it again.")
    measured: list[str] = Field(default=[], description="Figures of the shipped file: data, split, command.")
    limits: list[str] = Field(default=[], description="What it does not do well.")


class Calibration(BaseModel):
    """Real pictures that set the ranges of the activations; others of the same folders check the result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: list[str] = Field(
        min_length=1, description="Glob patterns under the data folder; never a split that is reported on."
    )
    count: int = Field(96, ge=8, description="Pictures that calibrate, spread evenly over each pattern's files.")
    leave_out_every: int = Field(
        0,
        ge=0,
        description="Of each pattern's sorted files, every so-manieth is reported on and left out here; 0: none.",
    )
    mixed: bool = Field(
        default=True,
        description="Pictures of all patterns in every batch, so that the first, by which biases are corrected, "
        "show all kinds; false: one pattern after the other.",
    )
    checks: int = Field(64, ge=8, description="Other pictures on which INT8 and float are compared.")


class ProfileBatches(BaseModel):
    """One optimisation profile of a TensorRT plan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: int = Field(default=1, ge=1, description="Smallest batch that the plan takes.")
    opt: int = Field(default=8, ge=1, description="Batch that it is tuned for: one of Triton's preferred_batch_size.")
    max: int = Field(default=32, ge=1, description="Largest batch: Triton's max_batch_size.")

    @model_validator(mode="after")
    def _in_order(self) -> ProfileBatches:
        if not self.min <= self.opt <= self.max:
            raise ValueError("batches must be min <= opt <= max")
        return self


class TensorRTRecipe(BaseModel):
    """What concerns the file for TensorRT, and the plan, alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_float: list[str] = Field(default=[], description="More patterns of node names that stay in FP16 there.")
    float32: list[str] = Field(
        default=[],
        description="Patterns of node names that stay in float32, as all does that follows the last layer.",
    )
    ranges: Literal["max", "percentile", "mse"] = Field(
        default="max", description="How the range of activations is chosen; see whatsit.engines.activation_ranges."
    )
    batches: list[ProfileBatches] = Field(
        default=[ProfileBatches()], min_length=1, description="Optimisation profiles: min, opt and max of the batch."
    )
    version_compatible: bool = Field(
        default=False, description="Later versions of TensorRT run the plan too; it grows by a lean runtime."
    )


class EngineRecipe(BaseModel):
    """The `engine:` section: how the trained network becomes the files that serve.

    One recipe gives two files: `model.onnx` for ONNX Runtime on the CPU, and `tensorrt.onnx`, which TensorRT compiles.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    precision: Literal["int8", "fp16"] = Field(
        default="int8",
        description="int8: INT8 and float32 on the CPU, INT8 and FP16 on GPUs. fp16: float32 on the CPU, FP16 on GPUs; "
        "for transformers, which lose too much in INT8.",
    )
    keep_float: list[str] = Field(
        default=[], description="Patterns (fnmatch) of node names that are not quantised, such as /network/head/*."
    )
    ranges: Literal["max", "average"] = Field(
        default="average",
        description="Ranges of activations on the CPU: max, over all calibration pictures; average, the mean over the "
        "batches of each batch's least and largest, which cuts rare values off and keeps finer steps for the others.",
    )
    calibration: Calibration
    tolerances: dict[str, float] = Field(
        default={},
        description="Least value of each parity figure against float, e.g. embedding.cosine: 0.98, for both files; the "
        "build fails below.",
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
        InvalidInput: no such file, no YAML, or the first field that is missing or does not fit.
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
