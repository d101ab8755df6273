internal import AMQPBridge
internal import EventLoop
internal import JSON

/// The sender of a request, and its rights.
package final class Caller: Sendable {
    /// The key's; `nil` where no key is needed.
    package let name: String?
    let scopes: Set<Scope>
    /// The same, a bit each.
    private let scopeBits: UInt32
    let reach: Reach
    private let isUnlimited: Bool
    /// How often; `nil`: as often as it likes.
    let limit: RateLimit?
    /// Seconds since 1970; from then on its keys open nothing. `nil`: never.
    let expires: Int?

    package init(
        name: String?, scopes: Set<Scope>, reach: Reach = Reach(), limit: RateLimit? = nil, expires: Int? = nil
    ) {
        self.name = name
        self.scopes = scopes
        scopeBits = scopes.reduce(0) { $0 | $1.bit }
        self.reach = reach
        isUnlimited = reach.isUnlimited
        self.limit = limit
        self.expires = expires
    }

    /// Whoever comes, where no key is needed.
    static let anyone = Caller(name: nil, scopes: Set(Scope.allCases))

    /// The same caller, with the same tokens of its rate, as an object of its own.
    func copied() -> Caller {
        Caller(name: name, scopes: scopes, reach: reach.copied(), limit: limit?.copied(), expires: expires)
    }

    /// - Throws: when a scope is missing.
    func check(_ scope: Scope) throws(Problem) {
        guard scopeBits & scope.bit != 0 else {
            throw Problem(.insufficientScope, "the key lacks the scope '\(scope.rawValue)'")
        }
    }

    /// - Throws: when the emit names anything beyond its reach.
    func check(_ emit: borrowing Emit) throws(Problem) {
        // Nearly all, without a copy.
        guard !isUnlimited else { return }
        let emit = copy emit
        try check { $0.places(beyond: emit) }
    }

    /// - Throws: when there is anything beyond its reach.
    func check(_ places: (Reach) -> [Problem.Place]) throws(Problem) {
        let places = places(reach)
        guard places.isEmpty else {
            throw Problem(.beyondReach, at: places)
        }
    }

    /// Its rights, as bytes that differ for callers with other rights. None: everything.
    var rights: [UInt8] {
        guard !reach.isUnlimited || scopes.count < Scope.allCases.count else { return [] }
        return JSONWriter.bytes { json in
            json.object { json in
                json.member("scopes", Scope.allCases.filter(scopes.contains).map(\.rawValue))
                json.globs(of: reach)
            }
        }
    }

    /// Whether it is the same, as far as rights go: by a reload its name may have become another's.
    func hasRights(of other: Caller) -> Bool {
        self === other || scopes == other.scopes && reach == other.reach
    }

    /// Whether it may read of everyone.
    var seesEveryRoom: Bool { reach.rooms.matchEverything }

    /// The rooms of an array that it may see.
    func visible(_ rooms: JSONText?) -> JSONText? {
        guard let rooms, !reach.rooms.matchEverything else { return rooms }
        // Of a server, which may name millions.
        guard let told = try? CheckedJSON(checking: Array(rooms.bytes)) else { return nil }
        var names: [RoomName] = []
        told.forEachElement { _, room in
            if let room = RoomName(room), reach.rooms.matches(room) { names.append(room) }
        }
        return JSONText { names.write(to: &$0) }
    }

    /// Takes a request's token of its rate.
    ///
    /// - Throws: when there is none at the moment.
    func take(now: @autoclosure () -> MonotonicTime) throws(Problem) {
        guard let limit, let wait = limit.take(now: now()) else { return }
        throw .tooOften(limit.rate, wait)
    }

    /// Takes what a batch needs beyond its request's token.
    ///
    /// - Throws: when there is not enough at the moment, or never is.
    func takeRest(ofBatch items: Int, now: @autoclosure () -> MonotonicTime) throws(Problem) {
        guard let limit, items > 1 else { return }
        guard items <= limit.rate.burst else {
            throw Problem(.payloadTooLarge, "the key may send \(limit.rate): no more items than that in a batch")
        }
        guard let wait = limit.take(items - 1, now: now()) else { return }
        // The next try begins with a request's token again.
        throw .tooOften(limit.rate, wait + limit.timeForOne)
    }
}

extension Problem {
    fileprivate static func tooOften(_ rate: Rate, _ wait: Duration) -> Problem {
        var problem = Problem(.rateLimited, "the key may send \(rate)")
        problem.retryAfter = wait
        return problem
    }
}

extension Rate: CustomStringConvertible {
    package var description: String {
        let most = burst == count ? "" : ", and \(burst) at once"
        let periods: [(Duration, String)] = [
            (.seconds(1), "a second"), (.seconds(60), "a minute"), (.seconds(3_600), "an hour"),
        ]
        return "\(count) requests \(periods.first { $0.0 == period }?.1 ?? "in \(period.wholeSeconds) seconds")\(most)"
    }
}
