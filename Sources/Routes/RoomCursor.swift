internal import AMQPBridge

/// Where a page of rooms ended, as text: a room's name, or `#` and the digits of one that is a number. A name that begins with
/// `#` has another one before it.
extension RoomName {
    var cursor: String {
        switch self {
        case .name(let name): name.utf8.first == Self.mark ? "#" + name : name
        case .number(let number): "#\(number)"
        }
    }

    /// - Returns: `nil` for what is no cursor.
    init?(cursor: String) {
        guard cursor.utf8.first == Self.mark else {
            self = .name(cursor)
            return
        }
        let rest = String(cursor.dropFirst())
        if rest.utf8.first == Self.mark {
            self = .name(rest)
        } else if let number = Int(rest), Self.numbers.contains(number) {
            self = .number(number)
        } else {
            return nil
        }
    }

    private static let mark = UInt8(ascii: "#")
}
