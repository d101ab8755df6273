internal import AMQPBridge
internal import JSON

/// Who sends a request, and what that one may do.
public final class Caller: Sendable {
    /// The key's; `nil` where no key is needed.
    public let name: String?
    let scopes: Set<Scope>
    let reach: Reach
    /// How often; `nil`: as often as it likes.
    let limit: RateLimit?

    public init(name: String?, scopes: Set<Scope>, reach: Reach = Reach(), limit: RateLimit? = nil) {
        self.name = name
        self.scopes = scopes
        self.reach = reach
        self.limit = limit
    }

    /// Whoever comes, where no key is needed.
    static let anyone = Caller(name: nil, scopes: Set(Scope.allCases))

    /// - Throws: when a scope is missing.
    func check(_ scope: Scope) throws(Problem) {
        guard scopes.contains(scope) else {
            throw Problem(.insufficientScope, "the key lacks the scope '\(scope.rawValue)'")
        }
    }

    /// - Throws: when there is anything beyond its reach.
    func check(_ places: (Reach) -> [Problem.Place]) throws(Problem) {
        let places = places(reach)
        guard places.isEmpty else {
            throw Problem(.beyondReach, "the key may not name all that this request names", places: places)
        }
    }

    /// Whether it may read of everyone.
    var seesEveryRoom: Bool { reach.rooms.matchEverything }

    /// What it may see of an array of rooms.
    func visible(_ rooms: JSONText?) -> JSONText? {
        guard let rooms, !reach.rooms.matchEverything else { return rooms }
        guard let document = try? JSONDocument(parsing: Array(rooms.bytes)) else { return nil }
        var json: [UInt8] = []
        json.append(jsonStrings: document.root.elements().compactMap(\.string).filter(reach.rooms.matches))
        return JSONText(verbatim: json[...])
    }

    /// Takes tokens of its rate.
    ///
    /// - Throws: when there are not enough at the moment, or never are.
    func take(_ count: Int = 1, now: @autoclosure () -> MonotonicTime) throws(Problem) {
        guard let limit else { return }
        guard count < limit.rate.burst || count == 1 else {
            throw Problem(.payloadTooLarge, "the key may send \(limit.rate): no more items than that in a batch")
        }
        guard let wait = limit.take(count, now: now()) else { return }
        var problem = Problem(.rateLimited, "the key may send \(limit.rate)")
        problem.retryAfter = wait
        throw problem
    }
}

extension Rate: CustomStringConvertible {
    public var description: String {
        let most = burst == count ? "" : ", and \(burst) at once"
        return "\(count) in \(period)\(most)"
    }
}
