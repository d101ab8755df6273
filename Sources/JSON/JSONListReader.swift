/// Reads an object that holds one list, `{"items": […]}`, one element at a time: a list of ten thousand never is one tree
/// of a hundred thousand nodes, and its reader can let others work between two elements.
///
/// The text around the elements is checked here. The elements are only told apart: whether one is valid JSON, its
/// parser has to say, and if one is not, neither is the text.
public struct JSONListReader: Sendable {
    public enum Failure: Error, Equatable, Sendable {
        case json(JSONError)
        /// The text is something else than an object.
        case notAnObject
        /// The member is something else than a list.
        case notAList
        case missing
        case unknownMember(String)
    }

    private let bytes: [UInt8]
    private let member: String
    private var scanner: JSONScanner
    private var hasElements = false

    /// - Parameter member: the name of the object's only member.
    public init(_ bytes: [UInt8], member: String) throws(Failure) {
        self.bytes = bytes
        self.member = member
        scanner = JSONScanner(bytes, at: bytes.textRange.lowerBound)
        try open()
    }

    /// The span of the next element; `nil` when the whole text has been read.
    public mutating func next() throws(Failure) -> Range<Int>? {
        if scanner.take(UInt8(ascii: "]")) {
            try close()
            return nil
        }
        if hasElements, !scanner.take(UInt8(ascii: ",")) { throw syntax("expected ',' or ']'") }
        hasElements = true
        let span = scanner.nextValue()
        guard !span.isEmpty else { throw syntax("expected a value") }
        return span
    }

    private mutating func open() throws(Failure) {
        guard scanner.take(UInt8(ascii: "{")) else {
            // Whatever it is, it is not taken: only whether it could be JSON makes a difference to its sender.
            guard let first = scanner.nextByte(), Self.beginsValue(first) else {
                if let fault = JSONDiagnosis(bytes[bytes.textRange]).wholeText { throw .json(fault) }
                throw syntax("expected '{'")
            }
            throw .notAnObject
        }
        if scanner.take(UInt8(ascii: "}")) {
            try finish()
            throw .missing
        }
        let name = try nextName()
        guard name == member else { throw .unknownMember(name) }
        guard let first = scanner.nextByte(), Self.beginsValue(first) else { throw syntax("expected a value") }
        guard scanner.take(UInt8(ascii: "[")) else { throw .notAList }
    }

    /// Reads what stands behind the list.
    private mutating func close() throws(Failure) {
        if scanner.take(UInt8(ascii: ",")) {
            let name = try nextName()
            guard name == member else { throw .unknownMember(name) }
            throw .json(JSONError(kind: .duplicateKey, detail: "the object has the same key twice"))
        }
        guard scanner.take(UInt8(ascii: "}")) else { throw syntax("expected ',' or '}'") }
        try finish()
    }

    private mutating func finish() throws(Failure) {
        if scanner.nextByte() != nil { throw syntax("there is something behind the object") }
    }

    /// Reads a member's name and the colon behind it.
    private mutating func nextName() throws(Failure) -> String {
        guard scanner.nextByte() == UInt8(ascii: "\"") else { throw syntax("expected a key") }
        let span = scanner.nextValue()
        let name: String?
        do throws(JSONError) {
            name = try JSONDocument(parsing: bytes, in: span).root.string
        } catch {
            throw .json(error)
        }
        guard let name, scanner.take(UInt8(ascii: ":")) else { throw syntax("expected ':'") }
        return name
    }

    private func syntax(_ detail: String) -> Failure {
        .json(JSONError(kind: .invalid, detail: "\(detail) at byte \(scanner.position)"))
    }

    private static func beginsValue(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: "\""), UInt8(ascii: "-"), UInt8(ascii: "t"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
