"""One photo over plain HTTP with nothing but Python: the file is the body of the request.

python raw_http.py photo.jpg [http://localhost:8000]
"""

import json
import struct
import sys
import urllib.error
import urllib.request


def identify(photo: str, server: str = "http://localhost:8000") -> dict[str, list]:
    """The output tensors by name, flat."""
    with open(photo, "rb") as file:
        request = urllib.request.Request(
            f"{server}/v2/models/identify/infer",
            data=file.read(),
            headers={"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"},
        )
    with urllib.request.urlopen(request, timeout=30) as reply:
        body, length = reply.read(), int(reply.headers["Inference-Header-Content-Length"])
    # The reply is a JSON header of that length, then the tensors one after the other.
    tensors, start = {}, length
    for output in json.loads(body[:length])["outputs"]:
        end = start + output["parameters"]["binary_data_size"]
        tensors[output["name"]] = _values(output["datatype"], body[start:end])
        start = end
    return tensors


def _values(datatype: str, data: bytes) -> list:
    if datatype == "FP32":
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    texts, start = [], 0  # BYTES: each text after its length in four bytes
    while start < len(data):
        end = start + 4 + struct.unpack_from("<I", data, start)[0]
        texts.append(data[start + 4 : end].decode())
        start = end
    return texts


if __name__ == "__main__":
    try:
        found = identify(*sys.argv[1:])
    except urllib.error.HTTPError as refusal:  # the body says why in one sentence
        sys.exit(json.loads(refusal.read())["error"])
    print(json.dumps(json.loads(found["ANSWER"][0]), indent=2, ensure_ascii=False))
