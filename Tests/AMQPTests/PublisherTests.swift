import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("The publisher")
struct PublisherTests {
    // MARK: Opening

    @Test("asks for all channels at once, and waits for them")
    func opens() {
        let fixture = PublisherFixture(connects: false)
        fixture.publisher.connected(frameMax: 4_096)
        let opening: [WrittenFrame] = [
            .channelOpen(2), .probe, .channelOpen(1), .confirmSelect, .channelOpen(3), .transactionSelect,
        ]
        #expect(fixture.written() == opening)
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

    @Test("asks no more when it may not, and goes on with everything else")
    func mayNotProbe() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        #expect(fixture.written() == [.lookUp("x")])
        let text = "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'u'"
        fixture.receive(.channelClosed(ChannelClose(channel: 2, code: 403, text: text)))
        #expect(fixture.isWaiting("a"))
        fixture.publisher.probe()
        #expect(fixture.written() == [.channelCloseOK(2), .channelOpen(2)])
        fixture.receive(.channelOpened(2), .transactionRolledBack)
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
        fixture.receive(.transactionRolledBack)
        #expect(fixture.written() == [.publish(exchange: "x", key: "r", messageID: "1", body: "a")])
        #expect(fixture.isWaiting("a"))
    }

    @Test("looks several exchanges up one after the other")
    func looksUpSeveral() {
        let fixture = PublisherFixture()
        for exchange in ["x", "y", "z"] { fixture.publish("to \(exchange)", to: exchange) }
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.transactionRolledBack)
        #expect(fixture.written().last == .lookUp("y"))
        fixture.lookUpFails("y")
        #expect(fixture.result("to y") == .success(.noExchange))
        #expect(fixture.written() == [.channelCloseOK(3), .channelOpen(3), .transactionSelect])
        fixture.receive(.channelOpened(3))
        #expect(fixture.publisher.deadline == PublisherFixture.start + .milliseconds(100))
        fixture.advance(.milliseconds(100))
        #expect(fixture.written() == [.lookUp("z")])
    }

    @Test("sends the first publish alone, and the others when it is confirmed")
    func probes() {
        let fixture = PublisherFixture()
        for name in ["a", "b", "c"] { fixture.publish(name) }
        fixture.receive(.transactionRolledBack)
        fixture.publish("d")
        #expect(fixture.published() == ["a"])
        fixture.ack(1)
        #expect(fixture.result("a") == .success(.routed))
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
        fixture.receive(.transactionRolledBack, .refused(tag: 1, multiple: false))
        #expect(fixture.result("a") == .failure(.brokerNack))
        #expect(fixture.published() == ["a", "b"])
    }

    @Test("tells that there is no exchange only those who came before somebody looked")
    func looksUpAgain() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.publish("b", rooms: ["r", "s"])
        fixture.now = fixture.now + .milliseconds(1)
        fixture.publish("late")
        fixture.lookUpFails()
        fixture.receive(.channelOpened(3))
        #expect(fixture.result("a") == .success(.noExchange))
        #expect(fixture.result("b") == .success(.noExchange))
        #expect(fixture.isWaiting("late"))
        #expect(fixture.written() == [.lookUp("x"), .channelCloseOK(3), .channelOpen(3), .transactionSelect])
        fixture.publish("later")
        #expect(fixture.publisher.deadline == PublisherFixture.start + .milliseconds(100))
        fixture.advance(.milliseconds(98))
        #expect(fixture.written() == [])
        fixture.advance(.milliseconds(1))
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.transactionRolledBack)
        #expect(fixture.published() == ["late"])
        fixture.ack(1)
        #expect(fixture.published() == ["later"])
        fixture.ack(2)
        for name in ["late", "later"] { #expect(fixture.result(name) == .success(.routed)) }
    }

    @Test("lets what comes during a look-up go at once if it finds the exchange")
    func sharesFinds() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.now = fixture.now + .milliseconds(50)
        fixture.publish("late")
        fixture.receive(.transactionRolledBack)
        fixture.ack(1)
        #expect(fixture.published() == ["a", "late"])
    }

    @Test("tells of a refusal only those who came before somebody asked, and not in whose name")
    func asksAgain() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        let text = "ACCESS_REFUSED - access to exchange 'x' in vhost '/' refused for user 'u'"
        fixture.now = fixture.now + .milliseconds(1)
        fixture.publish("late")
        fixture.receive(.channelClosed(ChannelClose(channel: 3, code: 403, text: text)))
        #expect(fixture.result("a") == .failure(.brokerRefused(exchange: "x", reason: text)))
        #expect(fixture.isWaiting("late"))
        fixture.advance(.milliseconds(99))
        #expect(fixture.written().last == .lookUp("x"))
        fixture.receive(.transactionRolledBack)
        #expect(fixture.published() == ["late"])
    }

    @Test("looks nothing up that nobody waits for")
    func looksUpForSomebody() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.lookUpFails()
        fixture.now = fixture.now + .milliseconds(1)
        fixture.publish("b")
        _ = fixture.written()
        fixture.receive(.blocked(reason: "alarm"), .unblocked)
        fixture.advance(.seconds(1))
        #expect(fixture.written() == [])
        #expect(fixture.publisher.deadline == nil)
        fixture.publish("c")
        #expect(fixture.written() == [.lookUp("x")])
    }

    @Test("takes the word of a look-up for what belongs to a request that came before it")
    func knowsWhenRequestsCame() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.lookUpFails()
        let came = fixture.now
        fixture.advance(.seconds(60))
        fixture.publish("b", came: came)
        #expect(fixture.result("b") == .success(.noExchange))
        fixture.publish("c")
        #expect(fixture.isWaiting("c"))
    }

    @Test("shares look-ups with other event loops")
    func sharesLookUps() {
        let knowledge = BrokerKnowledge()
        let (one, other) = (PublisherFixture(knowledge: knowledge), PublisherFixture(knowledge: knowledge))
        one.publish("a")
        other.publish("a")
        #expect(one.written() == [.lookUp("x")])
        #expect(other.written() == [])
        one.now = one.now + .milliseconds(1)
        one.publish("late")
        one.lookUpFails()
        #expect(other.isWaiting("a"))
        other.hearOthers()
        for fixture in [one, other] { #expect(fixture.result("a") == .success(.noExchange)) }
        other.now = one.now
        other.publish("late")
        // Whoever wakes first.
        other.advance(.milliseconds(99))
        one.advance(.milliseconds(99))
        #expect(other.written() == [.lookUp("x")])
        #expect(!one.written().contains(.lookUp("x")))
        other.receive(.transactionRolledBack)
        one.hearOthers()
        for fixture in [one, other] { #expect(fixture.published() == ["late"]) }
    }

    @Test("takes over the look-up of an event loop whose connection is gone")
    func takesOver() {
        let knowledge = BrokerKnowledge()
        let (one, other) = (PublisherFixture(knowledge: knowledge), PublisherFixture(knowledge: knowledge))
        one.publish("a")
        other.publish("b")
        one.publisher.disconnected()
        other.hearOthers()
        #expect(other.written() == [.lookUp("x")])
        other.receive(.transactionRolledBack)
        #expect(other.published() == ["b"])
    }

    @Test("sends all messages of the first emit together")
    func probesWithAllMessages() {
        let fixture = PublisherFixture()
        fixture.publish("a", rooms: ["r", "s"])
        fixture.publish("b")
        fixture.receive(.transactionRolledBack)
        #expect(fixture.published() == ["a", "a"])
        fixture.ack(1)
        #expect(fixture.published() == ["b"])
        #expect(fixture.isWaiting("a"))
        fixture.ack(2)
        #expect(fixture.result("a") == .success(.routed))
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
        #expect(fixture.result("a") == .success(.unroutable))
        #expect(fixture.result("b") == .success(.routed))
    }

    @Test("has reached somebody if one of the messages has")
    func routesInParts() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a", rooms: ["r", "s"])
        fixture.publish("b", rooms: ["r", "s"])
        for tag in [2, 4, 5] as [UInt64] { fixture.returned(tag) }
        fixture.ack(0, multiple: true)
        #expect(fixture.result("a") == .success(.routed))
        #expect(fixture.result("b") == .success(.unroutable))
        #expect((fixture.counters.routed.value, fixture.counters.unrouted.value) == (2, 3))
    }

    @Test("ignores returns of messages that are not there", arguments: ["", "x", "-1", "99", "0"])
    func ignoresForeignReturns(messageID: String) {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        fixture.receive(.returned, .header(messageID: messageID, bodySize: 0))
        fixture.ack(2)
        #expect(fixture.result("a") == .success(.routed))
    }

    @Test("believes nothing that is said on a channel which is not its own")
    func ignoresOtherChannels() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        for channel in [0, 2, 3, 4, 9] as [UInt16] {
            fixture.publisher.handle(.acknowledged(tag: 2, multiple: false), on: channel, now: fixture.now)
            fixture.publisher.handle(.refused(tag: 2, multiple: false), on: channel, now: fixture.now)
            fixture.publisher.handle(.returned, on: channel, now: fixture.now)
            fixture.publisher.handle(.header(messageID: "2", bodySize: 0), on: channel, now: fixture.now)
        }
        fixture.receive(
            .channelClosed(ChannelClose(channel: 9, code: 404, text: "NOT_FOUND - no exchange 'x' in vhost '/'")))
        #expect(fixture.isWaiting("a"))
        #expect(fixture.publisher.isOpen)
        fixture.ack(2)
        #expect(fixture.result("a") == .success(.routed))
    }

    /// Notes what it gets.
    private final class Guest: GuestChannel {
        var deadline: MonotonicTime?
        var frames: [InboundFrame] = []
        var messages: [ContentAssembler.Message] = []
        var ends = 0

        func disconnected() { ends += 1 }
        func receive(_ message: ContentAssembler.Message, now: MonotonicTime) { messages.append(message) }
        func handle(_ frame: InboundFrame, now: MonotonicTime) { frames.append(frame) }
        func expire(now: MonotonicTime) {}
    }

    @Test("passes on what comes on the guest's channel, and nothing else")
    func guest() {
        let fixture = PublisherFixture(pendingBytes: 1_000)
        let (publisher, guest) = (fixture.publisher, Guest())
        publisher.guest = guest
        fixture.prove()
        #expect(publisher.hasRoomForGuest)
        fixture.publish("a")
        let methods: [InboundFrame] = [
            .channelOpened(4), .consuming(consumerTag: "t"), .acknowledged(tag: 2, multiple: true),
            .channelClosed(ChannelClose(channel: 4, code: 404, text: "gone")),
        ]
        for frame in methods { publisher.handle(frame, on: 4, now: fixture.now) }
        #expect(guest.frames == methods)
        #expect(fixture.isWaiting("a"))
        #expect(fixture.closes.map(\.channel) == [4])
        // A delivery and a return, of which one is not kept, between the frames of a return to the publisher.
        publisher.handle(.returned, on: 1, now: fixture.now)
        for (frame, bytes) in [
            (InboundFrame.delivered(consumerTag: "t"), 16 << 10), (.returned, 1),
            (.delivered(consumerTag: "t"), 16_385),
        ] {
            publisher.handle(frame, on: 4, now: fixture.now)
            publisher.handle(
                .header(messageID: "2", correlationID: "c", bodySize: UInt64(bytes)), on: 4, now: fixture.now)
            publisher.handle(.content(Array(repeating: 7, count: bytes)), on: 4, now: fixture.now)
        }
        #expect(guest.messages.map(\.source) == [.delivery(consumerTag: "t"), .returned, .delivery(consumerTag: "t")])
        #expect(guest.messages.map(\.body.count) == [16 << 10, 0, 0])
        #expect(guest.messages.map(\.isTooLong) == [false, false, true])
        #expect(guest.messages.map(\.correlationID) == ["c", "c", "c"])
        publisher.handle(.header(messageID: "2", bodySize: 0), on: 1, now: fixture.now)
        fixture.ack(2)
        #expect(fixture.result("a") == .success(.unroutable))
        publisher.disconnected()
        #expect(guest.ends == 1 && !publisher.hasRoomForGuest)
    }

    @Test("has no room for the guest under an alarm, and when half of all bytes wait")
    func roomForGuest() {
        let fixture = PublisherFixture(pendingBytes: 1_000)
        let publisher = fixture.publisher
        publisher.write { buffer, _ in buffer += Array(repeating: 0, count: 499) }
        #expect(publisher.hasRoomForGuest)
        publisher.write { buffer, _ in buffer += [0] }
        #expect(!publisher.hasRoomForGuest)
        publisher.outbound = OutboundBuffer()
        fixture.receive(.blocked(reason: "memory"))
        #expect(!publisher.hasRoomForGuest)
        fixture.receive(.unblocked)
        #expect(publisher.hasRoomForGuest)
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
        #expect(fixture.result("b") == .success(.routed))
        fixture.expectEverythingSettledOnce()
    }

    @Test("sends another probe when the first is not confirmed in time")
    func probesAgain() {
        let fixture = PublisherFixture()
        fixture.publish("a")
        fixture.receive(.transactionRolledBack)
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
        fixture.receive(.transactionRolledBack)
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
        #expect(fixture.result("a") == .success(.noExchange))
        #expect(fixture.written() == [.channelCloseOK(1), .channelOpen(1), .confirmSelect])
        fixture.advance(.milliseconds(1))
        fixture.publish("b")
        #expect(fixture.isWaiting("b"))
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.written() == [], "not back to back with what has just failed")
        fixture.advance(.milliseconds(99))
        #expect(fixture.written() == [.lookUp("x")])
        fixture.lookUpFails()
        #expect(fixture.result("b") == .success(.noExchange))
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
        #expect(fixture.result("b") == .success(.routed))
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
        #expect(fixture.result("x2") == .success(.noExchange))
        for name in ["x1", "y1"] { #expect(fixture.result(name) == .failure(.unknown(.channelClosed))) }
        for name in ["y2", "y3"] { #expect(fixture.isWaiting(name)) }
        fixture.publish("y4", to: "y")
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["y2", "y3", "y4"])
        fixture.ack(3, multiple: true)
        for name in ["y2", "y3", "y4"] { #expect(fixture.result(name) == .success(.routed)) }
        #expect(fixture.published() == [])
        fixture.expectEverythingSettledOnce()
    }

    @Test("sends a discarded probe again before those that wait for it")
    func sendsProbesAgain() {
        let fixture = PublisherFixture()
        fixture.prove("x")
        fixture.publish("x1", to: "x")
        for name in ["y1", "y2"] { fixture.publish(name, to: "y") }
        fixture.receive(.transactionRolledBack)
        #expect(fixture.published() == ["x1", "y1"])
        fixture.missing("x")
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["y1"])
        fixture.ack(1)
        #expect(fixture.result("y1") == .success(.routed))
        #expect(fixture.published() == ["y2"])
    }

    @Test("sends another probe when a close left the first one's fate in doubt")
    func replacesDoubtfulProbes() {
        let fixture = PublisherFixture()
        fixture.prove("x")
        for name in ["y1", "y2", "y3"] { fixture.publish(name, to: "y") }
        fixture.receive(.transactionRolledBack)
        fixture.publish("x1", to: "x")
        #expect(fixture.published() == ["y1", "x1"])
        fixture.missing("x")
        #expect(fixture.result("y1") == .failure(.unknown(.channelClosed)))
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["y2"])
        fixture.ack(1)
        #expect(fixture.published() == ["y3"])
    }

    @Test("sends the same bytes again, but for the tag, whatever they are")
    func sendsTheSameBytesAgain() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.prove("y", tag: 2)
        fixture.publish("a", to: "y")
        let body = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let large = Publication(
            exchange: "x", routingKey: "é", carbonCopies: ["b", "c"], expiration: 60_000, body: body)
        let publications = [large, Publication(exchange: "x", routingKey: "", body: [])] + [large].with(.sample)
        fixture.publish("b", publications)
        var sent: [UInt8] = []
        for (tag, publication) in zip(UInt64(4)..., publications) {
            #expect(FrameWriter.publish(publication, messageID: .number(tag), frameMax: 4_096, into: &sent))
        }
        #expect(fixture.writtenBytes().suffix(sent.count).elementsEqual(sent))

        fixture.missing("y")
        _ = fixture.written()
        #expect(fixture.result("a") == .success(.noExchange))
        fixture.receive(.confirmSelected)
        var again: [UInt8] = []
        for (tag, publication) in zip(UInt64(1)..., publications) {
            #expect(FrameWriter.publish(publication, messageID: .number(tag), frameMax: 4_096, into: &again))
        }
        #expect(fixture.writtenBytes() == again)
        fixture.returned(2)
        fixture.ack(3, multiple: true)
        #expect(fixture.result("b") == .success(.routed))
        #expect(!fixture.publisher.isCrowded(with: ClosureRequest([publications[0]]) { _ in }))
        fixture.expectEverythingSettledOnce()
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

    @Test("is refused for everybody who came before the first message that is")
    func firstRefused() {
        let fixture = PublisherFixture()
        for name in ["a", "b", "c"] { fixture.publish(name) }
        fixture.receive(.transactionRolledBack)
        #expect(fixture.published() == ["a"])
        fixture.now = fixture.now + .milliseconds(1)
        fixture.publish("late")
        let text = "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'"
        fixture.receive(
            .channelClosed(ChannelClose(channel: 1, code: 403, text: text)), .channelOpened(1), .confirmSelected)
        for name in ["a", "b", "c"] {
            #expect(fixture.result(name) == .failure(.brokerRefused(exchange: "x", reason: text)))
        }
        #expect(fixture.isWaiting("late"))
        #expect(fixture.published() == [])
        fixture.advance(.milliseconds(100))
        #expect(fixture.written() == [.lookUp("x")])
    }

    @Test("does not know what became of earlier messages when a proven exchange refuses one")
    func laterRefused() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("a")
        fixture.publish("b")
        let text = "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'"
        fixture.receive(.channelClosed(ChannelClose(channel: 1, code: 403, text: text)))
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
        fixture.receive(.channelClosed(ChannelClose(channel: 1, code: code, text: text)))
        for name in ["a", "b"] { #expect(fixture.result(name) == .failure(.unknown(.channelClosed))) }
        _ = fixture.written()
        fixture.publish("c")
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.transactionRolledBack)
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
        fixture.receive(.channelOpened(1), .confirmSelected)
        fixture.ack(1)
        #expect(fixture.result("b") == .success(.routed))
    }

    @Test("does not believe an ack behind a return that is not whole")
    func doubtsIncompleteReturns() {
        let parts: [InboundFrame] = [.returned, .header(messageID: "2", bodySize: 5), .body(count: 5)]
        for missing in parts.indices {
            let fixture = PublisherFixture()
            fixture.prove("x")
            fixture.publish("a", to: "x")
            for (place, part) in parts.enumerated() where place != missing { fixture.receive(part) }
            fixture.ack(2)
            #expect(fixture.result("a") == nil)
            #expect(fixture.publisher.failure != nil)
        }
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
        fixture.receive(.transactionRolledBack)
        #expect(fixture.written() == [.publish(exchange: "x", key: "r", messageID: "1", body: "b")])
        fixture.ack(1)
        #expect(fixture.result("b") == .success(.routed))
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
        #expect(fixture.result("before") == .success(.routed))
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
        fixture.lookUpFails()
        _ = fixture.written()
        fixture.advance(.seconds(1))

        fill("published")
        fixture.receive(.transactionRolledBack)
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

    @Test("keeps the room of an emit's messages until the last of them is settled, for so long it keeps them")
    func overloadOfParts() {
        let one = Publication(exchange: "x", routingKey: "r", body: Array(repeating: 65, count: 1_000))
        let fixture = PublisherFixture(pendingBytes: 4 * one.encodedSize)
        fixture.prove()
        fixture.publish("a", [one, one])
        fixture.publish("b", [one, one])
        _ = fixture.written()
        for tag in [2, 4] as [UInt64] { fixture.ack(tag) }
        #expect(fixture.counters.unsettled.value == 2)
        fixture.publish("over", "tiny")
        #expect(fixture.result("over") == .failure(.overloaded))
        fixture.ack(3)
        #expect(fixture.result("a") == .success(.routed))
        fixture.publish("c", [one, one])
        #expect(fixture.isWaiting("c"))
        fixture.ack(7, multiple: true)
        _ = fixture.written()
        #expect(!fixture.publisher.isCrowded(with: ClosureRequest([one, one]) { _ in }))
        fixture.expectEverythingSettledOnce()
    }

    @Test("is crowded when more than half of its limit would be taken, by bytes that have not left, too")
    func crowds() {
        let one = Publication(exchange: "x", routingKey: "r", body: Array(repeating: 65, count: 1_000))
        let fixture = PublisherFixture(pendingBytes: 4 * one.encodedSize)
        fixture.prove()
        #expect(!fixture.publisher.isCrowded(with: ClosureRequest([one, one]) { _ in }))
        #expect(fixture.publisher.isCrowded(with: ClosureRequest([one, one, one]) { _ in }))
        fixture.publish("a", [one])
        #expect(!fixture.publisher.isCrowded(with: ClosureRequest([one]) { _ in }))
        fixture.publish("b", [one])
        #expect(fixture.publisher.isCrowded(with: ClosureRequest([one]) { _ in }))
        // To others the rest is open.
        fixture.publish("c", [one])
        #expect(fixture.isWaiting("c"))
        fixture.ack(4, multiple: true)
        #expect(fixture.publisher.isCrowded(with: ClosureRequest([one]) { _ in }))
        _ = fixture.written()
        #expect(!fixture.publisher.isCrowded(with: ClosureRequest([one, one]) { _ in }))
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

    // MARK: Messages that are too long

    private func tooLong(_ size: Int, limit: Int = 100) -> InboundFrame {
        let text = "PRECONDITION_FAILED - message size \(size) is larger than configured max size \(limit)"
        return .channelClosed(ChannelClose(channel: 1, code: 406, text: text))
    }

    @Test("is certain of the message that is too long for the broker and of what came behind it")
    func messageTooLong() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("before")
        fixture.publish("long", filler: 200)
        fixture.publish("behind")
        fixture.publish("longer", filler: 300)
        fixture.publish("last")
        #expect(fixture.published() == ["before", "long", "behind", "longer", "last"])
        fixture.receive(tooLong(204))
        #expect(fixture.result("before") == .failure(.unknown(.channelClosed)))
        #expect(fixture.result("long") == .failure(.messageTooLarge(bytes: 204, limit: 100)))
        #expect(fixture.result("longer") == .failure(.messageTooLarge(bytes: 306, limit: 100)))
        fixture.receive(.channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["behind", "last"], "the exchange stays proven")
        fixture.ack(2, multiple: true)
        for name in ["behind", "last"] { #expect(fixture.result(name) == .success(.routed)) }
        fixture.expectEverythingSettledOnce()
        #expect(fixture.closes.map(\.code) == [406])
    }

    @Test("remembers how long a message may be, for all event loops, until a new connection")
    func remembersTheLongest() {
        let knowledge = BrokerKnowledge()
        let (fixture, other) = (PublisherFixture(knowledge: knowledge), PublisherFixture(knowledge: knowledge))
        for fixture in [fixture, other] { fixture.prove() }
        fixture.publish("long", filler: 200)
        fixture.publish("waiting", to: "y", filler: 200)
        fixture.receive(tooLong(204), .channelOpened(1), .confirmSelected)
        #expect(fixture.result("waiting") == .failure(.messageTooLarge(bytes: 207, limit: 100)))
        for fixture in [fixture, other] {
            _ = fixture.written()
            fixture.publish("again", filler: 200)
            #expect(fixture.result("again") == .failure(.messageTooLarge(bytes: 205, limit: 100)))
            fixture.publish("fits", filler: 96)
            #expect(fixture.published() == ["fits"])
        }
        other.publisher.disconnected()
        other.connect()
        other.publish("perhaps", filler: 200)
        #expect(other.isWaiting("perhaps"))
    }

    @Test("publishes nothing of an emit whose first message is too long, and does not know if a later one is")
    func messageOfManyTooLong() {
        let fixture = PublisherFixture()
        fixture.prove()
        func publications(_ sizes: [Int]) -> [Publication] {
            sizes.map { Publication(exchange: "x", routingKey: "r", body: Array(repeating: 65, count: $0)) }
        }
        fixture.publish("first", publications([200, 50]))
        fixture.receive(tooLong(200), .channelOpened(1), .confirmSelected)
        #expect(fixture.result("first") == .failure(.messageTooLarge(bytes: 200, limit: 100)))
        _ = fixture.written()
        fixture.publish("known", publications([50, 200]))
        #expect(fixture.result("known") == .failure(.messageTooLarge(bytes: 200, limit: 100)))
        fixture.publisher.disconnected()
        fixture.connect()
        fixture.prove()
        fixture.publish("second", publications([50, 200, 50]))
        fixture.receive(tooLong(200), .channelOpened(1), .confirmSelected)
        #expect(fixture.result("second") == .failure(.unknown(.channelClosed)))
        #expect(fixture.published().count == 3, "nothing is sent again")
        fixture.expectEverythingSettledOnce()
    }

    @Test("sends another probe when the first message to an exchange was too long")
    func probeTooLong() {
        let fixture = PublisherFixture()
        fixture.publish("long", filler: 200)
        fixture.publish("a")
        fixture.receive(.transactionRolledBack, tooLong(204), .channelOpened(1), .confirmSelected)
        #expect(fixture.published() == ["long", "a"])
        fixture.ack(1)
        #expect(fixture.result("a") == .success(.routed))
    }

    @Test("knows nothing when the message that was too long is not there any more")
    func messageTooLongGone() {
        let fixture = PublisherFixture()
        fixture.prove()
        fixture.publish("long", filler: 200)
        fixture.advance(.seconds(3))
        fixture.publish("a")
        fixture.publish("other", filler: 250)
        fixture.advance(.seconds(2))
        fixture.receive(tooLong(204))
        for name in ["a", "other"] { #expect(fixture.result(name) == .failure(.unknown(.channelClosed))) }
        fixture.expectEverythingSettledOnce()
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
        fixture.receive(.transactionRolledBack)
        #expect(fixture.result("a") == .failure(.tooLarge(bytes: large.encodedSize, limit: 4_096)))
        #expect(fixture.published() == ["b"])
        fixture.ack(1)
        #expect(fixture.result("b") == .success(.routed))
        fixture.publish("c", [large])
        fixture.publish("d")
        #expect(fixture.published() == ["d"])
    }

    @Test("publishes without anybody waiting")
    func publishesUnconfirmed() {
        let fixture = PublisherFixture()
        fixture.prove()
        let publication = Publication(exchange: "x", routingKey: "r", body: Array("a".utf8))
        fixture.publisher.publish(ClosureRequest([publication]) { _ in }, now: fixture.now)
        #expect(fixture.published() == ["a"])
        fixture.returned(2)
        fixture.ack(2)
        #expect(fixture.counters.unrouted.value == 1)
    }
}

extension PublisherFixture {
    fileprivate func publish(_ name: String, came: MonotonicTime) {
        publish(name, [Publication(exchange: "x", routingKey: "r", body: Array(name.utf8))], came: came)
    }

    fileprivate func publish(_ name: String, _ body: String) {
        publish(name, [Publication(exchange: "x", routingKey: "r", body: Array(body.utf8))])
    }
}
