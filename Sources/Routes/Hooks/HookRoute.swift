internal import AMQPBridge
internal import JSON

/// `POST /v1/hooks/{name}`: a webhook becomes an emit.
struct HookRoute: Sendable {
    let runner: DeliveryRunner
    /// Seconds since 1970.
    let clock: @Sendable () -> Int64

    @Sendable func post(_ request: Request) throws(Problem) -> Route.Progress {
        let hook = try request.admittedHook()
        let fields = request.head.fields
        do throws(SignatureFault) {
            try hook.verify(fields, body: request.body, now: clock())
        } catch {
            throw .notAuthentic(error)
        }
        // Behind the signature: nobody else uses up the sender's rate.
        if let wait = hook.limit?.take(now: .now()) {
            var problem = Problem(.rateLimited, "the hook takes no more at the moment")
            problem.retryAfter = wait
            throw problem
        }
        switch try hook.outcome(fields, body: request.body) {
        case .ignored(let condition): return .answered(.ignored(request, condition))
        case .challenge(let text):
            request.note(.delivery(.challenge))
            return .answered(Response(status: 200, contentType: "text/plain", body: Array(text.utf8)))
        case .emit(var emit, let id):
            if let trace = request.head.trace { emit.trace = trace }
            let key = id.map { DeliveryKey("hook", hook.name, $0) }
            return try runner.run(emit, of: request, key, confirmedWithin: hook.confirmWait)
        }
    }

    @Sendable func options(_ request: Request) throws(Problem) -> Response {
        try request.admittedHook().handshake.answer(request.head.fields)
    }
}

extension Problem {
    /// Which there are is not told.
    static let unknownHook = Problem(.notFound, "there is no hook of this name")

    /// - Parameter suggestion: the path that may have been meant.
    static func noRoute(_ suggestion: String?) -> Problem {
        let hint = suggestion.map { "; did you mean \($0)?" } ?? ""
        return Problem(.notFound, "nothing is here\(hint) (GET /openapi.yaml lists the routes)")
    }

    /// The answer is the same whatever is wrong with the signature.
    fileprivate static func notAuthentic(_ fault: SignatureFault) -> Problem {
        var problem = Problem(.notAuthentic, "the delivery was not accepted")
        problem.aside = .signature(fault)
        return problem
    }
}

/// How Slack makes sure that an address is ours (docs.slack.dev, "url_verification").
enum SlackChallenge {
    /// Theirs have about 50 bytes.
    private static let mostBytes = 1_024

    /// What it waits for; `nil` if it is anything else.
    static func text(_ body: JSONValue) throws(Problem) -> String? {
        guard body.member("type")?.string == "url_verification" else { return nil }
        guard let challenge = body.member("challenge")?.string, challenge.utf8.count <= mostBytes else {
            throw Problem(
                .deliveryRefused, at: [.init("/challenge", "must be a string of at most \(mostBytes) bytes")])
        }
        return challenge
    }
}
