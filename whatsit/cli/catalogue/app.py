"""`whatsit catalogue`: the items of a catalogue, its index and its back-ups."""

from __future__ import annotations

import typer

from whatsit.cli.catalogue import backup as catalogue_backup
from whatsit.cli.catalogue import clean as catalogue_clean
from whatsit.cli.catalogue import delete, look
from whatsit.cli.catalogue.add import add
from whatsit.cli.catalogue.by_item import scenes, similar
from whatsit.cli.catalogue.edit import edit
from whatsit.cli.catalogue.export import export
from whatsit.cli.catalogue.migrate import migrate
from whatsit.cli.catalogue.publish import compact, publish

app = typer.Typer(no_args_is_help=True, help="Put items into a catalogue, look at them, and publish its index.")


app.command(epilog="Example: whatsit catalogue add demo/catalogue products.csv --publish")(add)
app.command(epilog="Example: whatsit catalogue edit demo/catalogue P00001 --price 1.95 --set colour=red")(edit)
app.command(epilog="Example: whatsit catalogue publish demo/catalogue --max-query-ms 2 --max-memory 300MB")(publish)
app.command(epilog="Example: whatsit catalogue compact demo/catalogue")(compact)
app.command(epilog="Example: whatsit catalogue migrate demo/catalogue milvus://127.0.0.1:19530")(migrate)
app.command(epilog="Example: whatsit catalogue export demo/catalogue products.parquet")(export)
app.command(epilog="Example: whatsit catalogue similar demo/catalogue P00001 --limit 5")(similar)
app.command(epilog="Example: whatsit catalogue scenes demo/catalogue P00001")(scenes)
catalogue_clean.register(app)
catalogue_backup.register(app)
look.register(app)
delete.register(app)
