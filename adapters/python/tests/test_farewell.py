"""When connections are closed, without any network."""

import queue

from socketio_gateway_responder.farewell import PATIENCE, Farewell


class Connection:
    def __init__(self):
        self.queue = queue.Queue()
        self.closing = self.closed = False
        self.queue.put("DISCONNECT")

    def poll(self):
        return [self.queue.get_nowait() for _ in range(self.queue.qsize())]


def test_a_client_takes_its_disconnect_and_then_its_close():
    farewell, connection = Farewell(), Connection()
    assert not farewell
    farewell.add(connection, now=10)
    farewell.add(connection, now=11)  # twice is once
    assert farewell and farewell.due(11) == []
    assert connection.poll() == ["DISCONNECT"]
    assert farewell.due(11.1) == farewell.due(11.2) == []
    assert [packet.packet_type for packet in connection.poll()] == [1]
    assert farewell.due(11.3) == [connection]
    assert not farewell and farewell.due(99) == []


def test_a_client_that_takes_nothing_is_closed_when_its_time_is_over():
    farewell, silent, late = Farewell(), Connection(), Connection()
    farewell.add(silent, now=0)
    farewell.add(late, now=1)
    assert farewell.due(PATIENCE - 0.1) == []
    assert farewell.due(PATIENCE) == [silent]
    late.poll()
    assert farewell.due(PATIENCE) == []
    assert farewell.due(PATIENCE + 1) == [late]


def test_a_client_that_goes_by_itself_is_not_waited_for():
    farewell, connection = Farewell(), Connection()
    farewell.add(connection, now=0)
    connection.closing = True
    assert farewell.due(0) == [connection] and not farewell
