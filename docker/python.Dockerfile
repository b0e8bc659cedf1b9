# Python with the services' dependencies in /opt/site, fetched outside. Made by docker/images.py; the two services'
# own Dockerfiles begin here, or at the official image, where they fetch the same themselves.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
COPY site /opt/site
RUN python3 -m compileall -q /opt/site
ENV PYTHONPATH=/opt/site PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
