internal import AMQPBridge
internal import JSON

/// `POST /v1/hooks/{name}`: a webhook becomes an emit.
struct HookRoute: Sendable {
    let runner: DeliveryRunner
    let hooks: CurrentHooks
    /// Seconds since 1970.
    let clock: @Sendable () -> Int64

    @Sendable func post(_ request: Request) async throws(Problem) -> Response {
        guard let hook = hooks.table[request.parameter] else { throw .unknownHook }
        let fields = request.head.fields
        guard hook.signature.isAuthentic(fields, body: request.body, now: clock()) else {
            throw Problem(.notAuthentic, "the delivery was not accepted")
        }
        // Behind the signature: nobody else uses up the sender's rate.
        if let wait = hook.limit?.take(now: .now()) {
            var problem = Problem(.rateLimited, "the hook takes no more at the moment")
            problem.retryAfter = wait
            throw problem
        }
        let document = try Self.document(request)
        if hook.isSlack, let challenge = try SlackChallenge.answer(document.root) { return challenge }
        let source = TemplateSource(body: document.root, fields: fields)
        guard let emit = try hook.mapping.emit(from: source) else { return .delivery("ignored") }
        let key = hook.deliveryID?.find(in: source).map { DeliveryKey("hook", hook.name, $0) }
        return try await runner.run(emit, key, confirmedWithin: hook.confirmWait)
    }

    @Sendable func options(_ request: Request) async throws(Problem) -> Response {
        guard let hook = hooks.table[request.parameter] else { throw .unknownHook }
        return hook.handshake.answer(request.head.fields)
    }

    /// No body at all is an object without members, for senders that only say that it is time.
    private static func document(_ request: Request) throws(Problem) -> JSONDocument {
        guard let type = request.head.fields[.contentType] else {
            return try JSONDocument(delivered: request.body.isEmpty ? Array("{}".utf8) : request.body)
        }
        return ContentType(type).isForm
            ? try FormBody.document(request.body) : try JSONDocument(delivered: request.body)
    }
}

extension Problem {
    /// The same as for any path that is not there.
    static let unknownHook = Problem(.notFound, "nothing is here")
}

/// How Slack makes sure that an address is ours (docs.slack.dev, "url_verification").
enum SlackChallenge {
    /// Theirs have about 50 bytes.
    private static let mostBytes = 1_024

    /// The answer; `nil` to anything else.
    static func answer(_ body: JSONValue) throws(Problem) -> Response? {
        guard body.member("type")?.string == "url_verification" else { return nil }
        guard let challenge = body.member("challenge")?.string, challenge.utf8.count <= mostBytes else {
            throw Problem(
                .deliveryRefused, "the delivery is no challenge",
                places: [.init("/challenge", "must be a string of at most \(mostBytes) bytes")])
        }
        var response = Response(status: 200, contentType: "text/plain", body: Array(challenge.utf8))
        response.fields = [("X-Content-Type-Options", "nosniff")]
        return response
    }
}
