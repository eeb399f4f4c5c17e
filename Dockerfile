FROM python:3.13-slim

# Git tells the manifest which commit ran; the rest comes from the lock.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/mlp-lab
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY mlp_lab ./mlp_lab
COPY configs ./configs
# pip compiles to byte-code, which halves the time that every start takes.
RUN pip install --no-cache-dir --no-deps .

RUN useradd --create-home lab \
    && mkdir data runs \
    && chown lab data runs
USER lab
VOLUME ["/opt/mlp-lab/data", "/opt/mlp-lab/runs"]
ENTRYPOINT ["mlp-lab"]
CMD ["--help"]
