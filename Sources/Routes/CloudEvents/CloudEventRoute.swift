internal import AMQPBridge
internal import JSON

/// `POST /v1/cloudevents`: a CloudEvent becomes an emit.
struct CloudEventRoute: Sendable {
    let runner: DeliveryRunner

    @Sendable func post(_ request: Request) throws(Problem) -> Route.Progress {
        let fields = request.head.fields
        let configured = request.hooks.cloudEvents
        switch CloudEventMode(fields) {
        case nil: throw .noCloudEvent
        case .batch: throw .noBatches
        case .structured:
            return try postOne(JSONDocument(delivered: request.body).root, request, configured)
        case .binary:
            let json = try BinaryCloudEvent.json(fields, request.body)
            return try postOne(JSONDocument(delivered: json).root, request, configured)
        }
    }

    @Sendable func options(_ request: Request) throws(Problem) -> Response {
        request.hooks.cloudEvents.handshake.answer(request.head.fields)
    }

    private func postOne(
        _ value: JSONValue, _ request: Request, _ configured: CloudEventMapping
    ) throws(Problem) -> Route.Progress {
        var faults = FaultList()
        guard let event = CloudEvent(value, { faults.add($0) }) else { throw faults.problem(.invalidRequest) }
        let source = TemplateSource(body: value, fields: request.head.fields)
        var emit: Emit
        switch try configured.mapping.outcome(of: source) {
        case .emit(let made): emit = made
        case .ignored(let unmet): return .answered(.ignored(request, unmet))
        }
        request.notes?.note(emit)
        try request.caller.check { [emit] in $0.places(beyond: emit) }
        emit.trace = request.head.trace
        return try runner.run(
            emit, of: request, event.key(of: request.caller), confirmedWithin: configured.confirmWait)
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
        "send application/cloudevents+json, or an event in ce- headers")

    fileprivate static let noBatches = Problem(
        .notImplemented,
        "batches of CloudEvents are not taken: send each event by itself, or emits to /v1/batch; nothing was published")
}
