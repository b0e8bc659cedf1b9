# The counter. `docker build -f docker/counter.Dockerfile -t node-server .` at the top of the checkout, or with
# BASE an image that has the dependencies already (docker/python.Dockerfile).
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
ENV PYTHONPATH=/opt/site PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY docker/requirements.lock /opt/
RUN test -d /opt/site || python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps \
      --require-hashes --target /opt/site --requirement /opt/requirements.lock
WORKDIR /app
COPY counter counter
USER 65534:65534
ENV COUNTER_HOST=0.0.0.0 COUNTER_PORT=8000 COUNTER_MONGODB_URL=mongodb://db
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python3", "-m", "counter"]
