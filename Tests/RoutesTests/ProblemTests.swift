import AMQPBridge
import JSON
import Testing

@testable import Routes

@Suite("A problem")
struct ProblemTests {
    /// API.md, "Errors".
    static let statuses: [Problem.Code: Int] = [
        .headTooLarge: 431, .malformedHTTP: 400, .invalidJSON: 400, .duplicateKey: 400, .tooDeep: 400,
        .ambiguousCredentials: 400,
        .unauthorized: 401, .notAuthentic: 401, .handshakeRefused: 403, .rateLimited: 429, .deliveryRefused: 422,
        .deliveryInFlight: 503,
        .hostNotAllowed: 403, .originNotAllowed: 403, .forwarded: 403, .notFound: 404, .methodNotAllowed: 405,
        .payloadTooLarge: 413, .unsupportedMediaType: 415, .invalidRequest: 422, .notExpressible: 422,
        .brokerUnavailable: 503, .brokerBlocked: 503, .brokerRefused: 503, .brokerNack: 503,
        .overloaded: 503, .shuttingDown: 503, .confirmTimeout: 504, .idempotencyKeyInFlight: 409,
        .turnedOff: 501, .notImplemented: 501,
        .idempotencyKeyReused: 422, .noServers: 503, .incomplete: 503, .notSupported: 501, .insufficientScope: 403,
        .beyondReach: 403,
    ]

    /// Those after which the event may have been delivered.
    static let unknown: Set<Problem.Code> = [.confirmTimeout, .brokerNack]

    static let retryable: Set<Problem.Code> = [
        .brokerUnavailable, .brokerBlocked, .overloaded, .shuttingDown, .idempotencyKeyInFlight, .noServers,
        .incomplete, .rateLimited, .deliveryInFlight,
    ]

    @Test("says the same in its status and its document", arguments: Problem.Code.allCases)
    func document(code: Problem.Code) throws {
        let response = Problem(code, "a \"detail\"\n").response(requestID: "id-1")
        let members = try response.members()
        let expected: Set = ["type", "title", "status", "detail", "code", "requestId", "retryable"]
        #expect(Set(members.keys) == (Self.unknown.contains(code) ? expected.union(["outcome"]) : expected))
        #expect(response.contentType.map { "\($0)" } == "application/problem+json")
        #expect(response.status == Self.statuses[code])
        #expect(members["status"]?.integer == response.status)
        #expect(members["type"]?.string == "/problems#" + code.rawValue)
        #expect(members["title"]?.string == code.title)
        #expect(!code.title.isEmpty)
        #expect(members["detail"]?.string == "a \"detail\"\n")
        #expect(members["code"]?.string == code.rawValue)
        #expect(members["requestId"]?.string == "id-1")
        #expect(members["retryable"]?.boolean == Self.retryable.contains(code))
        #expect(members["outcome"]?.string == (Self.unknown.contains(code) ? "unknown" : nil))
    }

    @Test("carries the header that its status asks for", arguments: Problem.Code.allCases)
    func fields(code: Problem.Code) {
        var problem = Problem(code, "")
        problem.allow = "GET"
        let response = problem.response(requestID: "")
        #expect((response.field("WWW-Authenticate") != nil) == (code.status == 401))
        #expect(response.field("Allow") == (code.status == 405 ? "GET" : nil))
        #expect(response.field("Retry-After") == ([409, 429, 503].contains(code.status) ? "1" : nil))
    }

    @Test(
        "says after how many whole seconds a rate lets the next one pass",
        arguments: [
            (Duration.zero, "0"), (.nanoseconds(1), "1"), (.seconds(1), "1"), (.milliseconds(1_001), "2"),
            (.seconds(3_600), "3600"),
        ])
    func retryAfter(wait: Duration, field: String) {
        var problem = Problem(.rateLimited, "")
        problem.retryAfter = wait
        #expect(problem.response(requestID: "").field("Retry-After") == field)
    }

    @Test("lists the places it is about")
    func places() throws {
        let places = [
            Problem.Place("/rooms/0", "no \"\\\""), Problem.Place("/a~1b", "neither"),
            Problem.Place(.query("limit"), "nor"),
            Problem.Place(.path("id"), "this"),
        ]
        let response = Problem(.invalidRequest, at: places).response(requestID: "")
        let errors = try #require(try response.members()["errors"])
        #expect(
            String(decoding: errors.text.bytes, as: UTF8.self)
                == #"[{"pointer":"/rooms/0","detail":"no \"\\\""},{"pointer":"/a~1b","detail":"neither"},"#
                + #"{"parameter":"limit","detail":"nor"},{"parameter":"id","detail":"this"}]"#)
    }

    @Test(
        "says in words where its first fault is, and how many more there are",
        arguments: [
            ([.init("/rooms/0", "an empty name")], nil, "", "/rooms/0: an empty name"),
            ([.init("", "must be an object")], nil, "", "the body: must be an object"),
            ([.init(.query("limit"), "no")], nil, "", "query parameter `limit`: no"),
            ([.init(.path("id"), "no"), .init("/a", "b")], nil, "", "path parameter `id`: no (and 1 more)"),
            ([.init("/a", "b")], 7, "x: ", "x: /a: b (and 6 more)"),
            ([.init("/a\u{1B}[2J\u{2028}", "b")], nil, "", "/a\u{FFFD}[2J\u{FFFD}: b"),
            ([], nil, "", "Invalid request"),
        ] as [([Problem.Place], Int?, String, String)])
    func detail(places: [Problem.Place], count: Int?, lead: String, detail: String) {
        let problem = Problem(.invalidRequest, at: places, count: count, lead: lead)
        #expect(problem.detail == detail)
        #expect(Refusal(problem).detail == detail)
    }

