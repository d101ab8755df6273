"""The recorded questions of Tests/Recorded/questions, and the sockets of the servers that are asked."""

import base64
import json
from pathlib import Path

FOLDER = Path(__file__).parents[4] / "Tests/Recorded/questions"
RECORDED = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


class Clients:
    """The clients of a real server, in place of Engine.IO: they acknowledge as recorded."""

    def __init__(self, sio, namespace, sockets):
        self._sio = sio
        self._namespace = namespace
        self._answers = {}
        self._partial = {}
        for socket in sockets:
            self._connect(**socket)

    def _connect(self, id, rooms, data=None, acknowledges=None):
        transport_id = f"transport of {id}"
        if acknowledges is not None:
            self._answers[transport_id] = (id, with_bytes(acknowledges))
        for room in (None, id, *rooms):
            self._sio.manager.basic_enter_room(id, self._namespace, room, eio_sid=transport_id)

    def acknowledgement_of(self, transport_id, data):
        """(sid, number, arguments) once the packet is whole and asks for them; else None."""
        if isinstance(data, bytes):
            packet = self._partial[transport_id]
            if not packet.add_attachment(data):
                return None
        else:
            packet = self._sio.packet_class(encoded_packet=data)
            self._partial[transport_id] = packet
            if packet.attachment_count:
                return None
        if packet.id is None or transport_id not in self._answers:
            return None
        sid, args = self._answers[transport_id]
        return sid, packet.id, args

    def rooms(self):
        """Of those that are still there, without their own."""
        found = {}
        for room, members in self._sio.manager.rooms.get(self._namespace, {}).items():
            for sid in members:
                found.setdefault(sid, [])
                if room is not None and room != sid:
                    found[sid].append(room)
        return {sid: in_order(rooms) for sid, rooms in found.items()}


def with_bytes(value):
    """The recordings' `{"$binary": base64}` as bytes."""
    if isinstance(value, list):
        return [with_bytes(item) for item in value]
    if isinstance(value, dict):
        binary = value.get("$binary")
        return base64.b64decode(binary) if binary is not None else {key: with_bytes(item) for key, item in value.items()}
    return value


def in_order(rooms):
    return sorted(rooms, key=json.dumps)


def comparable(message):
    """The order of a socket's rooms means nothing."""
    for socket in message["data"].get("sockets", ()):
        if "rooms" in socket:
            socket["rooms"] = in_order(socket["rooms"])
    return message
