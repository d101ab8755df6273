"""How a client goes, without waiting for ever."""

import threading


def say_goodbye(leave, patience=1):
    """Calls `leave`, and waits for so many seconds. One that polls may wait for a request of its own: an asyncio server never answers it,
    another one with the next ping, in 25 s. The end of the server ends that."""
    errors = []

    def run():
        try:
            leave()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(patience)
    if errors:
        raise errors[0]
