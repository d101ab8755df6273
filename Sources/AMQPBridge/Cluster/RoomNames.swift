internal import JSON

// A room that no request can name is not told of: its name is no string of 1 to 255 bytes, and no whole number.

extension Publication {
    /// The lengths, in bytes, that the name of a room may have, which becomes a routing key.
    static let nameBytes = 1...maximumNameBytes
}

extension CheckedJSON {
    /// A socket's rooms, as they were written, but for those that no request can name; `nil` for what is no list.
    var roomsWithNames: JSONText? {
        guard kind == .array else { return nil }
        var isWhole = true
        let named = JSONText { json in
            json.list { list in
                forEachElement { _, room in
                    if room.isRoomName { list.element(room.text) } else { isWhole = false }
                }
            }
        }
        return isWhole ? text : named
    }

    private var isRoomName: Bool {
        switch kind {
        case .string: Publication.nameBytes.contains(string?.utf8.count ?? 0)
        case .number: integerLiteral.map(RoomName.numbers.contains) ?? false
        default: false
        }
    }
}
