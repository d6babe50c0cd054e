"""One photo over gRPC: print the table and save the picture with boxes and matches.

python identify.py photo.jpg [localhost:8001]
"""

import sys
from pathlib import Path

from whatsit_client import Client, WhatsitError, draw


def main(photo: str, server: str = "localhost:8001") -> None:
    """Identify one photo."""
    with Client(server) as client:
        result = client.identify(photo, top_k=5)
    print(result)
    picture = Path(photo).with_suffix(".whatsit.png").name
    draw(result, photo).save(picture)
    print(f"\nSaved {picture}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except WhatsitError as error:
        sys.exit(str(error))
