/// Several counters, told apart by their places.
public final class Counters: Sendable {
    private final class Cell: Sendable {
        let counter = Counter()
    }

    private let cells: [Cell]

    public init(_ count: Int) {
        cells = (0..<count).map { _ in Cell() }
    }

    public func add(_ count: UInt64 = 1, at place: Int) { cells[place].counter.add(count) }

    /// The values, in the order of their places.
    public var values: [UInt64] { cells.map { $0.counter.value } }
}

/// Counters of outcomes, or whatever else has a few cases.
public final class CaseCounters<Case: CaseIterable & Equatable & Sendable>: Sendable {
    private let counters = Counters(Case.allCases.count)

    public init() {}

    public func count(_ outcome: Case) {
        guard let place = Array(Case.allCases).firstIndex(of: outcome) else { return }
        counters.add(at: place)
    }

    /// All counts, in the order of the cases.
    public var counts: [(outcome: Case, count: UInt64)] { Array(zip(Case.allCases, counters.values)) }
}
