"""Tests of docker/: what readies an engine and images."""
