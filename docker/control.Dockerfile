# Control. It needs the engine's socket at /run/docker.sock, a data folder that its user may write, and no more.
# `docker build -f docker/control.Dockerfile -t pontlevis/control .` at the top of the checkout, or with BASE an
# image that has the dependencies already (docker/python.Dockerfile).
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
ENV PYTHONPATH=/opt/site PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY docker/requirements.lock /opt/
RUN test -d /opt/site || python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
      --require-hashes --target /opt/site --requirement /opt/requirements.lock
WORKDIR /app
ENV PYTHONPATH=/app:/opt/site
COPY pyproject.toml ./
COPY control control
# What `importlib.metadata` and the command `pontlevis` need of an installation.
RUN version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml) \
 && mkdir "pontlevis-$version.dist-info" \
 && printf 'Metadata-Version: 2.1\nName: pontlevis\nVersion: %s\n' "$version" >"pontlevis-$version.dist-info/METADATA" \
 && printf '#!/bin/sh\nexec python3 -c "import sys; from control.cli import main; sys.exit(main())" "$@"\n' \
      >/usr/local/bin/pontlevis \
 && chmod 755 /usr/local/bin/pontlevis
# Any user may run it who may write its data folder.
USER 7070:7070
ENV CONTROL_HOST=0.0.0.0 CONTROL_PORT=7070 CONTROL_DATA_DIR=/data
EXPOSE 7070
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7070/healthz', timeout=4)"]
CMD ["python3", "-m", "control"]
