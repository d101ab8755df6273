package import EventLoop

/// The publications on a confirm channel that are not settled yet.
///
/// Delivery tags count from 1 per channel. Acks come out of order, and a later `multiple` covers tags that are settled
/// already (both observed, RabbitMQ 3.10.8); neither may settle anything twice.
package struct ConfirmLedger<Entry> {
    package struct Published {
        package let entry: Entry
        let deadline: MonotonicTime
        var isReturned = false
    }

    /// The outcome of all unsettled publications when the broker has closed the channel over one of them.
    struct Closed {
        /// The broker cannot have routed it.
        var rejected: Published?
        /// Published before it: may have been routed without an ack (measured), so the outcome is unknown.
        var unknown: [Published] = []
        /// Published behind it: the broker discarded it, so it can be sent again.
        var discarded: [Published] = []

        fileprivate init(_ unsettled: [Published], rejected index: Int?) {
            guard let index else {
                // Its own publish was given up on already; what is left stands on either side of it.
                unknown = unsettled
                return
            }
            unknown = Array(unsettled[..<index])
            rejected = unsettled[index]
            discarded = Array(unsettled[(index + 1)...])
        }
    }

    private var slots: [Published?] = []
    private var head = 0
    private var firstTag: UInt64 = 1

    package init() {}

    /// The tag that the next publish on this channel will have.
    var nextTag: UInt64 { firstTag + UInt64(slots.count - head) }

    /// The number of slots held, settled ones behind an unsettled one included.
    var count: Int { slots.count - head }

    /// The time by which the oldest unsettled publication must be settled. It is kept, for it is asked for in every turn
    /// of the loop.
    private(set) var earliestDeadline: MonotonicTime?

    /// The publications that are not settled, oldest first.
    var unsettled: [Published] { slots[head...].compactMap { $0 } }

    package mutating func append(_ entry: Entry, deadline: MonotonicTime) {
        if head == slots.count { earliestDeadline = deadline }
        slots.append(Published(entry: entry, deadline: deadline))
    }

    mutating func markReturned(tag: UInt64) {
        guard let index = index(of: tag) else { return }
        slots[index]?.isReturned = true
    }

    /// The tags that an ack is about: one, or all up to it (`multiple`; tag 0 then means all). Some may be settled
    /// already, or unknown.
    package func tags(of tag: UInt64, multiple: Bool) -> Range<UInt64> {
        guard multiple else { return tag..<(tag == .max ? tag : tag + 1) }
        let last = tag == 0 ? nextTag - 1 : min(tag, nextTag - 1)
        return firstTag..<max(last + 1, firstTag)
    }

    /// Settles a tag; `nil`: it is unknown, or settled.
    package mutating func settle(_ tag: UInt64) -> Published? {
        guard let index = index(of: tag), let published = slots[index].take() else { return nil }
        dropSettledHead()
        return published
    }

    /// Gives up on the oldest, if it has waited beyond its deadline; `nil`: it has not. A late ack of it is ignored.
    mutating func expire(now: MonotonicTime) -> Published? {
        guard let deadline = earliestDeadline, deadline <= now else { return nil }
        return settle(firstTag)
    }

    /// Empties the ledger for a new channel, whose tags count from 1 again. Everything unsettled, oldest first.
    package mutating func reset() -> [Published] {
        defer { self = ConfirmLedger() }
        return unsettled
    }

    /// Empties the ledger because the broker closed the channel over a publish of which `isSuspect` holds.
    ///
    /// The close does not say which publish it was. Of several such only the last is certain: either it was the one, or
    /// it came behind the one. Everything before it may or may not have been routed.
    mutating func resetClosed(overOneOf isSuspect: (Entry) -> Bool) -> Closed {
        let unsettled = reset()
        return Closed(unsettled, rejected: unsettled.lastIndex { isSuspect($0.entry) })
    }

    /// Empties the ledger because the broker closed the channel over the first publish of which `isRejected` holds: it
    /// reads them in order, so it met no other such before.
    mutating func reset(closedOverFirst isRejected: (Entry) -> Bool) -> Closed {
        let unsettled = reset()
        return Closed(unsettled, rejected: unsettled.firstIndex { isRejected($0.entry) })
    }

    private func index(of tag: UInt64) -> Int? {
        guard tag >= firstTag, tag < nextTag else { return nil }
        return head + Int(tag - firstTag)
    }

    private mutating func dropSettledHead() {
        while head < slots.count, slots[head] == nil {
            head += 1
            firstTag += 1
        }
        earliestDeadline = head < slots.count ? slots[head]?.deadline : nil
        // Not after every one: it costs as much as to settle it.
        if head == slots.count, head >= 256 {
            slots.removeAll(keepingCapacity: slots.capacity <= 4_096)
            head = 0
        } else if head > 1_024, head > slots.count / 2 {
            slots.removeFirst(head)
            head = 0
        }
    }
}