    @Test(
        "is made of JSON's errors",
        arguments: [(.invalid, .invalidJSON), (.duplicateKey, .duplicateKey), (.tooDeep, .tooDeep)]
            as [(JSONError.Kind, Problem.Code)])
    func jsonErrors(kind: JSONError.Kind, code: Problem.Code) {
        #expect(Problem(JSONError(kind: kind, detail: "d")) == Problem(code, "d"))
    }
}

@Suite("A failed emit")
struct EmitProblemTests {
    static let errors: [(EmitError, Problem.Code)] = [
        (.invalid([]), .invalidRequest),
        (.notExpressible(CommandFault(CommandField("binary"), "no")), .notExpressible),
        (.notPublished(.brokerUnavailable), .brokerUnavailable),
        (.notPublished(.brokerBlocked(reason: "low")), .brokerBlocked),
        (.notPublished(.brokerRefused(exchange: "x", reason: "no")), .brokerRefused),
        (.notPublished(.brokerNack), .brokerNack),
        (.notPublished(.brokerSilent), .brokerUnavailable),
        (.notPublished(.overloaded), .overloaded),
        (.notPublished(.tooLarge(bytes: 2, limit: 1)), .payloadTooLarge),
        (.notPublished(.unknown(.confirmTimedOut)), .confirmTimeout),
        (.notPublished(.unknown(.connectionLost)), .confirmTimeout),
        (.notPublished(.unknown(.channelClosed)), .confirmTimeout),
        (.notPublished(.unknown(.partial)), .confirmTimeout),
        (.notAsked(.noServers(exchange: "x")), .noServers), (.notAsked(.turnedOff), .turnedOff),
        (.notPublished(.messageTooLarge(bytes: 9, limit: 8)), .payloadTooLarge),
        (.notAsked(.brokerUnavailable), .brokerUnavailable),
        (.notAsked(.brokerBlocked(reason: "low")), .brokerBlocked),
        (.notAsked(.brokerRefused(exchange: "x")), .brokerRefused),
        (.notAsked(.overloaded), .overloaded),
        (.notAsked(.notSupported(.numbers, server: "a")), .notSupported),
        (.notAsked(.notSupported(.acks, server: "a")), .notSupported),
        (.notAsked(.tooLarge), .payloadTooLarge),
        (.notAsked(.brokerSilent), .brokerUnavailable), (.notAsked(.brokerNack), .brokerNack),
        (.notAsked(.unknown), .confirmTimeout), (.notAsked(.unconfirmed), .confirmTimeout),
        (.notAsked(.abandoned), .shuttingDown),
        (.exceptionsUnknown(ServerTally(expected: 2, responded: 1, missing: ["a"])), .incomplete),
    ]

    @Test("is the problem that it is", arguments: errors)
    func codes(error: EmitError, code: Problem.Code) async throws {
        let response = await router(RecordingEmitter(.failure(error))).post("{\"event\":\"e\"}")
        #expect(response.code == code.rawValue)
        #expect(response.status == ProblemTests.statuses[code])
        #expect(try response.members()["detail"]?.string?.isEmpty == false)
    }

    @Test("says the error's own sentence", arguments: errors)
    func sentences(error: EmitError, code: Problem.Code) {
        let detail = Problem(error).detail
        switch error {
        // Those say where it is, in the words of a body.
        case .invalid, .notExpressible: break
        case .notPublished(.brokerRefused): #expect(detail == "\(error.sentence); the gateway's log says why")
        default: #expect(detail == error.sentence)
        }
    }

    @Test("says why, where somebody knows")
    func details() {
        #expect(Problem(.notPublished(.brokerBlocked(reason: "low on memory"))).detail.contains("low on memory"))
        // RabbitMQ's reason names our user there.
        let refused = Problem(.notPublished(.brokerRefused(exchange: "x", reason: "for user 'secret'"))).detail
        #expect(refused.contains("'x'") && !refused.contains("secret"))
        let large = Problem(.notPublished(.tooLarge(bytes: 222, limit: 111))).detail
        #expect(large.contains("222") && large.contains("111"))
        let old = Problem(.notAsked(.notSupported(.acks, server: "f3a9"))).detail
        #expect(old.contains("'f3a9'") && old.contains("4.5") && old.contains("5.15.1"))
        let unknown: [UnknownOutcome] = [.confirmTimedOut, .connectionLost, .channelClosed, .partial]
        #expect(Set(unknown.map { Problem(.notPublished(.unknown($0))).detail }).count == 4)
        #expect(Problem(.notAsked(.noServers(exchange: "x"))).detail.contains("'x'"))
        #expect(Problem(.notAsked(.brokerBlocked(reason: "low on memory"))).detail.contains("low on memory"))
        let early = Problem(.notAsked(.notSupported(.numbers, server: "uid-1"))).detail
        #expect(early.contains("'uid-1'") && early.contains("numbers"))
        let unanswered = ServerTally(expected: 3, responded: 1, missing: ["a"], tooLarge: ["b"])
        let incomplete = Problem(.exceptionsUnknown(unanswered))
        #expect(incomplete.detail.contains("2 of 3") && incomplete.detail.contains("nothing was published"))
    }

    @Test("points at the fields that are at fault")
    func pointers() {
        let faults = [
            CommandFault(CommandField("rooms", index: 2), "a"), CommandFault(CommandField("namespace"), "b"),
        ]
        #expect(Problem(.invalid(faults)).places == [.init("/rooms/2", "a"), .init("/namespace", "b")])
        let problem = Problem(.notExpressible(faults[0]))
        #expect(problem.places == [.init("/rooms/2", "a")])
        #expect(problem.detail == "/rooms/2: a")
    }
}
