internal import Synchronization

/// What goes through this gateway, for those who watch it go: one for the process. Nothing is kept while nobody watches.
package final class Tail: Sendable {
    typealias Reader = Readership<TailFilter>.Reader

    /// The most entries that are kept, and bytes of them, for readers that are slower than what comes.
    private static let most = EntryRing<TailEntry>.Limits(entries: 4_096, bytes: 16 << 20)

    private let state = Mutex(Readership<TailFilter>(most))
    /// Asked for every request.
    private let attention = Atomic<Attention>(.nobody)

    private enum Attention: UInt8, AtomicRepresentable {
        case nobody, somebody
        /// Somebody who wants payloads.
        case payloads
    }

    package init() {}

    /// A place to note what is to be told of a request; `nil`: nobody watches.
    @inline(__always)
    func notes() -> TailNotes? { attention.load(ordering: .relaxed) == .nobody ? nil : newNotes() }

    @inline(never)
    private func newNotes() -> TailNotes {
        TailNotes(self, keepsPayload: attention.load(ordering: .relaxed) == .payloads)
    }

    func take(_ entry: TailEntry) {
        let woken = state.withLock { $0.isEmpty ? [] : $0.append(CollectionOfOne(entry)) }
        for reader in woken { reader.wake() }
    }

    // MARK: Readers

    /// - Returns: the number of the first entry that the reader has.
    func begin(_ reader: Reader) -> UInt64 {
        state.withLock { readers in
            readers.add(reader)
            settle(readers)
            return readers.ring.next
        }
    }

    func end(_ reader: Reader) {
        state.withLock { readers in
            guard readers.remove(reader) else { return }
            if readers.isEmpty { readers.ring.clear() }
            settle(readers)
        }
    }

    private func settle(_ readers: borrowing Readership<TailFilter>) {
        let new: Attention = readers.isEmpty ? .nobody : readers.contains(where: \.wantsPayload) ? .payloads : .somebody
        attention.store(new, ordering: .relaxed)
    }

    func read(_ reader: Reader, from place: UInt64) -> Readership<TailFilter>.Reading {
        Readership.read(reader, from: place) { place in state.withLock { $0.slice(for: reader, from: place) } }
    }
}
