import Routes
import Testing

@testable import Gateway

@Suite("An exchange")
struct HTTPExchangeTests {
    private static let answer = Response(status: 200, body: Array("{}".utf8))

    private static func head(_ fields: [(HeaderName, String)] = [], isHTTP10: Bool = false) -> RequestHead {
        var all = HeaderFields()
        for (name, value) in fields { all.add(name, value) }
        return RequestHead(method: .post, path: "/v1/emit", isHTTP10: isHTTP10, fields: all)
    }

    /// One whose head was accepted.
    private func accepted(
        _ fields: [(HeaderName, String)] = [(.contentLength, "10")], limit: Int? = 100
    ) throws -> HTTPExchange {
        let (exchange, beginning) = HTTPExchange.begin(
            Self.head(fields), refusal: nil, bodyLimit: limit, isBelieved: true)
        guard case .receives = beginning else { throw Unexpected() }
        return exchange
    }

    /// One whose handler waits for the broker.
    private func waiting(polled: Bool = true) throws -> HTTPExchange {
        var exchange = try accepted()
        #expect(exchange.proceed().handles)
        let next = exchange.handled(.waitsForBroker, mayPoll: polled)
        switch next {
        case .polls: #expect(polled)
        case .suspends: #expect(!polled)
        case .sends: throw Unexpected()
        }
        return exchange
    }

    private struct Unexpected: Error {}

    // MARK: The head

    @Test(
        "whose head is refused ends its connection, unless a short body can be read and dropped",
        arguments: [
            ([], 401, false), ([(.contentLength, "0")], 404, false), ([(.contentLength, "65536")], 413, false),
            ([(.contentLength, "65537")], 413, true), ([(.contentLength, "99999999999999999999")], 413, true),
            ([(.transferEncoding, "chunked")], 404, true),
            ([(.contentLength, "10"), (.expect, "100-continue")], 401, true),
            // Who is not understood is not believed either.
            ([(.contentLength, "10")], 400, true), ([], 400, true),
        ] as [([(HeaderName, String)], Int, Bool)])
    func refusals(fields: [(HeaderName, String)], status: Int, isLast: Bool) {
        var (exchange, beginning) = HTTPExchange.begin(
            Self.head(fields), refusal: Response(status: status), bodyLimit: 100, isBelieved: true)
        if case .sends(let response) = beginning {
            #expect(isLast && response.status == status && exchange.phase == .sent)
        } else {
            #expect(!isLast && exchange.phase == .discarding)
            #expect(exchange.receive(1_000_000) == .drops)
            #expect(exchange.proceed().response?.status == status)
        }
        #expect(exchange.answer?.status == status)
    }

    @Test("that is not believed ends its connection, whatever it is answered")
    func disbelief() {
        let (exchange, beginning) = HTTPExchange.begin(
            Self.head(), refusal: Response(status: 431), bodyLimit: nil, isBelieved: false)
        guard case .sends(let response) = beginning else {
            Issue.record("it is believed")
            return
        }
        #expect(response.status == 431 && exchange.phase == .sent)
    }

    @Test("with a chunked body is the last one of its connection, and so is each while the gateway ends")
    func last() throws {
        #expect(try accepted([(.transferEncoding, "chunked")]).isLast(isDraining: false))
        #expect(try !accepted().isLast(isDraining: false))
        #expect(try accepted().isLast(isDraining: true))
    }

    // MARK: The body

    @Test("keeps a body up to its limit")
    func limit() throws {
        var exchange = try accepted(limit: 100)
        #expect(exchange.receive(60) == .keeps && exchange.receive(40) == .keeps)
        #expect(exchange.receive(1) == .isTooMuch)
        #expect(exchange.phase == .receiving && exchange.hasUnreadBody)
    }

    @Test("drops a body that nobody reads, however long")
    func unread() throws {
        var exchange = try accepted(limit: nil)
        #expect(exchange.receive(1 << 30) == .drops)
        #expect(exchange.proceed().handles)
    }

