/// A JSON Pointer (RFC 6901): the way from a document's root to one of its values.
public struct JSONPointer: Sendable, Equatable {
    /// Why a text is no pointer.
    public struct ParseError: Error, Equatable, Sendable {
        public let detail: String
    }

    private let tokens: [String]

    public static let wholeDocument = JSONPointer(tokens: [])

    private init(tokens: [String]) {
        self.tokens = tokens
    }

    /// - Parameter text: empty for the whole document; otherwise each key or index with a `/` before it, in which `~1` is
    ///   a `/` and `~0` a `~`.
    public init(_ text: String) throws(ParseError) {
        guard !text.isEmpty else {
            tokens = []
            return
        }
        guard text.utf8.first == UInt8(ascii: "/") else { throw ParseError(detail: "a JSON Pointer begins with '/'") }
        var tokens: [String] = []
        for token in text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            tokens.append(try Self.unescaped(token))
        }
        self.tokens = tokens
    }

    /// The value that the pointer leads to; `nil` if there is none.
    public func find(in root: JSONValue) -> JSONValue? {
        var value = root
        for token in tokens {
            switch value.kind {
            case .object:
                guard let member = value.member(token) else { return nil }
                value = member
            case .array:
                guard let index = Self.index(token), let element = value.element(index) else { return nil }
                value = element
            default: return nil
            }
        }
        return value
    }

    private static func unescaped(_ token: Substring.UTF8View) throws(ParseError) -> String {
        var bytes: [UInt8] = []
        var iterator = token.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "~") else {
                bytes.append(byte)
                continue
            }
            switch iterator.next() {
            case UInt8(ascii: "0"): bytes.append(UInt8(ascii: "~"))
            case UInt8(ascii: "1"): bytes.append(UInt8(ascii: "/"))
            default: throw ParseError(detail: "in a JSON Pointer '~' is followed by 0 or 1")
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Digits without leading zeros (section 4). `-`, the element behind the last one, is never there.
    private static func index(_ token: String) -> Int? {
        let digits = token.utf8
        guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            digits.count == 1 || digits.first != UInt8(ascii: "0")
        else { return nil }
        return Int(token)
    }
}

extension JSONValue {
    /// The member of this name, compared by its bytes; `nil` if there is none, or if this is no object.
    public func member(_ name: String) -> JSONValue? {
        var found: JSONValue?
        forEachMember { key, value in
            if found == nil, key.utf8.elementsEqual(name.utf8) { found = value }
        }
        return found
    }

    /// The element of this index; `nil` if there is none, or if this is no array.
    public func element(_ index: Int) -> JSONValue? {
        guard kind == .array, index < count else { return nil }
        var found: JSONValue?
        forEachElement { if $0 == index { found = $1 } }
        return found
    }
}

extension String {
    /// A key as a JSON Pointer's token (RFC 6901, section 3), shortened if it is absurdly long.
    public var jsonPointerToken: String {
        unicodeScalars.prefix(64).map { scalar in
            switch scalar {
            case "~": "~0"
            case "/": "~1"
            default: String(scalar)
            }
        }.joined()
    }
}
