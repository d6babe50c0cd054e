# Builds the engines (*.plan) for the GPU that it runs on. From the checkout's folder:
#   docker build --file build/Dockerfile.builder --tag whatsit-builder:0.2.0 .
#   docker run --rm --gpus all --volume whatsit-engines:/engines whatsit-builder:0.2.0
# NVIDIA's TensorRT image of the same month has the TensorRT that the server's image runs (and its Python module, which that
# one lacks); the check below refuses to go on where they differ.
ARG RELEASE=25.10
FROM nvcr.io/nvidia/tensorrt:${RELEASE}-py3 AS wheels
WORKDIR /source
COPY pyproject.toml README.md CHANGELOG.md LICENSE NOTICE ./
COPY client client
COPY whatsit whatsit
COPY model_repository model_repository
COPY ensembles ensembles
COPY fused fused
COPY build build
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels ./client .

FROM nvcr.io/nvidia/tritonserver:${RELEASE}-py3 AS server

FROM nvcr.io/nvidia/tensorrt:${RELEASE}-py3

ENV PIP_BREAK_SYSTEM_PACKAGES=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN --mount=type=bind,from=server,source=/usr/lib/x86_64-linux-gnu,target=/server-libraries \
    served=$(find /server-libraries -name 'libnvinfer.so.*.*.*' -printf '%f\n' | head -n 1) && \
    here=$(python3 -c 'import tensorrt; print(".".join(tensorrt.__version__.split(".")[:3]))') && \
    if [ "${served#libnvinfer.so.}" != "${here}" ]; then \
        echo "The server runs ${served}, this image builds for TensorRT ${here}: choose another RELEASE." >&2; exit 1; \
    fi

WORKDIR /opt/whatsit
COPY constraints.txt build/engines.sh ./
# Compiling needs neither torch nor pictures: what it compiles, tensorrt.onnx of each network, is in the wheel.
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    python3 -m pip install --constraint constraints.txt \
        /wheels/whatsit_client-*.whl "$(echo /wheels/whatsit-*.whl)[compile]"

RUN mkdir --parents /engines build/runs && chown 1000:1000 /engines build/runs
USER 1000
# Engines are kept in a volume; they are built where they will run, for a plan fits one kind of GPU.
VOLUME /engines
CMD ["bash", "engines.sh", "/engines"]
