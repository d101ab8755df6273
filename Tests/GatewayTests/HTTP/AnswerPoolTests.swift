import AMQPBridge
import CMicrohttpd
import Testing

@testable import Gateway
@testable import Routes

@Suite("Answers that are used again")
struct AnswerPoolTests {
    let pool = AnswerPool()
    private var identifiers = ULIDGenerator()

    private mutating func receipt(rate: RateState? = nil) -> Response {
        var response = Response(status: 200, contentType: "application/json", body: Array("{\"routed\":true}\n".utf8))
        response.requestID = .made(identifiers.next())
        response.rate = rate
        return response
    }

    /// All headers of an answer, `name: value`, in no order.
    private func headers(of answer: PooledAnswer) -> Set<String> {
        final class Lines { var all: [String] = [] }
        let lines = Lines()
        MHD_get_response_headers(
            answer.handle,
            { context, _, name, value in
                Unmanaged<Lines>.fromOpaque(context!).takeUnretainedValue().all.append(
                    "\(String(cString: name!)): \(String(cString: value!))")
                return .YES
            }, Unmanaged.passUnretained(lines).toOpaque())
        #expect(Set(lines.all).count == lines.all.count, "a header came twice")
        return Set(lines.all.filter { !$0.hasPrefix("Date: ") })
    }

    private func expectedHeaders(of response: Response, isPost: Bool = true) -> Set<String> {
        var lines: Set = ["Content-Type: application/json", "X-Content-Type-Options: nosniff"]
        if !isPost {
            lines.insert("Cache-Control: no-store")
            lines.insert("Content-Security-Policy: default-src 'none'; frame-ancestors 'none'")
        }
        response.forEachField { name, value in lines.insert("\(name): \(String(cString: value))") }
        return lines
    }

    @Test("say what is to be said now, and nothing of what they said before")
    mutating func again() throws {
        let rates = [RateState(limit: 20, remaining: 19, reset: 1), RateState(limit: 5, remaining: 0, reset: 60)]
        let handles = try (0..<10).map { turn in
            let response = receipt(rate: rates[turn % 3 % 2])
            let answer = try #require(pool.take(for: response, isPost: true))
            #expect(headers(of: answer) == expectedHeaders(of: response))
            pool.giveBack(answer)
            return answer.handle
        }
        #expect(Set(handles).count == 1)
        #expect(pool.count == 1)
    }

    @Test("tell the time at which they are sent")
    mutating func date() throws {
        for now in [784_111_777, 784_111_777, 784_111_778, 784_111_777] as [Int64] {
            let answer = try #require(pool.take(for: receipt(), isPost: true, now: now))
            let date = MHD_get_response_header(answer.handle, "Date").map { String(cString: $0) }
            #expect(date == RawAnswer.httpDate(now))
            pool.giveBack(answer)
        }
        #expect(pool.count == 1)
    }

    @Test("are others while they are on a connection")
    mutating func inUse() throws {
        let first = try #require(pool.take(for: receipt(), isPost: true))
        let second = try #require(pool.take(for: receipt(), isPost: true))
        #expect(first.handle != second.handle)
        #expect(headers(of: first) != headers(of: second))
    }

    @Test("of another shape are not taken: another length, with or without a rate")
    mutating func shapes() throws {
        pool.giveBack(try #require(pool.take(for: receipt(), isPost: true)))
        let rated = receipt(rate: RateState(limit: 5, remaining: 4, reset: 1))
        let answer = try #require(pool.take(for: rated, isPost: true))
        #expect(headers(of: answer) == expectedHeaders(of: rated))
        pool.giveBack(answer)
        var longer = rated
        longer.body.append(contentsOf: "\n".utf8)
        #expect(try #require(pool.take(for: longer, isPost: true)).shape != answer.shape)
        #expect(pool.count == 3)
    }

    /// Takes an answer for each of twelve responses of these shapes, and gives it back.
    ///
    /// - Parameter shape: whether there is a rate, and whether the body is the longer one, by turn.
    /// - Returns: the answers that were taken.
    private mutating func inTurn(_ shape: (Int) -> (isRated: Bool, isLonger: Bool)) throws -> Set<OpaquePointer> {
        var handles: Set<OpaquePointer> = []
        for turn in 0..<12 {
            let (isRated, isLonger) = shape(turn)
            var response = receipt(rate: isRated ? RateState(limit: 5, remaining: turn, reset: 1) : nil)
            if isLonger { response.body.append(contentsOf: "\n".utf8) }
            let answer = try #require(pool.take(for: response, isPost: true))
            #expect(headers(of: answer) == expectedHeaders(of: response))
            handles.insert(answer.handle)
            pool.giveBack(answer)
        }
        return handles
    }

    @Test("are used again when several shapes come in turn")
    mutating func severalShapes() throws {
        #expect(try inTurn { ($0 % 2 == 1, $0 % 3 == 0) }.count == 4)
        #expect(pool.count == 4)
    }

    @Test("make room for shapes that there are none of")
    mutating func room() throws {
        let answers = (0..<AnswerPool.most).compactMap { _ in pool.take(for: receipt(), isPost: true) }
        for answer in answers { pool.giveBack(answer) }
        #expect(try inTurn { (true, $0 % 2 == 0) }.count == 2)
        #expect(pool.count == AnswerPool.most)
    }

    @Test("are no more than stay in the processor's caches")
    mutating func most() throws {
        let answers = (0..<AnswerPool.most).compactMap { _ in pool.take(for: receipt(), isPost: true) }
        #expect(answers.count == AnswerPool.most)
        #expect(pool.take(for: receipt(), isPost: true) == nil)
        pool.giveBack(answers[7])
        #expect(pool.take(for: receipt(), isPost: true)?.handle == answers[7].handle)
        #expect(pool.count == AnswerPool.most)
    }

    @Test("have other headers behind a GET than behind a POST")
    mutating func gets() throws {
        var handles: Set<OpaquePointer> = []
        for turn in 0..<6 {
            let response = receipt()
            let answer = try #require(pool.take(for: response, isPost: turn % 2 == 0))
            #expect(headers(of: answer) == expectedHeaders(of: response, isPost: turn % 2 == 0))
            handles.insert(answer.handle)
            pool.giveBack(answer)
        }
        #expect(handles.count == 2)
    }

    @Test("are short answers to requests that succeeded, and no others")
    mutating func others() {
        let changes: [(inout Response) -> Void] = [
            { $0.status = 409 }, { $0.body = [] },
            { $0.body = Array(repeating: 32, count: PooledAnswer.mostBytes + 1) },
            { $0.contentType = nil }, { $0.requestID = .text("theirs") }, { $0.isOfConsole = true },
            { $0.fields = [ResponseField("Retry-After", "1")] },
        ]
        for change in changes {
            var response = receipt()
            change(&response)
            #expect(pool.take(for: response, isPost: true) == nil)
        }
    }
}
