/// An argument of an event: a value of JSON, or bytes. Literals are arguments: `["id": 42, "tags": ["new", nil]]`.
public enum Argument: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int)
    /// Finite: JSON has neither NaN nor infinities, so an emit with one fails.
    case double(Double)
    case string(String)
    case array([Argument])
    /// Clients receive the members in this order. A key that is there twice is an error.
    case object([Member])
    /// Arrives as binary data, wherever in the arguments it stands; not every wire format carries it.
    case bytes([UInt8])
    /// One JSON text, UTF-8, that some encoder made: see `json(_:binary:)`.
    case encoded([UInt8], binary: Bool)

    public struct Member: Sendable, Equatable {
        public var key: String
        public var value: Argument

        public init(_ key: String, _ value: Argument) {
            self.key = key
            self.value = value
        }
    }

    /// One JSON text that some encoder made. It is checked before anything is published, and passed on as it is: `0.1`
    /// stays `0.1`, keys keep their order.
    ///
    /// - Parameter binary: whether `{"$binary": "<base64>"}` anywhere in it stands for bytes, as over HTTP.
    public static func json(_ text: String, binary: Bool = false) -> Argument {
        .encoded(Array(text.utf8), binary: binary)
    }

    /// The same for text as UTF-8 bytes, such as the content of an encoder's `Data`.
    public static func json(_ text: some Sequence<UInt8>, binary: Bool = false) -> Argument {
        .encoded(Array(text), binary: binary)
    }
}

extension Argument: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: Argument...) { self = .array(elements) }

    public init(dictionaryLiteral elements: (String, Argument)...) {
        self = .object(elements.map { Member($0, $1) })
    }
}

extension Argument {
    /// Whether there are, or can be, bytes in it.
    var isBinary: Bool {
        switch self {
        case .bytes: true
        case .encoded(_, let binary): binary
        case .array(let elements): elements.contains(where: \.isBinary)
        case .object(let members): members.contains(where: \.value.isBinary)
        case .null, .bool, .int, .double, .string: false
        }
    }
}
