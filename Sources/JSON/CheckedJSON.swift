/// A value of a JSON text of any size that has been checked, but of which no tree is kept: what is asked of it is read from the
/// text.
///
/// For texts that are large, or of somebody who means no good: a tree can be a hundred times as large as its text.
public struct CheckedJSON {
    /// Members behind these are not looked for by name. None that we know has so many.
    private static let mostNamedMembers = 64

    private let bytes: [UInt8]
    /// The value's own bytes in the text, without white space around it.
    public let span: Range<Int>

    /// Checks a text.
    ///
    /// - Parameters:
    ///   - maximumDepth: how many arrays and objects may be open at once.
    ///   - outlines: of the texts that came before; made for the same `maximumDepth`, and to allow repeated keys.
    /// - Throws: ``JSONError`` for text that is not JSON (RFC 8259), an object key with NUL, too deep nesting, or a number beyond
    ///   a double. Keys may be repeated.
    public init(
        checking bytes: [UInt8], maximumDepth: Int = 64, known outlines: KnownOutlines? = nil
    ) throws(JSONError) {
        try JSONCheck.check(bytes, maximumDepth: maximumDepth, known: outlines)
        self.init(bytes, JSONScanner.trimmed(bytes[...]))
    }

    /// Reads a text that may be anything, as far as it can be read. What it then says may mean nothing.
    public init(unchecked bytes: [UInt8]) {
        self.init(bytes, JSONScanner.trimmed(bytes[...]))
    }

    private init(_ bytes: [UInt8], _ span: Range<Int>) {
        self.bytes = bytes
        self.span = span
    }

    public var kind: JSONValue.Kind {
        guard let first = bytes[span].first else { return .null }
        switch first {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        default: return .number
        }
    }

    public var string: String? { kind == .string ? Self.string(bytes[span]) : nil }

    public var boolean: Bool? { kind == .boolean ? bytes[span.lowerBound] == UInt8(ascii: "t") : nil }

    /// The number, if it is a whole one that fits; see ``JSONValue/integer``.
    public var integer: Int? {
        guard kind == .number else { return nil }
        if let integer = Int(String(decoding: bytes[span], as: UTF8.self)) { return integer }
        return (try? JSONDocument(parsing: bytes, in: span))?.root.integer
    }

    /// The number, if it is written as an integer; see ``JSONValue/integerLiteral``.
    public var integerLiteral: Int? {
        kind == .number ? Int(String(decoding: bytes[span], as: UTF8.self)) : nil
    }

    /// The value as it was written: a copy, which does not hold the text around it.
    public var text: JSONText { JSONText(verbatim: Array(bytes[span])[...]) }

    /// The strings of an array of strings; `nil` for anything else.
    ///
    /// - Parameter most: a longer array is none, either.
    public func strings(atMost most: Int = .max) -> [String]? {
        guard kind == .array else { return nil }
        var strings: [String]? = []
        forEachElement { index, element in
            guard index < most, strings != nil, let string = element.string else {
                strings = nil
                return
            }
            strings?.append(string)
        }
        return strings
    }

    /// Calls `body` with each element of an array, in order; never for anything else.
    public func forEachElement<E: Error>(
        _ body: (_ index: Int, _ value: CheckedJSON) throws(E) -> Void
    ) throws(E) {
        guard kind == .array else { return }
        var scanner = JSONScanner(bytes, at: span.lowerBound + 1)
        var index = 0
        while let span = scanner.nextPart(before: self.span.upperBound, { $0.nextElement() }) {
            try body(index, CheckedJSON(bytes, span))
            index += 1
        }
    }

    /// Calls `body` with each member of an object in the order of the text, a repeated key with each of its values; never for
    /// anything else.
    public func forEachMember<E: Error>(_ body: (_ key: String, _ value: CheckedJSON) throws(E) -> Void) throws(E) {
        try forEachMemberSpan(atMost: .max) { name, value throws(E) in
            if let key = Self.string(bytes[name]) { try body(key, CheckedJSON(bytes, value)) }
        }
    }

    private func forEachMemberSpan<E: Error>(
        atMost most: Int, _ body: (_ name: Range<Int>, _ value: Range<Int>) throws(E) -> Void
    ) throws(E) {
        guard kind == .object else { return }
        var scanner = JSONScanner(bytes, at: span.lowerBound + 1)
        var left = most
        while left > 0, let (name, value) = scanner.nextPart(before: span.upperBound, { $0.nextNamedMember() }) {
            left -= 1
            try body(name, value)
        }
    }

