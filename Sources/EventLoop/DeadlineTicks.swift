/// Deadlines, a tick of 20 ms late at most: adding and removing costs the same however many there are.
public struct DeadlineTicks {
    private static let tick: Int64 = 20_000_000

    private var ids: [Int64: Set<String>] = [:]
    /// No tick before this one has ids.
    private var earliest: Int64 = .max

    public init() {}

    /// The time at which something may be due; `nil`: nothing is kept.
    public var next: MonotonicTime? {
        ids.isEmpty ? nil : MonotonicTime(nanoseconds: (earliest + 1) * Self.tick)
    }

    public mutating func add(_ id: String, at deadline: MonotonicTime) {
        let tick = deadline.nanoseconds / Self.tick
        ids[tick, default: []].insert(id)
        earliest = min(earliest, tick)
    }

    public mutating func remove(_ id: String, at deadline: MonotonicTime) {
        let tick = deadline.nanoseconds / Self.tick
        ids[tick]?.remove(id)
        if ids[tick]?.isEmpty == true { ids[tick] = nil }
        if ids.isEmpty { earliest = .max }
    }

    /// Takes out what is due.
    public mutating func due(now: MonotonicTime) -> [String] {
        let current = now.nanoseconds / Self.tick
        guard !ids.isEmpty, earliest < current else { return [] }
        // Far apart, as after a long silence, the ticks that there are are fewer than those in between.
        let ticks = current - earliest > Int64(ids.count) ? ids.keys.filter { $0 < current } : Array(earliest..<current)
        let due = ticks.flatMap { ids.removeValue(forKey: $0) ?? [] }
        earliest = ids.keys.min() ?? .max
        return due
    }
}
