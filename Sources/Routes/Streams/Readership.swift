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
        /// So far there is none; others may have a turn.
        case nothingYet(next: UInt64)
    }

    var ring: EntryRing<Entry>
    private var all: [ObjectIdentifier: Reader] = [:]

    /// The most entries that one reader looks at while the others wait.
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

    /// Reads the next entry that a reader is for, from a place on.
    func read(_ reader: Reader, from place: UInt64) -> Reading {
        guard place >= ring.first else { return .missed(first: ring.first, next: ring.next) }
        for number in place..<place + UInt64(Self.mostLooks) {
            guard number < ring.next else {
                // Before the guard is free: nothing can come between.
                reader.rests()
                return .nothing(next: number)
            }
            if let entry = ring[number], reader.filter.admits(entry) { return .entry(entry, number) }
        }
        return .nothingYet(next: place + UInt64(Self.mostLooks))
    }
}