    @Test("has an unread body until all of it has come")
    func unreadBody() throws {
        var exchange = try accepted()
        #expect(exchange.hasUnreadBody)
        _ = exchange.proceed()
        #expect(!exchange.hasUnreadBody)
        #expect(try !accepted([]).hasUnreadBody)
        #expect(try accepted([(.transferEncoding, "chunked")]).hasUnreadBody)
        var (refused, _) = HTTPExchange.begin(
            Self.head([(.contentLength, "10")]), refusal: Response(status: 401), bodyLimit: nil, isBelieved: true)
        #expect(refused.hasUnreadBody)
        _ = refused.proceed()
        #expect(!refused.hasUnreadBody)
    }

    @Test(
        "that was answered in the middle of its body is answered, although its connection breaks",
        arguments: [true, false])
    func interruption(isWhole: Bool) throws {
        var exchange = try accepted()
        exchange.interrupt(RequestReport.Answer(Response(status: 413)), isWhole: isWhole)
        #expect(exchange.receive(1) == .drops && exchange.proceed().waits)
        #expect(exchange.answer?.status == 413 && exchange.hasUnreadBody)
        #expect(exchange.outcome(.broken, isLate: false) == (isWhole ? .answered : .clientLeft))
    }

    // MARK: The answer

    @Test("is handled once, when its body is complete")
    func handledOnce() throws {
        var exchange = try accepted()
        #expect(exchange.proceed().handles && exchange.phase == .working)
        #expect(exchange.proceed().waits)
        #expect(exchange.receive(1) == .drops)
    }

    @Test("is answered at once by a handler that waits for nothing")
    func atOnce() throws {
        var exchange = try accepted()
        _ = exchange.proceed()
        guard case .sends(let response) = exchange.handled(.answered(Self.answer), mayPoll: true) else {
            Issue.record("it waits")
            return
        }
        #expect(response.status == 200 && exchange.phase == .sent && exchange.answer?.status == 200)
        #expect(exchange.proceed().waits)
        #expect(exchange.answer(Self.answer) == .needless)
    }

    @Test("is answered at once when its answer was there before its handler had returned")
    func meanwhile() throws {
        var exchange = try accepted()
        _ = exchange.proceed()
        #expect(exchange.answer(Self.answer) == .needless)
        guard case .sends = exchange.handled(.waitsForBroker, mayPoll: true) else {
            Issue.record("it waits")
            return
        }
        #expect(exchange.phase == .sent && !exchange.isPolled)
    }

