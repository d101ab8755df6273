/// How many emits nobody was there for, by the reason. Written on one event loop, read from anywhere.
public final class UnroutedCounters: Sendable {
    private final class Cell: Sendable {
        let counter = Counter()
    }

    private let cells = UnroutedReason.allCases.map { (reason: $0, cell: Cell()) }

    func count(_ reason: UnroutedReason) {
        cells.first { $0.reason == reason }?.cell.counter.add(1)
    }

    /// All of them.
    public var counts: [(reason: UnroutedReason, count: UInt64)] {
        cells.map { ($0.reason, $0.cell.counter.value) }
    }
}
