"""What `make test` needs before its first test: an engine to start, a busybox, and the images in `.build`.

The images are built on a private engine, so that the machine's own, if it has one, is not touched.
"""

import os

from control import log
from docker import cache
from docker.images import kept_recipes
from docker.packages import find, need
from docker.say import Trouble, run
from tests.support.engine import private_engine, sweep_abandoned
from tests.support.fixtures import load_images


def main() -> None:
    """The command."""
    log.configure(form="console", level="error")
    if os.geteuid() != 0:
        raise Trouble("the tests start engines of their own, which takes root: use sudo")
    need("dockerd", "docker.io", "iptables", purpose="the tests' engines")
    need("iptables", "iptables", purpose="the tests' engines")
    need("busybox", "busybox-static", purpose="the tests' alpine image")
    if find("apt-get") is not None:
        need("docker-compose", "docker-compose", purpose="the test of docker/compose.yaml")
        need("faketime", "faketime", purpose="the clock steps of tests/chaos")
    sweep_abandoned()
    with cache.lock():
        missing = [recipe.role for recipe in kept_recipes() if not recipe.kept.exists()]
        if missing:
            with private_engine() as engine:
                load_images(engine, *missing)


if __name__ == "__main__":
    run(main)
