"""A folder of photos over asyncio, eight calls at a time.

python many_photos.py photos/ [localhost:8001]
"""

import asyncio
import sys
from pathlib import Path

from whatsit_client import AsyncClient, InvalidInput, Unavailable


async def main(folder: str, server: str = "localhost:8001") -> None:
    """Print one line per photo as its answer arrives."""
    photos = [
        path for path in sorted(Path(folder).iterdir()) if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}
    ]
    turns = asyncio.Semaphore(8)
    async with AsyncClient(server) as client:

        async def identify(photo: Path) -> None:
            async with turns:
                try:
                    answer = (await client.identify(photo)).answer
                except InvalidInput as error:
                    print(f"{photo.name}: {error}")
                else:
                    print(f"{photo.name}: {answer.title or 'not in the catalogue'} ({answer.confidence:.0%})")

        await asyncio.gather(*(identify(photo) for photo in photos))


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except Unavailable as error:
        sys.exit(str(error))
