"""``python -m nas.worker``: trains what it is sent, until the driver is gone. Not for people; see ``nas.workers``."""

import ctypes
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from contextlib import suppress
from typing import IO

from nas.messages import receive, send


def main() -> None:
    incoming, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # what a training reads must not be a message
    os.dup2(2, 1)  # nor what a library prints get between them
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides what it means
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(incoming, inbox), daemon=True).start()
    setup = pickle.loads(inbox.get())
    import torch

    from nas.forecast import measure

    torch.set_num_threads(1)
    trainer = setup.trainer(int(sys.argv[1]))
    send(out, ("ready", None))
    while True:
        message = inbox.get()

        def report(epoch: int, accuracy: float) -> bool:
            send(out, ("epoch", (epoch, accuracy)))
            _, stop = pickle.loads(inbox.get())
            return bool(stop)

        try:
            kind, content = pickle.loads(message)  # may name what cannot be imported here
            if kind == "measure":
                send(out, ("measured", measure(trainer, content)))
            else:
                send(out, ("record", trainer.run(content, report=report)))
                give_back_memory()
        except BaseException as error:
            send(out, ("raised", _sendable(error)))


def give_back_memory() -> None:
    """What one network's training has left in pieces, the next one's may not fit into; glibc keeps it all the same."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _listen(incoming: IO[bytes], inbox: "queue.SimpleQueue[bytes]") -> None:
    """In a thread of its own: a driver that dies is noticed in the middle of a training too."""
    while (message := receive(incoming)) is not None:
        inbox.put(message)
    os._exit(0)


def _sendable(error: BaseException) -> BaseException:
    """With the worker's traceback as a note; an exception that cannot be pickled as a RuntimeError."""
    story = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In a worker:\n{story}")
    return error


if __name__ == "__main__":
    main()
