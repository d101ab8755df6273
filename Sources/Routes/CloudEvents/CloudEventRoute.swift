internal import AMQPBridge
internal import JSON

/// `POST /v1/cloudevents`: CloudEvents become emits, one or many of them.
struct CloudEventRoute: Sendable {
    let runner: DeliveryRunner
    let limits: Router.Limits

    private static let eventsPerTurn = 64
    private static let mostPlaces = 20

    @Sendable func post(_ request: Request) async throws(Problem) -> Response {
        let fields = request.head.fields
        let configured = request.hooks.cloudEvents
        switch CloudEventMode(fields) {
        case nil: throw .noCloudEvent
        case .batch: return try await postBatch(request, configured)
        case .structured:
            return try await postOne(JSONDocument(delivered: request.body).root, request, configured)
        case .binary:
            let json = try BinaryCloudEvent.json(fields, request.body)
            return try await postOne(JSONDocument(delivered: json).root, request, configured)
        }
    }

    @Sendable func options(_ request: Request) async throws(Problem) -> Response {
        request.hooks.cloudEvents.handshake.answer(request.head.fields)
    }

    private func postOne(
        _ value: JSONValue, _ request: Request, _ configured: CloudEventMapping
    ) async throws(Problem) -> Response {
        var places: [Problem.Place] = []
        guard let event = CloudEvent(value, at: "", { places.append($0) }) else { throw .invalidEvents(places) }
        let source = TemplateSource(body: value, fields: request.head.fields)
        guard var emit = try configured.mapping.emit(from: source) else { return .delivery("ignored") }
        try request.caller.check { $0.places(beyond: emit) }
        emit.trace = request.head.trace
        return try await runner.run(emit, event.key(of: request.caller), confirmedWithin: configured.confirmWait)
    }

    // MARK: Batches

    private func postBatch(_ request: Request, _ configured: CloudEventMapping) async throws(Problem) -> Response {
        let document = try JSONDocument(delivered: request.body)
        guard document.root.kind == .array else {
            throw .invalidEvents([.init("", "must be an array of events")])
        }
        guard document.root.count <= limits.batchItems else {
            throw Problem(.payloadTooLarge, "more than \(limits.batchItems) events; nothing was published")
        }
        let items = try await read(document.root, request, configured)
        try request.caller.takeRest(ofBatch: items.count, now: .now())
        return try await runner.run(items)
    }

    /// All events are read before any is published: there is one answer for all of them.
    private func read(
        _ list: JSONValue, _ request: Request, _ configured: CloudEventMapping
    ) async throws(Problem) -> [DeliveryRunner.Item] {
        var items: [DeliveryRunner.Item] = []
        let trace = request.head.trace
        var places: [Problem.Place] = []
        for (index, value) in list.elements().enumerated() {
            if index % Self.eventsPerTurn == Self.eventsPerTurn - 1 { await runner.emitter.pause() }
            guard places.count < Self.mostPlaces else { break }
            guard let event = CloudEvent(value, at: "/\(index)", { places.append($0) }) else { continue }
            do throws(Problem) {
                let source = TemplateSource(body: value, fields: request.head.fields)
                guard var emit = try configured.mapping.emit(from: source) else {
                    items.append(.ignored)
                    continue
                }
                try request.caller.check { $0.places(beyond: emit) }
                emit.trace = trace
                items.append(.emit(emit, event.key(of: request.caller)))
            } catch {
                let own = error.places.map { Problem.Place("/\(index)\($0.pointer)", $0.detail) }
                // Not for the events' sake: nothing that the caller could send instead is told.
                if error.code == .beyondReach { throw Problem(.beyondReach, error.detail, places: own) }
                places += own
            }
        }
        guard places.isEmpty else { throw .invalidEvents(places) }
        return items
    }
}

extension CloudEvent {
    /// "If two events have the same source and id, they are the same event" (section 3.1, in effect).
    /// One caller cannot keep another's events away by sending their ids first.
    fileprivate func key(of caller: Caller) -> DeliveryKey {
        DeliveryKey("cloudevents", caller.name ?? "", source, id)
    }
}

extension Problem {
    static let noCloudEvent = Problem(
        .unsupportedMediaType,
        "send application/cloudevents+json, application/cloudevents-batch+json, or an event in ce- headers")

    fileprivate static func invalidEvents(_ places: [Place]) -> Problem {
        Problem(.invalidRequest, "what was sent makes no emit; nothing was published", places: places)
    }
}
