"""Fixtures for every folder."""

from tests.support.fixtures import counter_image, engine, inside_engine, mongo_image, python_image

__all__ = ["counter_image", "engine", "inside_engine", "mongo_image", "python_image"]
