import Routes
import Testing

@testable import Gateway

@Suite("Known heads")
struct KnownHeadsTests {
    private static let fields = [
        FieldPlace(name: 25, nameSize: 4, value: 31, valueSize: 9),
        FieldPlace(name: 42, nameSize: 6, value: 50, valueSize: 3),
    ]
    private static let text = "POST\0/v1/emit\0HTTP/1.1\0\0Host\0 localhost\0\0Accept\0 */*\0\0\0\0"

    @Test("are those that came twice")
    func twice() {
        var heads = Heads()
        #expect(heads.ask() == .new)
        #expect(heads.ask() == .seen)
        heads.keep()
        #expect(heads.ask() == .known)
        #expect(heads.ask() == .known)
    }

    @Test("are known by each of their bytes")
    func bytes() {
        var heads = Heads.knowing()
        for index in heads.bytes.indices {
            heads.bytes[index] ^= 1
            #expect(heads.ask() != .known, "byte \(index)")
            heads.bytes[index] ^= 1
        }
        #expect(heads.ask() == .known)
    }

    @Test("are known by where their parts stand, for NULs of a client look like those of the parser")
    func places() {
        var heads = Heads.knowing()
        for (index, place) in Self.fields.enumerated() {
            for other in [
                FieldPlace(
                    name: place.name + 1, nameSize: place.nameSize, value: place.value, valueSize: place.valueSize),
                FieldPlace(
                    name: place.name, nameSize: place.nameSize + 1, value: place.value, valueSize: place.valueSize),
                FieldPlace(
                    name: place.name, nameSize: place.nameSize, value: place.value + 1, valueSize: place.valueSize),
                FieldPlace(
                    name: place.name, nameSize: place.nameSize, value: place.value, valueSize: place.valueSize + 1),
            ] {
                heads.fields[index] = other
                #expect(heads.ask() != .known)
            }
            heads.fields = Self.fields
        }
        heads.fields.removeLast()
        #expect(heads.ask() != .known)
        heads.fields = Self.fields + Self.fields
        #expect(heads.ask() != .known)
        heads.fields = Self.fields
        #expect(heads.ask() == .known)
    }

    @Test("are known by the target as it came, and by who has sent it")
    func target() {
        var heads = Heads.knowing()
        heads.query = "a=1"
        #expect(heads.ask() != .known)
        // The same text to Swift, in other bytes.
        heads.query = "\u{300}"
        for _ in 0..<2 where heads.ask() == .seen { heads.keep() }
        heads.query = "\u{340}"
        #expect(heads.ask() != .known)
        heads.query = ""
        for _ in 0..<2 where heads.ask() == .seen { heads.keep() }
        heads.targetLength += 4
        #expect(heads.ask() != .known)
        heads.targetLength -= 4
        heads.target += 1
        #expect(heads.ask() != .known)
        heads.target -= 1
        heads.version += 1
        #expect(heads.ask() != .known)
        heads.version -= 1
        heads.isFromProxy = true
        #expect(heads.ask() != .known)
        heads.isFromProxy = false
        #expect(heads.ask() == .known)
    }

    @Test("are not long, and not so short that they could be none")
    func sizes() {
        for (count, isKept) in [(31, false), (32, true), (1_024, true), (1_025, false)] {
            var heads = Heads()
            heads.bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            #expect(heads.ask() == .new)
            #expect(heads.ask() == (isKept ? .seen : .new))
        }
    }

    @Test("that come but once leave those that come again")
    func once() {
        var heads = Heads.knowing()
        let own = heads.bytes
        for number in 0..<10_000 {
            heads.bytes = Array("\(Self.text)\(number)".utf8)
            #expect(heads.ask() == .new)
        }
        heads.bytes = own
        #expect(heads.ask() == .known)
    }

    @Test("may be many, and the heads of several programs take turns")
    func many() {
        var heads = Heads()
        for _ in 0..<3 {
            for number in 0..<8 {
                heads.bytes = Array("\(Self.text)\(number)".utf8)
                for _ in 0..<2 where heads.ask() == .seen { heads.keep() }
            }
        }
        var known = 0
        for number in 0..<8 {
            heads.bytes = Array("\(Self.text)\(number)".utf8)
            if heads.ask() == .known {
                known += 1
                #expect(heads.path == "/\(number)")
            }
        }
        // Two of them may have the same place.
        #expect(known >= 4)
    }

    /// Asks for one head, which may be changed.
    private struct Heads: ~Copyable {
        enum Answer { case known, seen, new }

        var heads = KnownHeads(seed: 1)
        var bytes = Array(KnownHeadsTests.text.utf8)
        var fields = KnownHeadsTests.fields
        var query = ""
        var targetLength = 8
        var target = 5
        var version = 14
        var isFromProxy = false
        /// The path of the head that was known last.
        var path: String?

        static func knowing() -> Heads {
            var heads = Heads()
            #expect(heads.ask() == .new)
            #expect(heads.ask() == .seen)
            heads.keep()
            #expect(heads.ask() == .known)
            return heads
        }

        mutating func ask() -> Answer {
            let fields = fields
            let answer: Answer
            (answer, path) = bytes.withUnsafeBytes { bytes in
                switch heads.find(raw(bytes), hasFields: { places in (copy places) == fields }) {
                case .known(let known): (.known, known.head.path)
                case .seen: (.seen, nil)
                case .new: (.new, nil)
                }
            }
            return answer
        }

        mutating func keep() {
            let head = RequestHead(method: .post, path: "/" + String(decoding: bytes.suffix(1), as: UTF8.self))
            bytes.withUnsafeBytes { heads.keep(raw($0), fields: fields, head, memory: 0) }
        }

        private func raw(_ bytes: UnsafeRawBufferPointer) -> RawHead {
            RawHead(
                bytes: bytes, targetLength: targetLength, query: query, target: target, version: version,
                isFromProxy: isFromProxy)
        }
    }
}
