internal import Synchronization

/// What a reader is for.
protocol StreamFilter: Sendable {
    associatedtype Entry: RingEntry

    func admits(_ entry: Entry) -> Bool
}

/// A ring of entries and those who read it: each is a place in the ring and a filter, and nothing is kept for it alone.
/// A value: whoever has it guards it.
struct Readership<Filter: StreamFilter> {
    typealias Entry = Filter.Entry

    /// A reader, as those know it who write.
    final class Reader: Sendable {
        let filter: Filter
        let wake: @Sendable () -> Void
        /// Whether it has read all that there is, and was not woken since.
        private let isResting = Atomic<Bool>(false)

        init(_ filter: Filter, wake: @escaping @Sendable () -> Void) {
            self.filter = filter
            self.wake = wake
        }

        fileprivate func rests() { isResting.store(true, ordering: .relaxed) }
        /// - Returns: whether it rested.
        fileprivate func stopsResting() -> Bool { isResting.exchange(false, ordering: .relaxed) }
    }

    enum Reading {
        /// The next entry that the reader is for, and its number.
        case entry(Entry, UInt64)
        /// There is none before the entry of this number, which is still to come. The reader is woken when it does.
        case nothing(next: UInt64)
        /// Entries have gone that were not read. These are the first that is there and the one that comes next.
        case missed(first: UInt64, next: UInt64)
        /// So far there is none.
        case nothingYet(next: UInt64)
    }

    /// Some entries from a place on.
    enum Slice {
        case entries(ArraySlice<Entry?>)
        case missed(first: UInt64, next: UInt64)
    }

    var ring: EntryRing<Entry>
    private var all: [ObjectIdentifier: Reader] = [:]

    /// The most entries that one reader looks at in one go.
    private static var mostLooks: Int { 16 }

    init(_ limits: EntryRing<Entry>.Limits) { ring = EntryRing(limits) }

    var isEmpty: Bool { all.isEmpty }

    func contains(where condition: (Filter) -> Bool) -> Bool { all.values.contains { condition($0.filter) } }

    mutating func add(_ reader: Reader) { all[ObjectIdentifier(reader)] = reader }

    /// - Returns: whether it was there.
    mutating func remove(_ reader: Reader) -> Bool { all.removeValue(forKey: ObjectIdentifier(reader)) != nil }

    /// - Returns: the readers to wake, once the guard is free.
    mutating func append(_ entries: some Sequence<Entry>) -> [Reader] {
        for entry in entries { ring.append(entry) }
        return all.values.filter { $0.stopsResting() }
    }

    /// The entries from a place on, as many as a reader looks at in one go; none: it has read all that there are, and
    /// is woken by the next.
    func slice(for reader: Reader, from place: UInt64) -> Slice {
        guard place >= ring.first else { return .missed(first: ring.first, next: ring.next) }
        let entries = ring[from: place, atMost: Self.mostLooks]
        // Before the guard is free: nothing can come between.
        if entries.isEmpty { reader.rests() }
        return .entries(entries)
    }

    /// Reads the next entry that a reader is for, from a place on.
    ///
    /// - Parameter slice: asks, behind the guard, for ``slice(for:from:)``. What a filter takes costs nobody else.
    static func read(_ reader: Reader, from place: UInt64, _ slice: (UInt64) -> Slice) -> Reading {
        switch slice(place) {
        case .missed(let first, let next): return .missed(first: first, next: next)
        case .entries(let entries) where entries.isEmpty: return .nothing(next: place)
        case .entries(let entries):
            var number = place
            for entry in entries {
                if let entry, reader.filter.admits(entry) { return .entry(entry, number) }
                number += 1
            }
            // Of a few that are no more, there may be none by now.
            return entries.count < mostLooks ? read(reader, from: number, slice) : .nothingYet(next: number)
        }
    }
}
