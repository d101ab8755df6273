import JSON
import Testing

@testable import AMQPBridge

@Suite("The publisher")
struct PublisherTests {
    // MARK: Opening

    @Test("asks for both channels at once, and waits for them")
    func opens() {
        let fixture = PublisherFixture(connects: false)
        fixture.publisher.connected(frameMax: 4_096)
        #expect(fixture.written() == [.channelOpen(2), .probe, .channelOpen(1), .confirmSelect])
        #expect(!fixture.publisher.isOpen)
        fixture.publish("a")
        #expect(fixture.isWaiting("a"))
        fixture.receive(.channelOpened(2))
        #expect(!fixture.publisher.isOpen)
        #expect(fixture.written() == [])
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.publisher.isOpen)
        #expect(fixture.written() == [.lookUp("x")])
    }

    @Test("asks whether the broker is blocked, unless it knows, or may not ask")
    func probesForAlarms() {
        let fixture = PublisherFixture()
        fixture.publisher.probe()
        #expect(fixture.written() == [.probe])
        fixture.receive(.blocked(reason: "alarm"))
        fixture.publisher.probe()
        #expect(fixture.written() == [])
        fixture.receive(.unblocked)
        fixture.publisher.probe()
        #expect(fixture.written() == [.probe])
        fixture.publisher.disconnected()
        fixture.publisher.probe()
        #expect(fixture.publisher.outbound.pending == 0)
    }

    @Test("asks no more when it may not, and looks up again what the refusal interrupted")
    func mayNotProbe() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        #expect(fixture.written() == [.lookUp("x")])
        let text = "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'u'"
        fixture.receive(.channelClosed(2, code: 403, text: text))
        #expect(fixture.isWaiting("a"))
        fixture.publisher.probe()
        #expect(fixture.written() == [.channelCloseOK(2), .channelOpen(2)])
        fixture.receive(.channelOpened(2))
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.exchangeFound)
        #expect(fixture.published() == ["a"])
        fixture.publisher.disconnected()
        fixture.publisher.connected(frameMax: 4_096)
        #expect(fixture.written().contains(.probe))
    }

    @Test("takes nothing without a connection")
    func needsAConnection() {
        let fixture = PublisherFixture(connects: false)
        fixture.publish("a", rooms: ["r", "s"])
        #expect(fixture.result("a") == .failure(.brokerUnavailable))
    }

    // MARK: Exchanges

    @Test("looks an exchange up before it is first used")
    func looksUpFirst() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.publish("b")
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.exchangeFound)
        #expect(fixture.written() == [.publish(exchange: "x", key: "r", messageID: "1", body: "a")])
        #expect(fixture.isWaiting("a"))
    }

    @Test("looks several exchanges up one after the other")
    func looksUpSeveral() {
        let fixture = PublisherFixture()
        for exchange in ["x", "y", "z"] { fixture.publish("to \(exchange)", to: exchange) }
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.exchangeFound)
        #expect(fixture.written().last == .lookUp("y"))
        fixture.missing("y", channel: 2)
        #expect(fixture.result("to y") == .success(false))
        #expect(fixture.written() == [.channelCloseOK(2), .channelOpen(2)])
        fixture.receive(.channelOpened(2))
        #expect(fixture.written() == [.lookUp("z")])
    }

    @Test("sends the first publish alone, and the others when it is confirmed")
    func probes() {
        let fixture = PublisherFixture()
        for name in ["a", "b", "c"] { fixture.publish(name) }
        fixture.receive(.exchangeFound)
        fixture.publish("d")
        #expect(fixture.published() == ["a"])
        fixture.ack(1)
        #expect(fixture.result("a") == .success(true))
        #expect(fixture.published() == ["b", "c", "d"])
        fixture.publish("e")
        #expect(fixture.published() == ["e"])
        fixture.ack(5, multiple: true)
        fixture.expectEverythingSettledOnce()
    }

    @Test("takes a nack for a proof of the exchange, too")
    func nackProves() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.publish("b")
        fixture.receive(.exchangeFound, .refused(tag: 1, multiple: false))
        #expect(fixture.result("a") == .failure(.brokerNack))
        #expect(fixture.published() == ["a", "b"])
    }

    @Test("answers without publishing if there is no exchange, for a second")
    func remembersAbsence() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.publish("b", rooms: ["r", "s"])
        fixture.missing(channel: 2)
        fixture.receive(.channelOpened(2))
        #expect(fixture.result("a") == .success(false))
        #expect(fixture.result("b") == .success(false))
        fixture.advance(.milliseconds(999))
        fixture.publish("c")
        #expect(fixture.result("c") == .success(false))
        #expect(fixture.written() == [.lookUp("x"), .channelCloseOK(2), .channelOpen(2)])
        fixture.advance(.milliseconds(1))
        fixture.publish("d")
        #expect(fixture.isWaiting("d"))
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.exchangeFound)
        #expect(fixture.published() == ["d"])
    }

    @Test("answers what a look-up that was refused means, for a second")
    func remembersRefusedLookUps() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.receive(.channelClosed(2, code: 403, text: "ACCESS_REFUSED"))
        let refused = Result<Bool, PublishError>.failure(.brokerRefused(exchange: "x", reason: "ACCESS_REFUSED"))
        #expect(fixture.result("a") == refused)
        fixture.publish("b")
        #expect(fixture.result("b") == refused)
        #expect(fixture.published() == [])
    }

    @Test("sends all messages of the first emit together")
    func probesWithAllMessages() {
        let fixture = PublisherFixture()
        fixture.publish("a", rooms: ["r", "s"])
        fixture.publish("b")
        fixture.receive(.exchangeFound)
        #expect(fixture.published() == ["a", "a"])
        fixture.ack(1)
        #expect(fixture.published() == ["b"])
        #expect(fixture.isWaiting("a"))
        fixture.ack(2)
        #expect(fixture.result("a") == .success(true))
    }

    // MARK: Confirms

    @Test("knows from a return before the ack that nobody was there")
    func returns() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        fixture.publish("b")
        fixture.returned(2)
        #expect(fixture.isWaiting("a"))
        fixture.ack(3, multiple: true)
        #expect(fixture.result("a") == .success(false))
        #expect(fixture.result("b") == .success(true))
    }

    @Test("has reached somebody if one of the messages has")
    func routesInParts() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a", rooms: ["r", "s"])
        fixture.publish("b", rooms: ["r", "s"])
        for tag in [2, 4, 5] as [UInt64] { fixture.returned(tag) }
        fixture.ack(0, multiple: true)
        #expect(fixture.result("a") == .success(true))
        #expect(fixture.result("b") == .success(false))
        #expect((fixture.counters.routed.value, fixture.counters.unrouted.value) == (2, 3))
    }

    @Test("ignores returns of messages that are not there", arguments: ["", "x", "-1", "99", "0"])
    func ignoresForeignReturns(messageID: String) {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        fixture.receive(.returned, .header(messageID: messageID, bodySize: 0))
        fixture.ack(2)
        #expect(fixture.result("a") == .success(true))
    }

    @Test("does not know what became of a message that is not confirmed in time")
    func timesOut() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        #expect(fixture.publisher.deadline == PublisherFixture.start + .seconds(5))
        fixture.advance(.milliseconds(4_999))
        #expect(fixture.isWaiting("a"))
        fixture.advance(.milliseconds(1))
        #expect(fixture.result("a") == .failure(.unknown(.confirmTimedOut)))
        #expect(fixture.counters.timedOut.value == 1)
        #expect(fixture.publisher.deadline == nil)
        fixture.returned(2)
        fixture.ack(2)
        fixture.publish("b")
        fixture.ack(3)
        #expect(fixture.result("b") == .success(true))
        fixture.expectEverythingSettledOnce()
    }

    @Test("sends another probe when the first is not confirmed in time")
    func probesAgain() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.receive(.exchangeFound)
        fixture.advance(.seconds(3))
        fixture.publish("b")
        fixture.publish("c")
        fixture.advance(.seconds(2))
        #expect(fixture.result("a") == .failure(.unknown(.confirmTimedOut)))
        #expect(fixture.published() == ["a", "b"])
        fixture.ack(2)
        #expect(fixture.published() == ["c"])
    }

    @Test("is certain that what never got its turn was not published")
    func timesOutWhileWaiting() {
        let fixture = PublisherFixture()
        fixture.publish("a", rooms: ["r", "s"])
        #expect(fixture.publisher.deadline == PublisherFixture.start + .seconds(5))
        fixture.advance(.seconds(5))
        #expect(fixture.result("a") == .failure(.brokerSilent))
        #expect(fixture.counters.timedOut.value == 0)
        #expect(fixture.publisher.deadline == nil)
        fixture.receive(.exchangeFound)
        #expect(fixture.published() == [])
        fixture.expectEverythingSettledOnce()
    }

    // MARK: Closed channels

    @Test("has reached nobody if the exchange of the only message is gone")
    func exchangeGone() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        #expect(fixture.published() == ["a"])
        fixture.missing()
        #expect(fixture.result("a") == .success(false))
        #expect(fixture.written() == [.channelCloseOK(1), .channelOpen(1), .confirmSelect])
        fixture.publish("b")
        #expect(fixture.isWaiting("b"))
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.result("b") == .success(false))
        #expect(fixture.written() == [])
    }

    @Test("counts tags from 1 again on a new channel")
    func countsAnew() {
        let fixture = PublisherFixture()
        fixture.prove("y")
        fixture.prove("x", tag: 2)
        fixture.publish("a", to: "x")
        fixture.missing()
        fixture.receive(.channelOpened(1), .confirmSelected)
        _ = fixture.written()
        fixture.publish("b", to: "y")
        #expect(fixture.written() == [.publish(exchange: "y", key: "r", messageID: "1", body: "b")])
        fixture.ack(1)
        #expect(fixture.result("b") == .success(true))
    }

    @Test("tells what is certain from what is not when an exchange goes with several messages in flight")
    func exchangeGoneWithSeveral() {
        let fixture = PublisherFixture()
        fixture.prove("x")
        fixture.prove("y", tag: 2)
        for (name, exchange) in [("x1", "x"), ("y1", "y"), ("x2", "x"), ("y2", "y"), ("y3", "y")] {
            fixture.publish(name, to: exchange)
        }
        #expect(fixture.published() == ["x1", "y1", "x2", "y2", "y3"])
        fixture.missing("x")
        #expect(fixture.result("x2") == .success(false))
        for name in ["x1", "y1"] { #expect(fixture.result(name) == .failure(.unknown(.channelClosed))) }
        for name in ["y2", "y3"] { #expect(fixture.isWaiting(name)) }
        fixture.publish("y4", to: "y")
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["y2", "y3", "y4"])
        fixture.ack(3, multiple: true)
        for name in ["y2", "y3", "y4"] { #expect(fixture.result(name) == .success(true)) }
        #expect(fixture.published() == [])
        fixture.expectEverythingSettledOnce()
    }

    @Test("sends a discarded probe again before those that wait for it")
    func sendsProbesAgain() {
        let fixture = PublisherFixture()
        fixture.prove("x")
        fixture.publish("x1", to: "x")
        for name in ["y1", "y2"] { fixture.publish(name, to: "y") }
        fixture.receive(.exchangeFound)
        #expect(fixture.published() == ["x1", "y1"])
        fixture.missing("x")
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["y1"])
        fixture.ack(1)
        #expect(fixture.result("y1") == .success(true))
        #expect(fixture.published() == ["y2"])
    }

    @Test("sends another probe when a close left the first one's fate in doubt")
    func replacesDoubtfulProbes() {
        let fixture = PublisherFixture()
        fixture.prove("x")
        for name in ["y1", "y2", "y3"] { fixture.publish(name, to: "y") }
        fixture.receive(.exchangeFound)
        fixture.publish("x1", to: "x")
        #expect(fixture.published() == ["y1", "x1"])
        fixture.missing("x")
        #expect(fixture.result("y1") == .failure(.unknown(.channelClosed)))
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["y2"])
        fixture.ack(1)
        #expect(fixture.published() == ["y3"])
    }

    @Test("gives what is sent again only the time that it had left")
    func sendsAgainInTime() {
        let fixture = PublisherFixture()
        fixture.prove("x")
        fixture.prove("y", tag: 2)
        fixture.publish("x1", to: "x")
        fixture.publish("y1", to: "y")
        fixture.advance(.seconds(3))
        fixture.missing("x")
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["x1", "y1", "y1"])
        fixture.advance(.seconds(2))
        #expect(fixture.result("y1") == .failure(.unknown(.confirmTimedOut)))
    }

    @Test("keeps an emit's messages apart when only some of them are sent again")
    func closesInTheMiddleOfAnEmit() {
        let fixture = PublisherFixture()
        fixture.prove("x")
        fixture.publish("a", rooms: ["r", "s", "t"])
        fixture.ack(2)
        fixture.missing("x")
        // The second may have been routed, the last was not.
        #expect(fixture.result("a") == .failure(.unknown(.channelClosed)))
        fixture.expectEverythingSettledOnce()
    }

    @Test("is refused for everybody who waits when the first message is, without another try")
    func firstRefused() {
        let fixture = PublisherFixture()
        for name in ["a", "b", "c"] { fixture.publish(name) }
        fixture.receive(.exchangeFound)
        #expect(fixture.published() == ["a"])
        let text = "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'"
        fixture.receive(.channelClosed(1, code: 403, text: text), .channelOpened(1), .confirmSelected)
        for name in ["a", "b", "c"] {
            #expect(fixture.result(name) == .failure(.brokerRefused(exchange: "x", reason: text)))
        }
        fixture.publish("d")
        #expect(fixture.result("d") == .failure(.brokerRefused(exchange: "x", reason: text)))
        #expect(fixture.published() == [])
        fixture.advance(.seconds(1))
        fixture.publish("e")
        #expect(fixture.written() == [.lookUp("x")])
    }

    @Test("is refused as a whole when the first emit has several messages")
    func firstRefusedWithSeveralMessages() {
        let fixture = PublisherFixture()
        fixture.publish("a", rooms: ["r", "s"])
        fixture.receive(.exchangeFound)
        let text = "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'"
        fixture.receive(.channelClosed(1, code: 403, text: text))
        #expect(fixture.result("a") == .failure(.brokerRefused(exchange: "x", reason: text)))
    }

    @Test("does not know what became of earlier messages when a proven exchange refuses one")
    func laterRefused() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        fixture.publish("b")
        let text = "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'"
        fixture.receive(.channelClosed(1, code: 403, text: text))
        #expect(fixture.result("a") == .failure(.unknown(.channelClosed)))
        #expect(fixture.result("b") == .failure(.brokerRefused(exchange: "x", reason: text)))
    }

    @Test(
        "knows nothing when the channel is closed for any other reason",
        arguments: [
            (406, "PRECONDITION_FAILED - exchange 'x'"), (404, "NOT_FOUND - no exchange 'other' in vhost '/'"),
            (500, ""),
            (404, "NOT_FOUND - no exchange 'xx' in vhost '/'"),
        ])
    func closesForOtherReasons(code: Int, text: String) {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        fixture.publish("b")
        fixture.receive(.channelClosed(1, code: code, text: text))
        for name in ["a", "b"] { #expect(fixture.result(name) == .failure(.unknown(.channelClosed))) }
        _ = fixture.written()
        fixture.publish("c")
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.exchangeFound)
        #expect(fixture.published() == ["c"])
    }

    @Test("forgets a return that the close interrupted")
    func forgetsInterruptedReturns() {
        let fixture = PublisherFixture()
        fixture.prove("x")
        fixture.prove("y", tag: 2)
        fixture.publish("a", to: "x")
        fixture.publish("b", to: "y")
        fixture.receive(.returned, .header(messageID: "1", bodySize: 5))
        fixture.missing("x")
        fixture.receive(.channelOpened(1), .confirmSelected, .body(count: 5))
        fixture.ack(1)
        #expect(fixture.result("b") == .success(true))
    }

    // MARK: Lost connections

    @Test("is certain of what never left when the connection is lost, and of nothing that did")
    func loses() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("sent")
        _ = fixture.written()
        fixture.publish("half sent")
        fixture.publisher.outbound.drain { $0.count - 1 }
        fixture.publish("unsent")
        fixture.publish("waiting", to: "y")
        fixture.publisher.disconnected()
        #expect(fixture.result("sent") == .failure(.unknown(.connectionLost)))
        for name in ["half sent", "unsent", "waiting"] {
            #expect(fixture.result(name) == .failure(.brokerUnavailable))
        }
        #expect(!fixture.publisher.isOpen)
        #expect(fixture.publisher.outbound.pending == 0)
        fixture.publish("late")
        #expect(fixture.result("late") == .failure(.brokerUnavailable))
        fixture.expectEverythingSettledOnce()
    }

    @Test("is not certain of what left to its last byte")
    func losesTheLastByte() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        fixture.publisher.outbound.drain { $0.count }
        fixture.publisher.disconnected()
        #expect(fixture.result("a") == .failure(.unknown(.connectionLost)))
    }

    @Test("knows nothing of an emit that left in part")
    func losesInPart() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a", rooms: ["r", "s"])
        fixture.publisher.outbound.drain { $0.count - 1 }
        fixture.publisher.disconnected()
        #expect(fixture.result("a") == .failure(.unknown(.connectionLost)))
    }

    @Test("starts anew with a new connection")
    func reconnects() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        fixture.receive(.blocked(reason: "memory"))
        fixture.publisher.disconnected()
        fixture.connect()
        fixture.ack(1)
        fixture.publish("b")
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.exchangeFound)
        #expect(fixture.written() == [.publish(exchange: "x", key: "r", messageID: "1", body: "b")])
        fixture.ack(1)
        #expect(fixture.result("b") == .success(true))
        fixture.expectEverythingSettledOnce()
    }

    // MARK: Limits

    @Test("takes nothing while the broker is blocked")
    func blocks() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("before")
        fixture.receive(.blocked(reason: "low on memory"))
        #expect(fixture.publisher.blockedReason == "low on memory")
        fixture.publish("a", rooms: ["r", "s"])
        #expect(fixture.result("a") == .failure(.brokerBlocked(reason: "low on memory")))
        fixture.ack(2)
        #expect(fixture.result("before") == .success(true))
        fixture.receive(.unblocked)
        fixture.publish("b")
        #expect(fixture.isWaiting("b"))
    }

    @Test("refuses what waits for a look-up when the broker becomes blocked")
    func blocksWhatWaits() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("waiting", to: "y")
        #expect(fixture.isWaiting("waiting"))
        fixture.receive(.blocked(reason: "low on memory"))
        #expect(fixture.result("waiting") == .failure(.brokerBlocked(reason: "low on memory")))
        fixture.expectEverythingSettledOnce()
    }

    @Test("takes no more than its limit, and all of it again when everything is settled")
    func overload() {
        // Two of these are exactly the limit.
        let one = Publication(exchange: "x", routingKey: "r", body: Array(repeating: 65, count: 1_000))
        let fixture = PublisherFixture(pendingBytes: 2 * one.encodedSize)
        func fill(_ prefix: String) {
            for number in 1...2 { fixture.publish("\(prefix)\(number)", [one]) }
            fixture.publish("\(prefix) over", "tiny")
            #expect(fixture.result("\(prefix) over") == .failure(.overloaded))
            for number in 1...2 { #expect(fixture.isWaiting("\(prefix)\(number)"), "\(prefix)") }
        }

        fill("waiting for a look-up")
        fixture.missing(channel: 2)
        fixture.receive(.channelOpened(2))
        _ = fixture.written()
        fixture.advance(.seconds(1))

        fill("published")
        fixture.receive(.exchangeFound)
        fixture.ack(1)
        fixture.receive(.refused(tag: 2, multiple: false))
        _ = fixture.written()

        fill("timed out")
        _ = fixture.written()
        fixture.advance(.seconds(5))
        fixture.ack(4, multiple: true)

        fill("closed")
        _ = fixture.written()
        fixture.missing()
        fixture.receive(.channelOpened(1), .confirmSelected)
        _ = fixture.written()
        fixture.advance(.seconds(1))

        fill("lost")
        fixture.publisher.disconnected()
        fixture.connect()

        fill("at last")
        fixture.publisher.disconnected()
        fixture.expectEverythingSettledOnce()
    }

    @Test("is crowded when more than half of its limit would be taken, by bytes that have not left, too")
    func crowds() {
        let one = Publication(exchange: "x", routingKey: "r", body: Array(repeating: 65, count: 1_000))
        let fixture = PublisherFixture(pendingBytes: 4 * one.encodedSize)
        fixture.prove()
        #expect(!fixture.publisher.isCrowded(with: [one, one]))
        #expect(fixture.publisher.isCrowded(with: [one, one, one]))
        fixture.publish("a", [one])
        #expect(!fixture.publisher.isCrowded(with: [one]))
        fixture.publish("b", [one])
        #expect(fixture.publisher.isCrowded(with: [one]))
        // To others the rest is open.
        fixture.publish("c", [one])
        #expect(fixture.isWaiting("c"))
        fixture.ack(4, multiple: true)
        #expect(fixture.publisher.isCrowded(with: [one]))
        _ = fixture.written()
        #expect(!fixture.publisher.isCrowded(with: [one, one]))
    }

    @Test("counts bytes that have not left, too")
    func overloadOfUnsentBytes() {
        let one = Publication(exchange: "x", routingKey: "r", body: Array(repeating: 65, count: 1_000))
        let fixture = PublisherFixture(pendingBytes: 2 * one.encodedSize)
        fixture.prove()
        for _ in 0..<2 { fixture.publish("a", [one]) }
        // Nobody drains the socket: given up on, they still take their place in the buffer.
        fixture.advance(.seconds(5))
        fixture.publish("b", [one])
        #expect(fixture.result("b") == .failure(.overloaded))
        _ = fixture.written()
        fixture.publish("c", [one])
        #expect(fixture.isWaiting("c"))
    }

    @Test("refuses what could never be sent")
    func tooLarge() {
        let fixture = PublisherFixture(pendingBytes: 10_000)
        let large = Publication(exchange: "x", routingKey: "r", body: Array(repeating: 65, count: 3_000))
        fixture.publish("a", [large, large])
        #expect(fixture.result("a") == .failure(.tooLarge(bytes: 2 * large.encodedSize, limit: 5_000)))
        fixture.publish("b", [large])
        #expect(fixture.isWaiting("b"))
    }

    @Test("refuses a message whose header fits into no frame, and goes on with the others")
    func headerTooLarge() {
        let fixture = PublisherFixture()
        let rooms = (0..<20).map { "\($0)" + String(repeating: "x", count: 240) }
        let large = Publication(exchange: "x", routingKey: "r", carbonCopies: rooms, body: [65])
        fixture.publish("a", [large])
        fixture.publish("b")
        fixture.receive(.exchangeFound)
        #expect(fixture.result("a") == .failure(.tooLarge(bytes: large.encodedSize, limit: 4_096)))
        #expect(fixture.published() == ["b"])
        fixture.ack(1)
        #expect(fixture.result("b") == .success(true))
        fixture.publish("c", [large])
        fixture.publish("d")
        #expect(fixture.published() == ["d"])
    }

    @Test("publishes without anybody waiting")
    func publishesUnconfirmed() {
        let fixture = PublisherFixture()
        fixture.prove()
        let publication = Publication(exchange: "x", routingKey: "r", body: Array("a".utf8))
        fixture.publisher.publish([publication], ticket: nil, now: fixture.now)
        #expect(fixture.published() == ["a"])
        fixture.returned(2)
        fixture.ack(2)
        #expect(fixture.counters.unrouted.value == 1)
    }
}

extension PublisherFixture {
    fileprivate func publish(_ name: String, _ body: String) {
        publish(name, [Publication(exchange: "x", routingKey: "r", body: Array(body.utf8))])
    }
}
