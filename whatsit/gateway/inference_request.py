"""A request to one of the served models, checked before Triton sees it.

Triton 2.51 allocates what a caller states and recurses as deep as a caller nests, so that it gets only requests that
were read here and are written anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from whatsit_client.errors import InvalidInput

# Of every model that a caller may infer with: input name -> datatype.
MODELS: Mapping[str, Mapping[str, str]] = {
    "identify": {"IMAGE": "UINT8"},
    "embed": {"IMAGE": "UINT8"},
    "detect": {"IMAGE": "UINT8"},
    "catalogue": {"OPERATION": "BYTES", "ITEM": "BYTES", "IMAGE": "UINT8"},
}
CHANGES = frozenset({"upsert", "delete"})
_REQUIRED = {"catalogue": ("OPERATION",)}
_MAX_PARAMETERS = 32
_MAX_PARAMETER = 64 << 10  # characters
_MAX_OUTPUTS = 32
_MAX_ID = 256
_QUEUE = ("timeout", "priority")  # Triton reads them itself
_INT64 = 2**63
_MAX_JSON = 8 << 20  # bytes
_MAX_MARKS = 200_000  # lists, objects and quotes
_VERSION = "1"

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Output:
    """An output that the caller asks for.

    Args:
        name: of the tensor.
        binary: whether its values follow the JSON as bytes; None for the request's default.
    """

    name: str
    binary: bool | None = None


@dataclass(frozen=True)
class InferenceRequest:
    """A request whose sizes, types and names are right.

    Args:
        model: one of `MODELS`.
        inputs: name -> bytes: the values of UINT8 [n], the text of BYTES [1].
        parameters: Triton's request parameters.
        outputs: that the caller asks for; () for all.
        id: of the request.
        binary: whether outputs come as bytes by default.
        version: of the model; every model has version 1 alone, which "" means too.

    Raises:
        InvalidInput: one sentence on what is wrong.
    """

    model: str
    inputs: Mapping[str, bytes]
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    id: str = ""
    binary: bool = True
    version: str = ""

    def __post_init__(self) -> None:
        known = MODELS.get(self.model)
        if known is None:
            raise InvalidInput(f"There is no model '{self.model[:60]}'; the models are {', '.join(MODELS)}.")
        if self.version not in ("", _VERSION):
            raise InvalidInput(f"{self.model} has no version '{self.version[:20]}': leave it out.")
        if unknown := sorted(set(self.inputs) - set(known)):
            raise InvalidInput(f"{self.model} has no input '{unknown[0][:60]}'; it takes {', '.join(known)}.")
        for name in _REQUIRED.get(self.model, known):
            if name not in self.inputs:
                raise InvalidInput(f"{self.model} needs the input {name}.")
        if not self.inputs.get("IMAGE", b"-"):
            raise InvalidInput("The image is empty: send the bytes of a picture file.")
        if len(self.parameters) > _MAX_PARAMETERS:
            raise InvalidInput(f"A request has at most {_MAX_PARAMETERS} parameters, not {len(self.parameters)}.")
        for name, value in self.parameters.items():
            _check_parameter(name, value)
        names = [output.name for output in self.outputs]
        if len(names) > _MAX_OUTPUTS or len(set(names)) < len(names):
            raise InvalidInput("Ask for each output once.")
        if len(self.id) > _MAX_ID or not self.id.isprintable():
            raise InvalidInput(f"The id of a request is printable text of at most {_MAX_ID} characters.")

    @property
    def operation(self) -> str:
        """The operation of a request to `catalogue`, else ""."""
        return self.inputs["OPERATION"].decode("utf-8", "replace") if self.model == "catalogue" else ""

    @property
    def changes_catalogue(self) -> bool:
        """Whether it may change items."""
        return self.operation in CHANGES

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does what sending it once does."""
        return self.operation != "feedback"

    def encode(self) -> tuple[bytes, int]:
        """Return the body of the HTTP request and the length of its JSON part."""
        tensors, values = [], []
        for name, value in self.inputs.items():
            datatype = MODELS[self.model][name]
            data = value if datatype == "UINT8" else len(value).to_bytes(4, "little") + value
            shape = [len(value)] if datatype == "UINT8" else [1]
            values.append(data)
            parameters = {"binary_data_size": len(data)}
            tensors.append({"name": name, "datatype": datatype, "shape": shape, "parameters": parameters})
        header: dict[str, Any] = {
            "inputs": tensors,
            "parameters": {**self.parameters, "binary_data_output": self.binary},
        }
        if self.id:
            header["id"] = self.id
        if self.outputs:
            header["outputs"] = [
                {"name": one.name, "parameters": {"binary_data": self.binary if one.binary is None else one.binary}}
                for one in self.outputs
            ]
        text = orjson.dumps(header)
        return b"".join([text, *values]), len(text)


