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
        /// The most readers.
        package var streams = 100
        /// The most events that are kept.
        package var events = 10_000
        /// The most bytes that they take, about.
        package var bytes = 8 << 20

        package init() {}
    }

    /// The time for which events are wanted after the last reader has left.
    static let memory: Duration = .seconds(60)
    /// The most events that one reader looks at while the others wait.
    private static let mostLooks = 16

    package let limits: Limits
    /// The number of events that were sent, to all readers together.
    package let sent = Counter()
    let epoch: String
    private let state: Mutex<State>

    package init(_ limits: Limits = Limits()) {
        self.limits = limits
        epoch = EventID.randomEpoch()
        state = Mutex(State(EventRing(.init(events: limits.events, bytes: limits.bytes))))
    }

    /// The number of readers.
    package var streams: Int { state.withLock { $0.places } }

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
        let entries = events.map(EventRing.Entry.init)
        let woken = state.withLock { state in
            // Who comes later is told that they are missing.
            guard state.wants != nil else { return [Reader]() }
            for entry in entries { state.ring.append(entry) }
            return state.readers.values.filter { $0.stopsResting() }
        }
        for reader in woken { reader.wake() }
    }

    /// Stops wanting what nobody has read for a while. To be called every now and then.
    package func expire(now: MonotonicTime) {
        state.withLock { $0.settle(now: now) }
    }

    // MARK: Readers

    /// Takes a place for a reader.
    ///
    /// - Returns: `false` if all are taken.
    func takePlace() -> Bool {
        state.withLock { state in
            guard state.places < limits.streams else { return false }
            state.places += 1
            return true
        }
    }

    func giveBackPlace() { state.withLock { $0.places -= 1 } }

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
            state.readers[ObjectIdentifier(reader)] = reader
            state.settle(now: now)
            state.readerCame()
            guard let id else { return Beginning(next: state.ring.next) }
            guard let id = EventID(id), id.epoch == epoch, id.number < state.ring.next else {
                return Beginning(next: state.ring.next, reset: .unknown)
            }
            let first = reader.filter.wantsMembers ? max(state.ring.first, state.membersSince) : state.ring.first
            guard id.number + 1 >= first else { return Beginning(next: state.ring.next, reset: .tooOld) }
            return Beginning(next: id.number + 1)
        }
    }

    func end(_ reader: Reader, now: MonotonicTime) {
        state.withLock { state in
            guard state.readers.removeValue(forKey: ObjectIdentifier(reader)) != nil else { return }
            state.left(wantedMembers: reader.filter.wantsMembers, now: now)
            state.settle(now: now)
        }
    }

    enum Reading {
        /// The next event that the reader is for, and its number.
        case event(EventRing.Entry, UInt64)
        /// There is none before the event of this number, which is still to come. The reader is woken when it does.
        case nothing(next: UInt64)
        /// Events have gone that were not read. The next one is this.
        case missed(next: UInt64)
    }

    /// Reads the next event that a reader is for, from a place on.
    func read(_ reader: Reader, from place: UInt64) -> Reading {
        var place = place
        while true {
            let reading: Reading? = state.withLock { state in
                guard place >= state.ring.first else { return .missed(next: state.ring.next) }
                for _ in 0..<Self.mostLooks {
                    guard place < state.ring.next else {
                        // Before the lock is free: nothing can come between.
                        reader.rests()
                        return .nothing(next: place)
                    }
                    if let entry = state.ring[place], reader.filter.admits(entry) { return .event(entry, place) }
                    place += 1
                }
                return nil
            }
            if let reading { return reading }
        }
    }
}

extension EventFeed {
    /// A reader, as the feed knows it.
    final class Reader: Sendable {
        let filter: EventFilter
        let wake: @Sendable () -> Void
        /// Whether it has read all that there is, and was not woken since.
        private let isResting = Atomic<Bool>(false)

        init(_ filter: EventFilter, wake: @escaping @Sendable () -> Void) {
            self.filter = filter
            self.wake = wake
        }

        fileprivate func rests() { isResting.store(true, ordering: .relaxed) }
        /// - Returns: whether it rested.
        fileprivate func stopsResting() -> Bool { isResting.exchange(false, ordering: .relaxed) }
    }

    private struct State {
        var ring: EventRing
        var readers: [ObjectIdentifier: Reader] = [:]
        /// Taken places: those of readers, and of some that come or go.
        var places = 0
        var want: @Sendable (EventWants?) -> Void = { _ in }
        var readerCame: @Sendable () -> Void = {}
        /// The wants that the cluster was told of.
        var wants: EventWants?
        /// The number of the first event since members are wanted.
        var membersSince: UInt64 = 0
        /// The times until which events, and those of members, are wanted without a reader.
        private var end = MonotonicTime(nanoseconds: 0)
        private var membersEnd = MonotonicTime(nanoseconds: 0)

        init(_ ring: EventRing) { self.ring = ring }

        /// A reader has left.
        mutating func left(wantedMembers: Bool, now: MonotonicTime) {
            end = now + EventFeed.memory
            if wantedMembers { membersEnd = end }
        }

        /// Tells the cluster if something else is wanted than before.
        mutating func settle(now: MonotonicTime) {
            let isWanted = !readers.isEmpty || now < end
            let members = isWanted && (readers.values.contains { $0.filter.wantsMembers } || now < membersEnd)
            let new = isWanted ? EventWants(members: members) : nil
            guard new != wants else { return }
            if new == nil { ring.clear() }
            if members, wants?.members != true {
                // Those of members that were not told of are missing before it.
                ring.skip()
                membersSince = ring.next
            }
            wants = new
            want(new)
        }
    }
}
