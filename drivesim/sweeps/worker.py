"""``python -m drivesim.sweeps.worker``: does tasks, a line each on standard input, and answers with a line each.

It ends when its standard input does, in the middle of a task too: whoever asked is gone, and what is complete is kept.
Ctrl-C is for whoever asked.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading


def main() -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            tasks.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    from drivesim.sweeps.task import answer

    while True:
        replies.write(answer(tasks.get()) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
