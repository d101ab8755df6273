internal import AMQPBridge

/// `GET /v1/events`: what happens in the cluster, as server-sent events.
struct EventRoute: Sendable {
    /// `nil`: the cluster is turned off.
    let feed: EventFeed?
    let places: StreamPlaces

    @Sendable func get(_ request: Request) throws(Problem) -> StreamedAnswer {
        var fields = try Fields(request)
        let types = fields.words(
            "type", "one of \(EventFilter.types.joined(separator: ", "))", isKnown: EventFilter.isType)
        let rooms = fields.globs("room")
        let namespaces = fields.namespaceGlobs("namespace")
        let last = fields.string("lastEventId")
        try fields.finish()
        try fields.check(request.caller) { $0.places(beyondEvents: types ?? [], rooms: rooms, namespaces: namespaces) }
        guard let feed else { throw Problem(ClusterError.turnedOff) }
        let filter = EventFilter(
            types: types, rooms: rooms, namespaces: namespaces, reach: request.caller.reach,
            readsServers: request.caller.scopes.contains(.readServers))
        // A browser's EventSource sends the header with the address that it was given, which may have an older id.
        let id = [request.head.fields[.lastEventID], last].lazy.compactMap(\.self).first { !$0.isEmpty }
        let reading = EventReading(feed, filter, after: id)
        return .events(reading, at: try places.take())
    }
}