    @Test("that waits for the broker is asked for again and again, and answered once")
    func polling() throws {
        var exchange = try waiting()
        #expect(exchange.isPolled)
        for _ in 0..<3 { #expect(exchange.proceed().waits) }
        #expect(exchange.answer(Self.answer) == .runs)
        #expect(!exchange.isPolled && exchange.phase == .working)
        #expect(exchange.answer(Response(status: 500)) == .needless)
        #expect(exchange.proceed().response?.status == 200)
        #expect(exchange.phase == .sent && exchange.proceed().waits)
    }

    @Test("that waits for the broker is suspended when too many are polled")
    func suspending() throws {
        var exchange = try waiting(polled: false)
        #expect(!exchange.isPolled)
        #expect(exchange.answer(Self.answer) == .resumes)
        #expect(exchange.proceed().response?.status == 200)
    }

    @Test("with a task is suspended, although it could be polled")
    func tasks() throws {
        var exchange = try accepted()
        _ = exchange.proceed()
        guard case .suspends = exchange.handled(.task(Task {}), mayPoll: true) else {
            Issue.record("it is not suspended")
            return
        }
        #expect(exchange.answer(Self.answer) == .resumes)
    }

    // MARK: Streams

    /// One whose answer goes on.
    private func streaming() throws -> HTTPExchange {
        var exchange = try accepted()
        _ = exchange.proceed()
        guard case .sends = exchange.handled(.answered(Self.answer), mayPoll: true) else { throw Unexpected() }
        exchange.streams()
        return exchange
    }

    @Test("whose answer goes on rests while there is nothing to send, and is resumed once")
    func resting() throws {
        var exchange = try streaming()
        #expect(exchange.phase == .streaming && !exchange.isResting && !exchange.isUnderWay && !exchange.isPolled)
        #expect(exchange.wakes() == false)
        exchange.rests()
        #expect(exchange.isResting && exchange.answer?.status == 200)
        #expect(exchange.wakes() && !exchange.wakes() && !exchange.isResting)
        #expect(exchange.proceed().waits && exchange.answer(Self.answer) == .needless)
        #expect(exchange.outcome(.answered, isLate: false) == .answered)
    }

    @Test("whose answer goes on ends when its client leaves", arguments: [true, false])
    func departureFromStream(rests: Bool) throws {
        var exchange = try streaming()
        if rests { exchange.rests() }
        #expect(exchange.clientLeft() == .ends)
        #expect(exchange.wakes() == rests)
        #expect(exchange.outcome(.broken, isLate: false) == .clientLeft)
    }

    @Test("that is not answered yet has no stream")
    func noStream() throws {
        var exchange = try waiting()
        exchange.streams()
        exchange.rests()
        #expect(exchange.phase == .working && !exchange.isResting)
    }

    // MARK: Clients that leave

    @Test("whose client leaves before the body is complete ends when all that came is read")
    func departureBefore() throws {
        var exchange = try accepted()
        #expect(exchange.clientLeft() == .hasToBeRead)
        #expect(exchange.outcome(.broken, isLate: false) == .clientLeft)
        #expect(exchange.outcome(.broken, isLate: true) == .timedOut)
    }

    @Test(
        "that waits for the broker is answered when its client has left, and logged as left", arguments: [true, false])
    func departureMeanwhile(polled: Bool) throws {
        var exchange = try waiting(polled: polled)
        #expect(exchange.clientLeft() == .waits)
        #expect(exchange.answer(Self.answer) == (polled ? .runs : .resumes))
        #expect(exchange.proceed().response?.status == 200)
        #expect(exchange.outcome(.answered, isLate: false) == .clientLeft)
    }

    @Test("with a task cancels it when its client has left")
    func departureFromTask() async throws {
        var exchange = try accepted()
        _ = exchange.proceed()
        let task = Task { while !Task.isCancelled { await Task.yield() } }
        _ = exchange.handled(.task(task), mayPoll: true)
        #expect(exchange.clientLeft() == .waits)
        await task.value
        #expect(exchange.answer(Self.answer) == .resumes)
        #expect(exchange.outcome(.answered, isLate: false) == .clientLeft)
    }

    @Test("whose client leaves behind its answer is answered")
    func departureBehind() throws {
        var exchange = try waiting()
        _ = exchange.answer(Self.answer)
        #expect(exchange.clientLeft() == .waits)
        _ = exchange.proceed()
        #expect(exchange.clientLeft() == .waits)
        #expect(exchange.outcome(.answered, isLate: false) == .answered)
    }

    @Test("that is reset while it is polled takes no answer, and is polled to its end")
    func reset() throws {
        let exchange = try waiting()
        #expect(exchange.isPolled && exchange.answer == nil)
        #expect(exchange.outcome(.broken, isLate: false) == .clientLeft)
    }

    @Test("is under way from when its handler is called until that is done", arguments: [true, false])
    func underWay(polled: Bool) throws {
        var exchange = try accepted()
        #expect(!exchange.isUnderWay)
        _ = exchange.proceed()
        #expect(exchange.isUnderWay)
        _ = exchange.handled(.waitsForBroker, mayPoll: polled)
        #expect(exchange.isUnderWay)
        _ = exchange.answer(Self.answer)
        #expect(!exchange.isUnderWay)
        _ = exchange.proceed()
        #expect(!exchange.isUnderWay)
    }

    @Test("says how it ended")
    func outcomes() throws {
        let exchange = try accepted()
        #expect(exchange.outcome(.answered, isLate: false) == .answered)
        #expect(exchange.outcome(.timedOut, isLate: false) == .timedOut)
        #expect(exchange.outcome(.stopped, isLate: true) == .stopped)
    }
}

extension HTTPExchange {
    fileprivate static func begin(
        _ head: RequestHead, refusal: Response?, bodyLimit: Int?, isBelieved: Bool
    ) -> (exchange: HTTPExchange, Beginning) {
        var exchange = HTTPExchange(head, bodyLimit: bodyLimit)
        guard let refusal else { return (exchange, .receives) }
        let beginning = exchange.refuse(head, with: refusal, isBelieved: isBelieved)
        return (exchange, beginning)
    }
}

extension HTTPExchange.Step {
    fileprivate var handles: Bool { if case .handles = self { true } else { false } }
    fileprivate var waits: Bool { if case .waits = self { true } else { false } }
    fileprivate var response: Response? { if case .sends(let response) = self { response } else { nil } }
}
