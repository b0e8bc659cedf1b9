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
COPY control control
RUN install --directory --owner 65534 --group 65534 --mode 0700 /var/lib/pontlevis
USER 65534:65534
ENV CONTROL_HOST=0.0.0.0 CONTROL_PORT=7070 CONTROL_DATA_DIR=/var/lib/pontlevis
EXPOSE 7070
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7070/healthz', timeout=4)"]
CMD ["python3", "-m", "control"]
