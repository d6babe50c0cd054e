"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
CatalogueFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The catalogue's folder.", show_default=False)]
Where = Annotated[
    str | None, typer.Option(help='Only items that fulfil this JSON filter, such as \'{"price": {"$lt": 5}}\'.')
]
ModelRepository = Annotated[Path | None, typer.Option(help="Networks instead of Whatsit's own.")]
Workers = Annotated[int, typer.Option(min=0, help="Pictures analysed at once; 0 is one per core.")]
ServerUrl = Annotated[
    str, typer.Option(envvar="WHATSIT_URL", help="Server: host:port, grpc://host:port or http://host:port.")
]
Data = Annotated[Path, typer.Option(help="Folder that holds the data sets.")]
Weights = Annotated[Path, typer.Option(help="Folder that holds the starting weights.")]
OnnxThreads = Annotated[int, typer.Option(min=1, help="CPU threads of ONNX Runtime.")]
TorchThreads = Annotated[int | None, typer.Option(min=1, help="CPU threads; torch's choice if not given.")]
FalsePositives = Annotated[
    float, typer.Option(min=0, max=1, help="Share of photos of absent items that may be accepted.")
]

DATA, WEIGHTS = Path("../shared/data"), Path("../shared/weights")
