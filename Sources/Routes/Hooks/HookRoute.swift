internal import AMQPBridge

/// `/v1/hooks/{name}`: a webhook becomes an emit; and what its sender asks before.
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
            return .answered(.challenge(request, text))
        case .emit(var emit, let id):
            request.notes?.note(emit)
            if let trace = request.head.trace { emit.trace = trace }
            let key = id.map { DeliveryKey("hook", hook.name, $0) }
            return try runner.run(emit, of: request, key, confirmedWithin: hook.confirmWait)
        }
    }

    /// A sender asks whether the address is ours. It costs nothing of the hook's rate, since anybody may ask.
    @Sendable func get(_ request: Request) throws(Problem) -> Response {
        let hook = try request.admittedHook()
        do throws(SignatureFault) {
            return .challenge(request, try hook.confirmation(of: request.head.query))
        } catch {
            throw .handshakeRefused(error)
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

    /// The answer is the same whatever is wrong with the question.
    fileprivate static func handshakeRefused(_ fault: SignatureFault) -> Problem {
        var problem = Problem(.handshakeRefused, "the question was not asked as the hook is configured")
        problem.aside = .signature(fault)
        return problem
    }
}

extension Response {
    /// The challenge that a sender wants to hear. Plain text, whatever it may contain: `X-Content-Type-Options`, which all answers have, forbids browsers
    /// to see more in it.
    fileprivate static func challenge(_ request: Request, _ text: String) -> Response {
        request.note(.delivery(.challenge))
        return Response(status: 200, contentType: "text/plain", body: Array(text.utf8))
    }
}
