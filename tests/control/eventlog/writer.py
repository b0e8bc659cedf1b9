"""A process that opens the store of a folder and writes without end, to be killed: `python -m … FOLDER`."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from control.eventlog.store import Store, StoreUnusable
from tests.control.eventlog.values import batch, connect, container, disconnect, network


async def main(store: Store) -> None:
    for number in count(store.last + 1):
        net, ctr = network(number % 3), container(number % 5)
        await store.append(
            batch(
                connect(number, net, ctr),
                disconnect(number + 1, net, ctr),
                connect(number + 2, net, ctr),
                cursor=number,
                digests=(number.to_bytes(16),),
            )
        )
        sys.stdout.write(f"{store.last}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    opened = Store(Path(sys.argv[1]))
    try:
        opened.open()
    except StoreUnusable as error:
        sys.exit(str(error))
    asyncio.run(main(opened))
