public import JSON

/// The name of a room: text or, where an application has it so (`join_room(current_user.id)`), a whole number. The
/// rooms `"42"` and `42` are two. A socket's id is a room, too.
public enum RoomName: Sendable {
    case name(String)
    /// A number, one of ``numbers``.
    case number(Int)

    /// The numbers that every reader of JSON takes as they are: beyond, JavaScript's numbers are no longer exact.
    public static let numbers = -(1 << 53)...(1 << 53)

    /// The name, or the number's digits. Routing keys contain this text, and rooms are ordered by it.
    public var text: String {
        switch self {
        case .name(let name): name
        case .number(let number): String(number)
        }
    }

    public var isNumber: Bool {
        if case .number = self { true } else { false }
    }

    /// The name, if it is text.
    var name: String? {
        if case .name(let name) = self { name } else { nil }
    }

    /// Whether it comes before the other one where servers list rooms: by the code points of their texts, and of two
    /// that have the same text the one that is text.
    func precedes(_ other: RoomName) -> Bool {
        let (text, otherText) = (text, other.text)
        return text.hasBytes(of: otherText) ? !isNumber && other.isNumber : text.precedes(otherText)
    }

    /// Whether it looks like a socket's id, as Socket.IO and python-socketio make them (both take Engine.IO's:
    /// `^[A-Za-z0-9_-]{20}$`).
    public var isSocketID: Bool {
        guard let name, name.utf8.count == 20 else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }

    /// The fault in the name; `nil`: there is none.
    var fault: String? {
        switch self {
        case .name(let name): name.faultOfName
        case .number(let number): Self.numbers.contains(number) ? nil : "a number beyond \(Self.numbers.upperBound)"
        }
    }
}

extension String {
    /// The fault that it has as the name of a room or a socket; `nil`: there is none.
    var faultOfName: String? {
        if isEmpty { return "an empty name" }
        return faultOfLength
    }

    /// The fault that it is too long to stand in a routing key; `nil`: it is not.
    var faultOfLength: String? {
        utf8.count > Publication.maximumNameBytes ? "longer than \(Publication.maximumNameBytes) bytes" : nil
    }
}

extension RoomName: Hashable {
    /// Compares bytes: strings that Unicode calls equal ("é" in one scalar or two) are different rooms.
    public static func == (a: RoomName, b: RoomName) -> Bool {
        switch (a, b) {
        case (.name(let a), .name(let b)): a.hasBytes(of: b)
        case (.number(let a), .number(let b)): a == b
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .name(var name): name.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        case .number(let number): hasher.combine(number)
        }
    }
}

extension RoomName: ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
    public init(stringLiteral name: String) { self = .name(name) }
    public init(integerLiteral number: Int) { self = .number(number) }
}

extension RoomName {
    /// A string, or a number that is written as an integer: `42`, and not `42.0`.
    ///
    /// - Returns: `nil` for any other value, and for a number that is not one of ``numbers``.
    package init?(_ value: borrowing JSONView) {
        if let name = value.string {
            self = .name(name)
        } else if let number = value.integerLiteral, Self.numbers.contains(number) {
            self = .number(number)
        } else {
            return nil
        }
    }
}

extension RoomName {
    /// The name in a JSON value, as ``init(_:)-(JSONView)``.
    package init?(_ value: JSONValue) {
        guard let name = value.look({ RoomName($0) }) else { return nil }
        self = name
    }

    /// The name in a JSON value, as ``init(_:)-(JSONView)``.
    package init?(_ value: CheckedJSON) {
        if let name = value.string {
            self = .name(name)
        } else if let number = value.integerLiteral, Self.numbers.contains(number) {
            self = .number(number)
        } else {
            return nil
        }
    }
}

extension [RoomName] {
    /// The same rooms in the same order, each once.
    var withoutDuplicates: [RoomName] {
        guard count > 1 else { return self }
        var seen = Set<RoomName>(minimumCapacity: count)
        return filter { seen.insert($0).inserted }
    }

    var nameNumbers: Bool { contains(where: \.isNumber) }
}

extension RoomName: JSONWritable {
    /// The name as a string, or the number as an integer.
    public func write(to json: inout JSONWriter) {
        switch self {
        case .name(let name): json.string(name)
        case .number(let number): json.integer(number)
        }
    }
}
