/// Several counters, told apart by their places.
package final class Counters: Sendable {
    private final class Cell: Sendable {
        let counter = Counter()
    }

    private let cells: [Cell]

    package init(_ count: Int) {
        cells = (0..<count).map { _ in Cell() }
    }

    package func add(_ count: UInt64 = 1, at place: Int) { cells[place].counter.add(count) }

    /// The values, in the order of their places.
    package var values: [UInt64] { cells.map { $0.counter.value } }
}

/// Counters of outcomes, or whatever else has a few cases.
package final class CaseCounters<Case: CaseIterable & Equatable & Sendable>: Sendable {
    private let counters = Counters(Case.allCases.count)

    package init() {}

    package func count(_ outcome: Case) {
        guard let place = Array(Case.allCases).firstIndex(of: outcome) else { return }
        counters.add(at: place)
    }

    /// All counts, in the order of the cases.
    package var counts: [(outcome: Case, count: UInt64)] { Array(zip(Case.allCases, counters.values)) }
}
