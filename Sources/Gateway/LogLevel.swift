internal import Logging
internal import Synchronization

/// The level from which on lines are written. All loggers share it, and it may be changed while they are at work.
final class LogLevel: Sendable {
    /// The level's place in `allCases`.
    private let place: Atomic<Int>

    init(_ level: Logger.Level) {
        place = Atomic(level.place)
    }

    var current: Logger.Level {
        get { Logger.Level.allCases[place.load(ordering: .relaxed)] }
        set { place.store(newValue.place, ordering: .relaxed) }
    }

    /// Whether lines of this level are written.
    func admits(_ level: Logger.Level) -> Bool { level.place >= place.load(ordering: .relaxed) }
}

extension Logger.Level {
    fileprivate var place: Int {
        switch self {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .notice: 3
        case .warning: 4
        case .error: 5
        case .critical: 6
        }
    }
}
