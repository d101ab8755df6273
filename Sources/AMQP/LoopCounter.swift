internal import Synchronization

/// A number that only grows, to which an event loop alone adds; any thread may read. A `Counter`, to which any may add,
/// costs a locked instruction each time.
package struct LoopCounter: ~Copyable, Sendable {
    private let number = Atomic<UInt64>(0)

    package init() {}

    package func add(_ count: UInt64) {
        number.store(number.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    package var value: UInt64 { number.load(ordering: .relaxed) }
}

/// A number that goes up and down, which an event loop alone changes; any thread may read.
package struct LoopGauge: ~Copyable, Sendable {
    private let number = Atomic<Int>(0)

    package init() {}

    package func add(_ count: Int) {
        number.store(number.load(ordering: .relaxed) &+ count, ordering: .relaxed)
    }

    package var value: Int { number.load(ordering: .relaxed) }
}
