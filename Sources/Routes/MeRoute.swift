internal import AMQPBridge
internal import JSON

/// `/v1/me`: what whoever asks may do.
struct MeRoute: Sendable {
    @Sendable func get(_ request: Request) throws(Problem) -> Response {
        var fields = try Fields(request)
        try fields.finish()
        return .json { $0.append(request.caller, now: .now()) }
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ caller: Caller, now: MonotonicTime) {
        append(json: "{\"name\":")
        if let name = caller.name { append(jsonString: name) } else { append(json: "null") }
        append(json: ",\"scopes\":")
        append(jsonStrings: Scope.allCases.filter(caller.scopes.contains).map(\.rawValue))
        append(globs: caller.reach)
        append(json: ",\"expires\":")
        if let expires = caller.expires {
            append(jsonString: UTCTime(seconds: expires).description)
        } else {
            append(json: "null")
        }
        append(json: ",\"rate\":")
        if let limit = caller.limit { append(limit, now: now) } else { append(json: "null") }
        append(json: "}")
    }

    private mutating func append(_ limit: RateLimit, now: MonotonicTime) {
        let (remaining, reset) = limit.state(now: now)
        for (name, number) in [
            ("{\"requests\":", limit.rate.count), (",\"perSeconds\":", limit.rate.period.wholeSeconds),
            (",\"burst\":", limit.rate.burst), (",\"remaining\":", remaining),
            (",\"resetSeconds\":", reset.wholeSeconds),
        ] as [(StaticString, Int)] {
            append(json: name)
            append(number: number)
        }
        append(json: "}")
    }
}

extension [UInt8] {
    /// The members for what may be named, each with a comma in front.
    public mutating func append(globs reach: Reach) {
        for (name, globs) in [
            (",\"namespaces\":", reach.namespaces), (",\"rooms\":", reach.rooms), (",\"sockets\":", reach.sockets),
            (",\"events\":", reach.events),
        ] as [(StaticString, NameGlobs)] {
            append(json: name)
            append(jsonStrings: globs.patterns)
        }
    }
}
