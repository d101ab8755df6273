public import Synchronization

/// A number that only grows. Any thread adds, any may read.
public struct Counter: ~Copyable, Sendable {
    @usableFromInline let number = Atomic<UInt64>(0)

    public init() {}

    @inlinable
    public func add(_ count: UInt64) {
        number.wrappingAdd(count, ordering: .relaxed)
    }

    @inlinable
    public var value: UInt64 { number.load(ordering: .relaxed) }
}

/// A number that goes up and down. Any thread changes it, any may read.
public struct Gauge: ~Copyable, Sendable {
    @usableFromInline let number = Atomic<Int>(0)

    public init() {}

    @inlinable
    public func add(_ count: Int) {
        number.wrappingAdd(count, ordering: .relaxed)
    }

    @inlinable
    public func set(_ count: Int) {
        number.store(count, ordering: .relaxed)
    }

    @inlinable
    public var value: Int { number.load(ordering: .relaxed) }
}
