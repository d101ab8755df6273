"""Servers of the cluster that send what they like."""

import pika

from .simulated_server import SimulatedServer


class HostileServer(SimulatedServer):
    """Answers each question with the bodies that `bodies(message)` yields; without it, as a simulated server does."""

    def __init__(self, *args, bodies=None, **keywords):
        self._bodies = bodies
        self._is_closing = False
        super().__init__(*args, **keywords)

    def _answer(self, properties, message):
        if self._bodies is None:
            return super()._answer(properties, message)
        properties = (properties.reply_to, pika.BasicProperties(correlation_id=properties.correlation_id))
        for body in self._bodies(message):
            if self._is_closing:
                return None
            self._channel.basic_publish("", properties[0], body, properties[1])

    def heartbeats(self, bodies):
        """Publishes what is to be said of servers."""

        def publish():
            for body in bodies:
                if self._is_closing:
                    return
                self._channel.basic_publish(self._exchange, "#presence", body)

        self._connection.add_callback_threadsafe(publish)

    def close(self):
        """Also in the middle of what it has to say."""
        self._is_closing = True
        super().close()
