/// What a ring keeps.
protocol RingEntry: Sendable {
    /// The bytes that it takes, about, its place in the ring included.
    var size: Int { get }
}

/// The last entries, by number: the oldest make room for the newest.
struct EntryRing<Entry: RingEntry> {
    struct Limits {
        /// The most entries that are kept.
        var entries: Int
        /// The most bytes that they take, about.
        var bytes: Int
    }

    private let limits: Limits
    /// `nil`: a number without an entry, or an entry that has made room.
    private var entries: [Entry?] = []
    /// The number of places at the beginning that have made room.
    private var head = 0
    private var bytes = 0
    /// The number of the next entry.
    private(set) var next: UInt64 = 1

    init(_ limits: Limits) { self.limits = limits }

    var count: Int { entries.count - head }
    /// The number of the oldest entry that is there.
    var first: UInt64 { next - UInt64(count) }

    mutating func append(_ entry: Entry) { append(optional: entry) }

    /// Leaves a number out: what comes is not the sequel of what has been.
    mutating func skip() { append(optional: nil) }

    /// Forgets all entries, and leaves a number out.
    mutating func clear() {
        entries = []
        head = 0
        bytes = 0
        next += 1
    }

    /// The entry of a number from ``first`` on and below ``next``; `nil`: the number was left out.
    subscript(number: UInt64) -> Entry? { entries[head + Int(number - first)] }

    /// The entries from a number on that is not below ``first``, or as many of them.
    subscript(from number: UInt64, atMost most: Int) -> ArraySlice<Entry?> {
        entries[(head + Int(number - first))...].prefix(most)
    }

    private mutating func append(optional entry: Entry?) {
        entries.append(entry)
        bytes += entry?.size ?? 0
        next += 1
        while count > limits.entries || bytes > limits.bytes, count > 1 { drop() }
    }

    private mutating func drop() {
        bytes -= entries[head]?.size ?? 0
        entries[head] = nil
        head += 1
        if head > 1_024, head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
    }
}
