internal import JSON

extension ServerChanges {
    /// Reads a message of type 20 (docs/cluster-protocol.md, Events). Entries that are none are left out.
    ///
    /// - Returns: `nil` for anything else.
    init?(_ message: ServerMessage) {
        guard message.kind == .events, let namespace = message.members["nsp"]?.string,
            let data = message.dataMembers, let sequence = data["seq"]?.integer, Self.sequences.contains(sequence)
        else { return nil }
        server = message.uid
        self.namespace = namespace
        self.sequence = sequence
        data["rooms"]?.forEachChange { isThere, parts in
            guard parts.count == 1, let room = RoomName(told: parts[0]) else { return }
            rooms.append(Room(name: room, isThere: isThere))
        }
        data["sockets"]?.forEachChange { isThere, parts in
            guard let id = parts.first?.string, id.isName else { return }
            let reason = isThere || parts.count < 2 ? nil : parts[1].string
            sockets.append(
                Socket(
                    id: id, isConnected: isThere,
                    reason: reason.map { String($0.unicodeScalars.prefix(Self.longestReason)) }))
        }
        data["members"]?.forEachChange { isThere, parts in
            guard parts.count == 2, let room = RoomName(told: parts[0]), let id = parts[1].string, id.isName else {
                return
            }
            members.append(Member(room: room, socket: id, isThere: isThere))
        }
    }

    /// The numbers that every server can count with.
    static let sequences = 1...1 << 53
    /// The most code points of a reason that are passed on.
    private static let longestReason = 100
}

extension RoomName {
    /// The name of a room as a server tells it; `nil` for one that cannot be asked for.
    fileprivate init?(told value: CheckedJSON) {
        guard let room = RoomName(value), room.fault == nil else { return nil }
        self = room
    }
}

extension String {
    fileprivate var isName: Bool { faultOfName == nil }
}

extension CheckedJSON {
    /// Calls `body` with each of a list of changes: whether it is `+` and not `-`, and what comes behind that.
    fileprivate func forEachChange(_ body: (_ isThere: Bool, _ parts: [CheckedJSON]) -> Void) {
        forEachElement { _, change in
            var sign: String?
            var parts: [CheckedJSON] = []
            change.forEachElement { index, part in
                if index == 0 { sign = part.string } else if parts.count < 2 { parts.append(part) }
            }
            if sign == "+" || sign == "-" { body(sign == "+", parts) }
        }
    }
}
