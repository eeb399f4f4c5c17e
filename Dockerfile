FROM python:3.13.14-slim-bookworm@sha256:9d7f287598e1a5a978c015ee176d8216435aaf335ed69ac3c38dd1bbb10e8d64 AS build

WORKDIR /build
COPY requirements.txt requirements-build.txt ./
# The lock is complete: nothing is resolved. pip compiles to byte-code, which halves every start.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.txt \
    && /opt/venv/bin/pip check \
    && python -m venv /opt/builder \
    && /opt/builder/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-build.txt

COPY pyproject.toml README.md LICENSE ./
COPY mlp_lab ./mlp_lab
COPY configs ./configs
RUN /opt/builder/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps --no-index wheels/mlp_lab-*.whl

FROM python:3.13.14-slim-bookworm@sha256:9d7f287598e1a5a978c015ee176d8216435aaf335ed69ac3c38dd1bbb10e8d64

COPY --from=build /opt/venv /opt/venv
RUN useradd --create-home lab \
    && mkdir -p /opt/mlp-lab/data /opt/mlp-lab/runs \
    && chown lab /opt/mlp-lab/data /opt/mlp-lab/runs
# Whoever the container runs as has a name for torch, and matplotlib a place for its fonts.
ENV PATH=/opt/venv/bin:$PATH USER=lab MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /opt/mlp-lab
USER lab
VOLUME ["/opt/mlp-lab/data", "/opt/mlp-lab/runs"]
HEALTHCHECK NONE
ENTRYPOINT ["mlp-lab"]
CMD ["--help"]
