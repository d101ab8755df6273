internal import AMQPBridge

/// `GET /v1/tail`: what goes through this gateway, as server-sent events.
struct TailRoute: Sendable {
    let tail: Tail
    let places: StreamPlaces

    /// Each is compared with every name of each request.
    private static let mostGlobBytes = 256

    @Sendable func get(_ request: Request) throws(Problem) -> StreamedAnswer {
        var fields = try Fields(request)
        let rooms = fields.globs("room", bytes: Self.mostGlobBytes)
        let events = fields.globs("event", bytes: Self.mostGlobBytes)
        let keys = fields.texts("key")
        let statuses = fields.words("status", "a status such as 404, or a class of them such as 4xx") {
            TailStatus($0) != nil
        }
        let wantsPayload = fields.boolean("payload") ?? false
        try fields.finish()
        if wantsPayload { try request.caller.check(.readPayloads) }
        let filter = TailFilter(
            rooms: rooms, events: events, keys: keys, statuses: (statuses ?? []).compactMap(TailStatus.init),
            wantsPayload: wantsPayload, caller: request.caller)
        return .events(TailReading(tail, filter), at: try places.take())
    }
}
