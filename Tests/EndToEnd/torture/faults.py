"""What happens to the broker, the gateways and what is between them, meanwhile. Each fault is over when its function returns."""

import random
import signal
import time
from contextlib import contextmanager, suppress

from emits import AMQP0_EXCHANGE, RESTLESS, ROOMS
from harness.disturbing_proxy import BACK, OUT
from harness.rabbitmq import BrokerError

GATEWAY_USER = "gateway"


class Faults:
    """`stage` has the broker, the servers' topology, and the gateways with their proxies: see torture.py."""

    def __init__(self, stage, seed):
        self._stage, self._dice = stage, random.Random(seed)
        self.counts = {}
        self.unsteady = []  # when the servers' side came and went
        self._cheap = [
            self.broker_is_paused, self.stall, self.half_close, self.flip, self.cut, self.cut_in_the_middle,
            self.members_leave, self.exchange_goes, self.full_queue, self.reload,
        ]
        # These take seconds of CPU time, of RabbitMQ's tools or its start.
        self._costly = [
            self.memory_alarm, self.disk_alarm, self.connections_closed, self.one_connection_closed, self.gateway_stops,
            self.gateway_is_killed, self.broker_restarts, self.broker_is_killed,
        ]

    def go_on(self, seconds):
        """One after the other, in random order: every kind comes before one comes again."""
        end, cheap, costly = time.monotonic() + seconds, [], []
        while time.monotonic() < end:
            cheap, costly = cheap or self._shuffled(self._cheap * 2), costly or self._shuffled(self._costly)
            fault = costly.pop() if self._dice.random() < 0.35 else cheap.pop()
            fault()
            name = fault.__name__.replace("_", " ")
            self.counts[name] = self.counts.get(name, 0) + 1
            time.sleep(0.3 + self._dice.random() * 1.2)

    def _shuffled(self, faults):
        return self._dice.sample(faults, len(faults))

    def _some_proxies(self):
        proxies = [gateway.proxy for gateway in self._stage.gateways]
        return self._dice.choice([proxies, *([proxy] for proxy in proxies)])

    def _direction(self):
        return self._dice.choice([OUT, BACK])

    def _while(self, most):
        time.sleep(self._dice.random() * most)

    @contextmanager
    def _unsteadily(self):
        start = time.monotonic()
        yield
        self.unsteady.append((start, time.monotonic()))

    # Between gateway and broker

    def stall(self):
        proxies, direction = self._some_proxies(), self._direction()
        for proxy in proxies:
            proxy.stall(direction)
        self._while(3)
        for proxy in proxies:
            proxy.flow(direction)

    def half_close(self):
        direction = self._direction()
        for proxy in self._some_proxies():
            proxy.half_close(direction)

    def flip(self):
        for proxy in self._some_proxies():
            for _ in range(self._dice.randrange(1, 4)):
                proxy.flip(self._direction())

    def cut(self):
        proxies = self._some_proxies()
        for proxy in proxies:
            proxy.cut()
        self._while(0.5)
        for proxy in proxies:
            proxy.mend()

    def cut_in_the_middle(self):
        proxies = self._some_proxies()
        for proxy in proxies:
            proxy.cut_after(self._dice.randrange(1, 100_000))
        self._while(2)
        for proxy in proxies:
            proxy.cut()
            proxy.mend()

    # The broker

    def broker_is_paused(self):
        self._stage.broker.pause()
        self._while(3)
        self._stage.broker.resume()

    def memory_alarm(self):
        self._alarm("set_vm_memory_high_watermark", "0", "0.4")

    def disk_alarm(self):
        self._alarm("set_disk_free_limit", "100000GB", "1MB")

    def _alarm(self, setting, alarming, usual):
        self._stage.broker.ctl(setting, alarming)
        self._while(1)
        self._stage.broker.ctl(setting, usual)

    def connections_closed(self):
        self._close("close_all_user_connections", GATEWAY_USER)

    def one_connection_closed(self):
        lines = self._stage.broker.ctl("list_connections", "pid", "user").splitlines()
        pids = [pid for pid, user in (line.split("\t") for line in lines) if user == GATEWAY_USER]
        if pids:
            self._close("close_connection", self._dice.choice(pids))

    def _close(self, command, which):
        # One that goes by itself at that moment is an error.
        with suppress(BrokerError):
            self._stage.broker.ctl(command, which, "torture")

    def broker_restarts(self):
        with self._unsteadily():
            self._stage.broker_restarts(self._stage.broker.shutdown)

    def broker_is_killed(self):
        with self._unsteadily():
            self._stage.broker_restarts(self._stage.broker.kill)

    # The servers' side

    def members_leave(self):
        with self._stage.channel() as channel:
            channel.queue_unbind(self._stage.queue, AMQP0_EXCHANGE, RESTLESS)
            self._while(1)
            channel.queue_bind(self._stage.queue, AMQP0_EXCHANGE, RESTLESS)

    def exchange_goes(self):
        with self._unsteadily(), self._stage.channel() as channel:
            channel.exchange_delete(AMQP0_EXCHANGE)
            self._while(0.5)
            self._stage.declare(channel)

    def full_queue(self):
        """Beside the witness: a queue that takes nothing any more, so that the broker refuses what the witness has."""
        with self._stage.channel() as channel:
            arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
            queue = channel.queue_declare("", exclusive=True, arguments=arguments).method.queue
            channel.queue_bind(queue, AMQP0_EXCHANGE, self._dice.choice(ROOMS))
            self._while(1)

    # The gateways

    def reload(self):
        for gateway in self._stage.gateways:
            gateway.process.signal(signal.SIGHUP)

    def gateway_stops(self):
        gateway = self._dice.choice(self._stage.gateways)
        gateway.stop()
        gateway.start()

    def gateway_is_killed(self):
        gateway = self._dice.choice(self._stage.gateways)
        gateway.kill()
        gateway.start()
