"""`python -m tests.support.streams`: record the streams anew, 20's from a real engine, the others from the fake."""

from tests.support.engine import private_engine
from tests.support.fake import fake_engine
from tests.support.fixtures import load_images
from tests.support.scenarios import play_all
from tests.support.streams import VERSIONS, path_of
from tests.support.streams.recording import recording

PAUSE = 0.3
SEED = 20


def main() -> None:
    """Write the files."""
    for version in VERSIONS:
        if version == "20":
            with private_engine() as engine:
                load_images(engine, "alpine")
                with recording(engine.socket) as heard:
                    play_all(engine, pause=PAUSE)
                    heard.settled()
        else:
            with fake_engine(version, seed=SEED) as fake, recording(fake.socket) as heard:
                play_all(fake, pause=0.05)
                heard.settled()
        path_of(version).write_bytes(b"".join(heard.lines))


if __name__ == "__main__":
    main()
