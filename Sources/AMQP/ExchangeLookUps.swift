internal import EventLoop

/// The schedule of look-ups of exchanges, for all event loops of the process together.
///
/// A look-up that fails closes a channel and is two lines in RabbitMQ's log. So there is one at a time, the next no
/// earlier than ``interval`` after one that failed, and only while an asker waits. A value without I/O: questions and
/// answers go in, turns come out.
struct ExchangeLookUps {
    /// The number of an event loop.
    typealias Asker = Int

    struct LookUp: Equatable, Sendable {
        let exchange: String
        /// Its answer is good for whatever came by then.
        let began: MonotonicTime
    }

    /// The next step of an asker.
    enum Turn: Equatable {
        case begin(LookUp)
        /// Another one may be at work; time for another turn then at the latest.
        case wait(until: MonotonicTime)
        /// No step: the asker waits for nothing.
        case nothing
    }

    static let interval: Duration = .milliseconds(100)
    /// The time after which another asker tries: the connection that carries out a look-up may be dead.
    static let patience: Duration = .seconds(1)

    /// The time for which others leave a turn to the askers of the exchange that has waited longest.
    static let precedence: Duration = .milliseconds(20)

    /// The exchanges in the order in which they are to be looked up, with their askers.
    private var waiting: [(exchange: String, askers: Set<Asker>)] = []
    private var underWay: (lookUp: LookUp, by: Asker)?
    private var earliest = MonotonicTime(nanoseconds: .min)

    /// Notes that the asker waits for an answer about the exchange. To ask again changes nothing.
    mutating func ask(_ exchange: String, by asker: Asker) {
        if let index = waiting.firstIndex(where: { $0.exchange == exchange }) {
            waiting[index].askers.insert(asker)
        } else {
            waiting.append((exchange, [asker]))
        }
    }

    mutating func turn(of asker: Asker, now: MonotonicTime) -> Turn {
        guard let index = waiting.firstIndex(where: { $0.askers.contains(asker) }) else { return .nothing }
        if let underWay, now < underWay.lookUp.began + Self.patience {
            return .wait(until: underWay.lookUp.began + Self.patience)
        }
        guard earliest <= now else { return .wait(until: earliest) }
        // The askers of the exchange that has waited longest go first, unless they do not come.
        if index > 0, now < earliest + Self.precedence { return .wait(until: earliest + Self.precedence) }
        let next = waiting.remove(at: index)
        waiting.append(next)
        let lookUp = LookUp(exchange: next.exchange, began: now)
        underWay = (lookUp, asker)
        return .begin(lookUp)
    }

    /// A look-up has been answered.
    ///
    /// - Returns: the askers that waited for it, and do not any more; and those that wait for other exchanges, and may
    ///   have a turn.
    mutating func answered(_ lookUp: LookUp, isUsable: Bool) -> (told: Set<Asker>, next: Set<Asker>) {
        if underWay?.lookUp == lookUp { underWay = nil }
        if !isUsable { hasFailed(now: lookUp.began) }
        var told: Set<Asker> = []
        if let index = waiting.firstIndex(where: { $0.exchange == lookUp.exchange }) {
            told = waiting.remove(at: index).askers
        }
        return (told, allWaiting)
    }

    private var allWaiting: Set<Asker> { waiting.reduce(into: []) { $0.formUnion($1.askers) } }

    /// The broker has closed a channel over an exchange.
    mutating func hasFailed(now: MonotonicTime) {
        earliest = max(earliest, now + Self.interval)
    }

    /// Notes that the asker does not wait for the exchange any more.
    mutating func withdraw(_ exchange: String, by asker: Asker) {
        guard let index = waiting.firstIndex(where: { $0.exchange == exchange }) else { return }
        waiting[index].askers.remove(asker)
        if waiting[index].askers.isEmpty { waiting.remove(at: index) }
    }

    /// The asker's connection is gone: it waits for nothing, and answers nothing.
    ///
    /// - Returns: the askers that may have a turn now.
    mutating func leave(_ asker: Asker) -> Set<Asker> {
        for index in waiting.indices { waiting[index].askers.remove(asker) }
        waiting.removeAll { $0.askers.isEmpty }
        guard underWay?.by == asker else { return [] }
        underWay = nil
        return allWaiting
    }
}
