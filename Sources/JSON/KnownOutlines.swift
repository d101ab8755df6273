internal import CJansson
internal import Glibc

/// Outlines that came more than once, with jansson's tree of each: programs send texts that differ in their values alone,
/// and what jansson says of such a text it has said before.
///
/// Kept are bare outlines only: no strings and no numbers stay here, but keys, `true`, `false` and `null` do.
///
/// `@unchecked Sendable`: one for each reader, used on its thread only.
public final class KnownOutlines: @unchecked Sendable {
    /// A place for one outline.
    private struct Slot {
        /// The hash of the outline that came last and was not known.
        var seen: UInt64 = 0
        var known: KnownOutline?
        /// Whether the known one came again since another one wanted its place.
        var isUsed = false
    }

    @exclusivity(unchecked) private var slots: [Slot]
    /// Which outlines share a slot is different in each process. That one is another is never told by hashes alone.
    private let seed: UInt64

    /// What was refused of the texts: one that is known was not.
    let maximumDepth: Int?
    let allowsRepeatedKeys: Bool

    private static let slotBits = 5
    /// The largest outline that is kept, in bytes: its tree takes a hundred times as much at most.
    private static let mostBytes = 512

    /// - Parameters:
    ///   - maximumDepth: how many arrays and objects may be open at once.
    ///   - allowsRepeatedKeys: whether an object may have a key twice.
    public convenience init(maximumDepth: Int = 64, allowsRepeatedKeys: Bool = false) {
        self.init(
            maximumDepth: maximumDepth, allowsRepeatedKeys: allowsRepeatedKeys, seed: .random(in: .min ... .max))
    }

    init(maximumDepth: Int = 64, allowsRepeatedKeys: Bool = false, seed: UInt64) {
        slots = Array(repeating: Slot(), count: 1 << Self.slotBits)
        self.maximumDepth = maximumDepth
        self.allowsRepeatedKeys = allowsRepeatedKeys
        self.seed = seed
    }

    /// What is known of an outline.
    enum Finding {
        case known(KnownOutline)
        /// It came before, and is to be kept when it has been parsed.
        case seen(Place)
        case new
    }

    /// The place for an outline that came before.
    struct Place {
        fileprivate let hash: UInt64
    }

    /// Looks for an outline that has come.
    func find(_ bytes: UnsafeRawBufferPointer) -> Finding {
        guard bytes.count <= Self.mostBytes else { return .new }
        let hash = hash(of: bytes)
        let slot = Self.slot(of: hash)
        if let known = known(bytes, hash) {
            slots[slot].isUsed = true
            return .known(known)
        }
        guard slots[slot].seen == hash else {
            slots[slot].seen = hash
            return .new
        }
        // One of two that come in turn stays.
        if slots[slot].isUsed {
            slots[slot].isUsed = false
            return .new
        }
        return .seen(Place(hash: hash))
    }

    /// Whether an outline is known. For tests: it leaves no trace.
    func knows(_ bytes: UnsafeRawBufferPointer) -> Bool { known(bytes, hash(of: bytes)) != nil }

    private func known(_ bytes: UnsafeRawBufferPointer, _ hash: UInt64) -> KnownOutline? {
        guard let known = slots[Self.slot(of: hash)].known, known.hash == hash, known.hasBytes(bytes) else {
            return nil
        }
        return known
    }

    func keep(_ bytes: UnsafeRawBufferPointer, _ root: UnsafeMutablePointer<json_t>, at place: Place) -> KnownOutline {
        let known = KnownOutline(bytes, place.hash, root)
        slots[Self.slot(of: place.hash)].known = known
        return known
    }

    private static func slot(of hash: UInt64) -> Int { Int(hash >> (64 - slotBits)) }

    private func hash(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = seed ^ UInt64(bytes.count)
        var index = 0
        func add(_ word: UInt64) {
            hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        while index + 8 <= bytes.count {
            add(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index += 8
        }
        var rest: UInt64 = 0
        while index < bytes.count {
            rest = rest << 8 | UInt64(bytes[index])
            index += 1
        }
        add(rest)
        return hash
    }
}

/// An outline that came before, and jansson's tree of it, which is only read.
final class KnownOutline {
    fileprivate let hash: UInt64
    private let bytes: [UInt8]
    let root: UnsafeMutablePointer<json_t>

    /// - Parameter root: of memory that lasts. It is the outline's from now on.
    fileprivate init(_ bytes: UnsafeRawBufferPointer, _ hash: UInt64, _ root: UnsafeMutablePointer<json_t>) {
        self.hash = hash
        self.bytes = Array(bytes)
        self.root = root
    }

    deinit { json_decref(root) }

    fileprivate func hasBytes(_ others: UnsafeRawBufferPointer) -> Bool {
        guard others.count == bytes.count, let start = others.baseAddress else { return false }
        return bytes.withUnsafeBytes { memcmp($0.baseAddress!, start, others.count) == 0 }
    }
}