    /// The first members of an object, to be found by their names; none of anything else.
    public var members: Members { Members(of: self) }

    /// The members of an object by their names. Names are not copied, and not hashed either: few are asked for.
    public struct Members {
        private let object: CheckedJSON
        private var spans: [(name: Range<Int>, isPlain: Bool, value: Range<Int>)] = []

        fileprivate init(of object: CheckedJSON) {
            self.object = object
            guard object.kind == .object else { return }
            spans.reserveCapacity(6)
            let bytes = object.bytes
            object.forEachMemberSpan(atMost: CheckedJSON.mostNamedMembers) { name, value in
                guard name.count >= 2 else { return }
                // Without its quotes.
                let name = (name.lowerBound + 1)..<(name.upperBound - 1)
                spans.append((name, !bytes[name].contains(UInt8(ascii: "\\")), value))
            }
        }

        /// The value with this name: the last, if there are several.
        public subscript(name: StaticString) -> CheckedJSON? {
            let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            let bytes = object.bytes
            let found = spans.last { name, isPlain, _ in
                isPlain
                    ? name.count == wanted.count && bytes[name].elementsEqual(wanted)
                    : CheckedJSON.string(bytes[(name.lowerBound - 1)...name.upperBound]).map {
                        $0.utf8.elementsEqual(wanted)
                    } == true
            }
            return found.map { CheckedJSON(bytes, $0.value) }
        }
    }

    private static func string(_ literal: ArraySlice<UInt8>) -> String? {
        guard literal.count >= 2 else { return nil }
        let inside = literal.dropFirst().dropLast()
        guard inside.contains(UInt8(ascii: "\\")) else { return String(decoding: inside, as: UTF8.self) }
        return (try? JSONDocument(parsing: Array(literal)))?.root.string
    }
}

extension JSONScanner {
    /// The next part of a container; `nil` at its end.
    ///
    /// - Parameter end: where the container ends.
    fileprivate mutating func nextPart<Part>(before end: Int, _ next: (inout JSONScanner) -> Part) -> Part? {
        skipSeparators()
        // The last byte is the closing bracket.
        guard position < end - 1 else { return nil }
        let start = position
        let part = next(&self)
        return position > start ? part : nil
    }
}

extension CheckedJSON {
    /// The value with small objects replaced, in one pass.
    ///
    /// - Parameters:
    ///   - size: how many bytes an object, that has no arrays and objects in it, may have to be looked at.
    ///   - mostBytes: how many the result may have.
    ///   - replacement: of an object; `nil`: it stays.
    /// - Returns: `nil` if the result would have more.
    public func replacingObjects(
        ofAtMost size: Int, mostBytes: Int, by replacement: (CheckedJSON) -> JSONText?
    ) -> JSONText? {
        var replaced: [UInt8] = []
        var (index, clean) = (span.lowerBound, span.lowerBound)
        while index < span.upperBound {
            switch bytes[index] {
            case UInt8(ascii: "\""): index = endOfString(index)
            case UInt8(ascii: "{"):
                guard let end = endOfFlatObject(index, before: min(index + size + 1, span.upperBound)),
                    let text = replacement(CheckedJSON(bytes, index..<end))
                else {
                    index += 1
                    continue
                }
                guard replaced.count + index - clean + text.bytes.count <= mostBytes else { return nil }
                replaced.append(contentsOf: bytes[clean..<index])
                replaced.append(json: text)
                (index, clean) = (end, end)
            default: index += 1
            }
        }
        guard replaced.count + index - clean <= mostBytes else { return nil }
        replaced.append(contentsOf: bytes[clean..<index])
        return JSONText(verbatim: replaced[...])
    }

    private func endOfString(_ start: Int) -> Int {
        var scanner = JSONScanner(bytes, at: start)
        return scanner.nextScalar().upperBound
    }

    /// Where the object that begins at `start` ends; `nil` if it does not before `end`, or if there is another in it.
    private func endOfFlatObject(_ start: Int, before end: Int) -> Int? {
        var index = start + 1
        while index < end {
            switch bytes[index] {
            case UInt8(ascii: "}"): return index + 1
            case UInt8(ascii: "{"), UInt8(ascii: "["): return nil
            case UInt8(ascii: "\""): index = endOfString(index)
            default: index += 1
            }
        }
        return nil
    }
}