def parse_http(model: str, body: bytes, header_length: int | None, version: str = "") -> InferenceRequest:
    """Read an inference request of Triton's HTTP protocol.

    Args:
        model: its name.
        body: JSON, then binary values; or a picture alone where `header_length` is 0.
        header_length: bytes of the JSON; None where all of the body is JSON.
        version: of the model, "" for the latest.

    Raises:
        InvalidInput: it is no such request.
    """
    if header_length == 0:
        return InferenceRequest(model, {"IMAGE": body}, version=version)
    if header_length is not None and header_length > len(body):
        raise InvalidInput(f"The JSON of the request has {len(body)} bytes where {header_length} were stated.")
    text, rest = (body, b"") if header_length is None else (body[:header_length], body[header_length:])
    header = _object(parse_json(text), "The request")
    tensors = _list(header.get("inputs"), "inputs")
    parameters = dict(_object(header.get("parameters", {}), "parameters"))
    binary = bool(parameters.pop("binary_data_output", False))
    inputs: dict[str, bytes] = {}
    for tensor in tensors:
        tensor = _object(tensor, "An input")
        name = _name(tensor.get("name"), "input")
        if name in inputs:
            raise InvalidInput(f"The input {name} is given twice.")
        inputs[name], rest = _values(model, name, tensor, rest)
    if rest:
        raise InvalidInput(f"{len(rest)} bytes follow the request that belong to no input.")
    outputs = tuple(_output(_object(one, "An output")) for one in _list(header.get("outputs", []), "outputs"))
    id = header.get("id", "")
    if not isinstance(id, str):
        raise InvalidInput("The id of a request is text.")
    return InferenceRequest(model, inputs, parameters, outputs, id, binary, version)


def parse_json(text: bytes) -> Any:
    """Return the value of JSON.

    Raises:
        InvalidInput: it is none, or larger than is read at once: lists and texts cost far more memory than bytes.
    """
    if len(text) > _MAX_JSON or sum(text.count(mark) for mark in b'[{"') > _MAX_MARKS:
        raise InvalidInput("The request has too much JSON: send pictures as binary data.")
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise InvalidInput(f"The request is not JSON ({str(error)[:100]}).") from error


def _values(model: str, name: str, tensor: Mapping[str, Any], rest: bytes) -> tuple[bytes, bytes]:
    """Return the value of one input, and the binary values after it."""
    datatype = MODELS.get(model, {}).get(name)
    if datatype is None:
        InferenceRequest(model, {name: b"-"})  # raises the sentence
        raise InvalidInput(f"{model} has no input '{name}'.")
    if tensor.get("datatype") != datatype:
        raise InvalidInput(f"The input {name} has the datatype {datatype}, not {str(tensor.get('datatype'))[:20]}.")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) != 1 or type(shape[0]) is not int or shape[0] < 0:
        raise InvalidInput(f"The input {name} has one dimension: give its length as the shape.")
    settings = _object(tensor.get("parameters", {}), f"The parameters of {name}")
    if unknown := sorted(set(settings) - {"binary_data_size"}):
        raise InvalidInput(f"The input {name} cannot be given by '{unknown[0][:40]}': send its values in the request.")
    size = settings.get("binary_data_size")
    if size is None:
        return _json_values(name, datatype, shape[0], tensor.get("data")), rest
    if type(size) is not int or not 0 <= size <= len(rest):
        raise InvalidInput(f"The input {name} states {str(size)[:20]} bytes where {len(rest)} are there.")
    return check_binary(name, datatype, shape[0], rest[:size]), rest[size:]


def check_binary(name: str, datatype: str, length: int, data: bytes) -> bytes:
    """Return the value of an input [length] whose bytes are `data`.

    Raises:
        InvalidInput: shape and bytes do not fit.
    """
    if datatype == "UINT8":
        if length != len(data):
            raise InvalidInput(f"The input {name} has the shape [{length}] and {len(data)} bytes.")
        return data
    if length != 1 or len(data) < 4 or int.from_bytes(data[:4], "little") != len(data) - 4:
        raise InvalidInput(f"The input {name} is one text, with its length in four bytes before it.")
    return data[4:]


def _json_values(name: str, datatype: str, length: int, data: Any) -> bytes:
    if not isinstance(data, list) or len(data) != length:
        raise InvalidInput(f"The input {name} needs {length} values as `data`.")
    if datatype == "BYTES":
        if length != 1 or not isinstance(data[0], str):
            raise InvalidInput(f"The input {name} is one text.")
        return data[0].encode("utf-8", "surrogatepass")
    try:
        return bytes(data)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The values of {name} are whole numbers within 0..255.") from error


def _output(output: Mapping[str, Any]) -> Output:
    settings = _object(output.get("parameters", {}), "The parameters of an output")
    name = _name(output.get("name"), "output")
    if unknown := sorted(set(settings) - {"binary_data"}):
        raise InvalidInput(f"The output {name} cannot be asked for with '{unknown[0][:40]}'.")
    binary = settings.get("binary_data")
    if not isinstance(binary, bool | None):
        raise InvalidInput(f"binary_data of the output {name} is true or false.")
    return Output(name, binary)


def _check_parameter(name: str, value: Any) -> None:
    if not isinstance(value, str | int | float | bool):
        raise InvalidInput(f"The parameter '{name[:40]}' is text, a number, true or false.")
    if name in _QUEUE and (type(value) is not int or value < 0):
        raise InvalidInput(f"The parameter '{name}' is a whole number of 0 or more.")
    if name.startswith("sequence_") or not name.isprintable():
        raise InvalidInput(f"There is no parameter '{name[:40]!r}'.")
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise InvalidInput(f"The parameter '{name[:40]}' does not fit 64 bits.")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"The parameter '{name[:40]}' is no finite number.")
    if len(name) > _MAX_PARAMETER or (isinstance(value, str) and len(value) > _MAX_PARAMETER):
        raise InvalidInput(f"The parameter '{name[:40]}' is longer than {_MAX_PARAMETER} characters.")


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is a JSON object.")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidInput(f"{what} is a JSON list.")
    return value


def _name(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"An {what} needs a name.")
    return value
