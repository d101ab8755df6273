package import AMQPBridge
package import EventLoop
internal import Synchronization

/// The events of the cluster, for all who read them: one for the process. A reader is a place in the ring and a filter:
/// nothing is kept for it alone.
///
/// Events are wanted of the cluster while there is a reader, and for a while longer, so that one whose connection was
/// lost finds what it has missed.
package final class EventFeed: Sendable {
    package struct Limits: Sendable, Equatable {
        /// The most events that are kept.
        package var events = 10_000
        /// The most bytes that they take, about.
        package var bytes = 8 << 20

        package init() {}
    }

    /// The time for which events are wanted after the last reader has left.
    static let memory: Duration = .seconds(60)
    package let limits: Limits
    /// The number of events that were sent, to all readers together.
    package let sent = Counter()
    let epoch: String
    private let state: Mutex<State>

    package init(_ limits: Limits = Limits()) {
        self.limits = limits
        epoch = EventID.randomEpoch()
        state = Mutex(State(.init(entries: limits.events, bytes: limits.bytes)))
    }

    // MARK: The cluster

    /// Names who is told what is wanted of the cluster (`nil`: nothing any more), and that a reader has come, who asks for
    /// the state. To be called once, before events come.
    package func connect(
        want: @escaping @Sendable (EventWants?) -> Void, readerCame: @escaping @Sendable () -> Void = {}
    ) {
        state.withLock {
            $0.want = want
            $0.readerCame = readerCame
        }
    }

    /// Takes events, in their order. On one thread only.
    package func take(_ events: [ClusterEvent]) {
        let entries = events.map(EventEntry.init)
        let woken = state.withLock { state in
            // Who comes later is told that they are missing.
            guard state.wants != nil else { return [Reader]() }
            return state.readers.append(entries)
        }
        for reader in woken { reader.wake() }
    }

    /// Stops wanting what nobody has read for a while. To be called every now and then.
    package func expire(now: MonotonicTime) {
        state.withLock { $0.settle(now: now) }
    }

    // MARK: Readers

    /// The place at which a reader begins.
    struct Beginning: Equatable {
        /// The number of its first event.
        var next: UInt64
        /// The reason why some are missing before it.
        var reset: EventReset?
    }

    /// A reader comes.
    ///
    /// - Parameter id: the last event that it has had; `nil`: it wants what comes from now on.
    func begin(_ reader: Reader, after id: String?, now: MonotonicTime) -> Beginning {
        state.withLock { state in
            state.readers.add(reader)
            state.settle(now: now)
            state.readerCame()
            let ring = (first: state.readers.ring.first, next: state.readers.ring.next)
            guard let id else { return Beginning(next: ring.next) }
            guard let id = EventID(id), id.epoch == epoch, id.number < ring.next else {
                return Beginning(next: ring.next, reset: .unknown)
            }
            let first = reader.filter.wantsMembers ? max(ring.first, state.membersSince) : ring.first
            guard id.number + 1 >= first else { return Beginning(next: ring.next, reset: .tooOld) }
            return Beginning(next: id.number + 1)
        }
    }

    func end(_ reader: Reader, now: MonotonicTime) {
        state.withLock { state in
            guard state.readers.remove(reader) else { return }
            state.left(wantedMembers: reader.filter.wantsMembers, now: now)
            state.settle(now: now)
        }
    }

    /// Reads the next event that a reader is for, from a place on.
    func read(_ reader: Reader, from place: UInt64) -> Readership<EventFilter>.Reading {
        Readership.read(reader, from: place) { place in state.withLock { $0.readers.slice(for: reader, from: place) } }
    }
}

extension EventFeed {
    typealias Reader = Readership<EventFilter>.Reader

    private struct State {
        var readers: Readership<EventFilter>
        var want: @Sendable (EventWants?) -> Void = { _ in }
        var readerCame: @Sendable () -> Void = {}
        /// The wants that the cluster was told of.
        var wants: EventWants?
        /// The number of the first event since members are wanted.
        var membersSince: UInt64 = 0
        /// The times until which events, and those of members, are wanted without a reader.
        private var end = MonotonicTime(nanoseconds: 0)
        private var membersEnd = MonotonicTime(nanoseconds: 0)

        init(_ limits: EntryRing<EventEntry>.Limits) { readers = Readership(limits) }

        /// A reader has left.
        mutating func left(wantedMembers: Bool, now: MonotonicTime) {
            end = now + EventFeed.memory
            if wantedMembers { membersEnd = end }
        }

        /// Tells the cluster if something else is wanted than before.
        mutating func settle(now: MonotonicTime) {
            let isWanted = !readers.isEmpty || now < end
            let members = isWanted && (readers.contains(where: \.wantsMembers) || now < membersEnd)
            let new = isWanted ? EventWants(members: members) : nil
            guard new != wants else { return }
            if new == nil { readers.ring.clear() }
            if members, wants?.members != true {
                // Those of members that were not told of are missing before it.
                readers.ring.skip()
                membersSince = readers.ring.next
            }
            wants = new
            want(new)
        }
    }
}
