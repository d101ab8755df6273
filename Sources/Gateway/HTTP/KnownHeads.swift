internal import Routes

/// The heads that came more than once on one event loop, with what was read out of them: a program sends the same head
/// with most of its requests.
///
/// A head is known again by all that its reading depends on: each of its bytes, and where libmicrohttpd has found its
/// parts. The bytes alone would not do: the parser has put NUL over what stands between the parts, and a client may
/// send NULs of its own.
struct KnownHeads: ~Copyable {
    /// A place for one head.
    private struct Slot {
        /// The hash of the head that came last and was not known.
        var seen: UInt64 = 0
        var known: KnownHead?
    }

    private var slots: [Slot]
    /// The one that came last: it is looked for before all others.
    private var last: KnownHead?
    /// Nobody outside can tell which heads share a slot.
    private let seed: UInt64

    private static let slotBits = 6
    /// The sizes of heads that are kept, in bytes.
    private static let sizes = 32...1_024

    init(seed: UInt64 = .random(in: .min ... .max)) {
        slots = Array(repeating: Slot(), count: 1 << Self.slotBits)
        self.seed = seed
    }

    /// What is known of a head.
    enum Finding {
        case known(KnownHead)
        /// It came before, and is to be kept when it has been read.
        case seen
        case new
    }

    /// Looks for a head that has come.
    ///
    /// - Parameter hasFields: whether the header lines stand in these places.
    @inline(__always)
    mutating func find(_ raw: borrowing RawHead, hasFields: (_ places: borrowing [FieldPlace]) -> Bool) -> Finding {
        if let last, last.isLike(raw), hasFields(last.fields) { return .known(last) }
        guard Self.sizes.contains(raw.bytes.count) else { return .new }
        let hash = hash(of: raw.bytes)
        let slot = Self.slot(of: hash)
        if let known = slots[slot].known, known.hash == hash, known.isLike(raw), hasFields(known.fields) {
            last = known
            return .known(known)
        }
        if slots[slot].seen == hash { return .seen }
        slots[slot].seen = hash
        return .new
    }

    /// Keeps what was read out of a head that was ``Finding/seen``.
    mutating func keep(_ raw: borrowing RawHead, fields: [FieldPlace], _ head: RequestHead, memory: Int) {
        let hash = hash(of: raw.bytes)
        slots[Self.slot(of: hash)].known = KnownHead(raw, hash, fields: fields, head, memory: memory)
    }

    private static func slot(of hash: UInt64) -> Int { Int(hash >> (64 - slotBits)) }

    private func hash(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = seed ^ UInt64(bytes.count)
        bytes.forEachPiece(of: UInt64.self) { word, _ in
            hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        return hash
    }
}

/// A head in libmicrohttpd's buffer, before it is read.
struct RawHead {
    /// From the method on.
    let bytes: UnsafeRawBufferPointer
    /// The length of the request target as it was received, query included.
    let targetLength: Int
    let query: String
    /// Where the target and the version begin in ``bytes``.
    let target: Int
    let version: Int
    /// Whether what it says of where it comes from is to be believed.
    let isFromProxy: Bool
}

/// The place of a header line, from the head's first byte on.
struct FieldPlace: Equatable {
    let name: Int
    let nameSize: Int
    let value: Int
    let valueSize: Int
}

/// A head that came before, and what was read out of it.
final class KnownHead {
    fileprivate let hash: UInt64
    private let bytes: [UInt8]
    fileprivate let fields: [FieldPlace]
    private let targetLength: Int
    private let query: String
    private let target: Int
    private let version: Int
    private let isFromProxy: Bool
    let head: RequestHead
    /// See ``ParsedHead/memory``.
    let memory: Int

    fileprivate init(
        _ raw: borrowing RawHead, _ hash: UInt64, fields: [FieldPlace], _ head: RequestHead, memory: Int
    ) {
        self.hash = hash
        bytes = Array(raw.bytes)
        self.fields = fields
        targetLength = raw.targetLength
        query = raw.query
        target = raw.target
        version = raw.version
        isFromProxy = raw.isFromProxy
        self.head = head
        self.memory = memory
    }

    fileprivate func isLike(_ raw: borrowing RawHead) -> Bool {
        raw.bytes.count == bytes.count && raw.targetLength == targetLength && raw.target == target
            && raw.version == version && raw.isFromProxy == isFromProxy && raw.query.utf8.elementsEqual(query.utf8)
            && hasBytes(raw.bytes)
    }

    /// In a time that does not tell where they differ: a key stands among them.
    private func hasBytes(_ others: UnsafeRawBufferPointer) -> Bool {
        bytes.withUnsafeBytes { own in
            var difference = SIMD4<UInt64>()
            own.forEachPiece(of: SIMD4<UInt64>.self) { piece, place in
                difference |= piece ^ others.loadUnaligned(fromByteOffset: place, as: SIMD4<UInt64>.self)
            }
            return difference == SIMD4()
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Calls `body` with all of it, piece by piece; the last one may begin in the one before. It must be as large as
    /// one.
    @inline(__always)
    fileprivate func forEachPiece<Piece>(of type: Piece.Type, _ body: (_ piece: Piece, _ place: Int) -> Void) {
        let last = count - MemoryLayout<Piece>.size
        precondition(last >= 0)
        var place = 0
        while true {
            body(loadUnaligned(fromByteOffset: place, as: type), place)
            guard place < last else { return }
            place = Swift.min(place + MemoryLayout<Piece>.size, last)
        }
    }
}
