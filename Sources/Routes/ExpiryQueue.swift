internal import AMQPBridge
internal import EventLoop

/// Keys in the order in which they expire, which is that of their arrival, since all live equally long.
struct ExpiryQueue<Key: Sendable>: Sendable {
    private var entries: [(key: Key, time: MonotonicTime)] = []
    /// How many of them have been taken.
    private var head = 0

    /// - Parameter time: when it expires; not before those that are there.
    mutating func append(_ key: Key, until time: MonotonicTime) {
        entries.append((key, time))
    }

    /// Takes the oldest, if it has expired.
    mutating func takeExpired(now: MonotonicTime) -> Key? {
        head < entries.count && entries[head].time <= now ? takeOldest() : nil
    }

    /// Takes the oldest, however long it had to live; `nil` if there is none.
    mutating func takeOldest() -> Key? {
        guard head < entries.count else { return nil }
        let key = entries[head].key
        head += 1
        if head > 1_024, head > entries.count / 2 {
            entries.removeFirst(head)
            head = 0
        }
        return key
    }
}
