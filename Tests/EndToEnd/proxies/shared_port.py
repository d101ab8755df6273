"""Restarts two gateways on one port in turn, under a load of new connections; prints how many there were, and how many failed."""

import http.client
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import Gateway, PrivateRabbitMQ
from harness.patience import PATIENCE
from harness.proxies import free_port

counts = {"all": 0, "failed": 0}
stopped = threading.Event()


def call(port):
    while not stopped.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/livez", headers={"Connection": "close"})
            failed = connection.getresponse().status != 200
        except (OSError, http.client.HTTPException) as error:
            print(repr(error), file=sys.stderr)
            failed = True
        finally:
            connection.close()
        counts["all"] += 1
        counts["failed"] += failed


def main():
    with PrivateRabbitMQ() as broker:
        port = free_port()
        settings = {"http_address": f"127.0.0.1:{port}", "reuse_port": "true", "shutdown_delay": "500ms", "loops": 2}
        pair = [Gateway(broker.url, **settings) for _ in range(2)]
        for gateway in pair:
            gateway.start()
        threads = [threading.Thread(target=call, args=(port,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            for gateway in pair:
                gateway.stop()
                gateway.start(ready=False)
                time.sleep(0.3)
        stopped.set()
        for thread in threads:
            thread.join()
        for gateway in pair:
            gateway.stop()
        print(f"{counts['all']} requests, {counts['failed']} failed")


main()
