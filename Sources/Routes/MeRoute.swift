internal import AMQPBridge
internal import EventLoop
package import JSON

/// `/v1/me`: what whoever asks may do.
struct MeRoute: Sendable {
    @Sendable func get(_ request: Request) throws(Problem) -> Response {
        var fields = try Fields(request)
        try fields.finish()
        return .json { $0.members(of: request.caller, now: .now()) }
    }
}

extension JSONObjectWriter {
    fileprivate mutating func members(of caller: Caller, now: MonotonicTime) {
        member("name", caller.name)
        member("scopes", Scope.allCases.filter(caller.scopes.contains).map(\.rawValue))
        globs(of: caller.reach)
        member("expires", caller.expires.map { UTCTime(seconds: $0) })
        member("rate") { json in
            guard let limit = caller.limit else { return json.null() }
            json.object { $0.members(of: limit, now: now) }
        }
    }

    private mutating func members(of limit: RateLimit, now: MonotonicTime) {
        let (remaining, reset) = limit.state(now: now)
        member("requests", limit.rate.count)
        member("perSeconds", limit.rate.period.wholeSeconds)
        member("burst", limit.rate.burst)
        member("remaining", remaining)
        member("resetSeconds", reset.wholeSeconds)
    }

    /// Writes the members for what may be named.
    package mutating func globs(of reach: Reach) {
        member("namespaces", reach.namespaces.patterns)
        member("rooms", reach.rooms.patterns)
        member("sockets", reach.sockets.patterns)
        member("events", reach.events.patterns)
    }
}
