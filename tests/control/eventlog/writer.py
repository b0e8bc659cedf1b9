"""A process that opens the store of a folder and writes without end, to be killed: `python -m … FOLDER`."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from control.eventlog.standing import Pair
from control.eventlog.store import Store, StoreUnusable
from tests.control.eventlog.values import Book, container, endpoint, network


async def main(store: Store) -> None:
    checkpoint = await store.checkpoint()
    book = Book(dict(checkpoint.standing.memberships))
    for number in count(store.last + 1):
        net, ctr = network(number % 3), container(number % 5)
        entries = []
        if Pair(net.id, ctr.id) in book.standing:
            entries.append(book.disconnect(number, net, ctr))
        entries.append(book.connect(number, net, ctr, endpoint(number)))
        if len(entries) == 1:
            entries += [book.disconnect(number, net, ctr), book.connect(number, net, ctr, endpoint(number))]
        else:
            entries.append(book.disconnect(number, net, ctr))
        await store.append(book.batch(*entries, cursor=number, digests=(number.to_bytes(16),)))
        sys.stdout.write(f"{store.last}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    opened = Store(Path(sys.argv[1]))
    try:
        opened.open()
    except StoreUnusable as error:
        sys.exit(str(error))
    asyncio.run(main(opened))
