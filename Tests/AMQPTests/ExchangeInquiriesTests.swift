import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("Inquiries about exchanges")
struct ExchangeInquiriesTests {
    private final class Answers {
        var given: [String: [Result<ExchangeAnswer.Finding, PublishError>]] = [:]
    }

    private let answers = Answers()
    private let fixture = PublisherFixture()

    private func ask(_ name: String, _ exchange: String = "x") {
        answers.given[name] = []
        fixture.publisher.lookUp(exchange, now: fixture.now) { [answers] in answers.given[name]?.append($0) }
    }

    private func answer(_ name: String) -> Result<ExchangeAnswer.Finding, PublishError>? {
        answers.given[name]?.count == 1 ? answers.given[name]?[0] : nil
    }

    @Test("have the exchange looked up, also one that takes messages already, and publish nothing")
    func looksUp() {
        fixture.prove()
        ask("a")
        ask("b")
        #expect(fixture.written() == [.lookUp("x")])
        #expect(answer("a") == nil)
        fixture.receive(.transactionRolledBack)
        #expect(answer("a") == .success(.usable) && answer("b") == .success(.usable))
        ask("c")
        #expect(fixture.written() == [.lookUp("x")])
        fixture.lookUpFails()
        #expect(answer("c") == .success(.absent))
        // What has been learnt is not kept from emits.
        fixture.now = fixture.now + .milliseconds(1)
        fixture.publish("later")
        #expect(fixture.published() == [] && fixture.isWaiting("later"))
    }

    @Test("hear why an exchange takes nothing")
    func refused() {
        ask("a")
        fixture.receive(.channelClosed(ChannelClose(channel: 3, code: 403, text: "ACCESS_REFUSED")))
        #expect(answer("a") == .success(.refused(reason: "ACCESS_REFUSED")))
    }

    @Test("are not told of what was looked up before they came")
    func fresh() {
        ask("a")
        fixture.now = fixture.now + .milliseconds(1)
        ask("late")
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.transactionRolledBack)
        #expect(answer("a") == .success(.usable) && answer("late") == nil)
        #expect(fixture.written() == [.lookUp("x")])
        fixture.receive(.transactionRolledBack)
        #expect(answer("late") == .success(.usable))
        #expect(fixture.publisher.deadline == nil)
    }

    @Test("share a look-up with emits, whoever gives up first")
    func shares() {
        ask("a")
        fixture.now = fixture.now + .seconds(1)
        fixture.publish("emit")
        fixture.now = fixture.now + .seconds(1)
        ask("b")
        #expect(fixture.publisher.deadline == PublisherFixture.start + .seconds(5))
        fixture.advance(.seconds(3))
        #expect(answer("a") == .failure(.brokerSilent) && fixture.isWaiting("emit") && answer("b") == nil)
        fixture.advance(.seconds(1))
        #expect(fixture.result("emit") == .failure(.brokerSilent) && answer("b") == nil)
        // The look-up goes on for the last.
        fixture.receive(.transactionRolledBack)
        #expect(fixture.written().last == .lookUp("x"))
        fixture.receive(.transactionRolledBack)
        #expect(answer("b") == .success(.usable))
        fixture.expectEverythingSettledOnce()
    }

    @Test("keep their turn when others give up who wanted the same")
    func turns() {
        // So many that are not there, a tenth of a second each, that those who came first have waited too long.
        for number in 0..<60 { fixture.publish("e\(number)", to: "e\(number)") }
        ask("a")
        for number in 0..<50 {
            if number == 10 { ask("b") }
            fixture.lookUpFails("e\(number)")
            fixture.receive(.channelOpened(3))
            fixture.advance(.milliseconds(100))
        }
        #expect(answer("a") == .failure(.brokerSilent) && fixture.result("e59") == .failure(.brokerSilent))
        #expect(answer("b") == nil)
        #expect(fixture.written().last == .lookUp("x"))
        fixture.receive(.transactionRolledBack)
        #expect(answer("b") == .success(.usable))
    }

    @Test("end with the connection, and under an alarm, and do not begin then")
    func ends() {
        ask("a")
        fixture.receive(.blocked(reason: "low on memory"))
        #expect(answer("a") == .failure(.brokerBlocked(reason: "low on memory")))
        ask("b")
        #expect(answer("b") == .failure(.brokerBlocked(reason: "low on memory")))
        fixture.receive(.unblocked)
        ask("c")
        fixture.publisher.disconnected()
        #expect(answer("c") == .failure(.brokerUnavailable))
        ask("d")
        #expect(answer("d") == .failure(.brokerUnavailable))
        #expect(fixture.publisher.deadline == nil)
        fixture.connect()
        ask("e")
        fixture.receive(.transactionRolledBack)
        #expect(answer("e") == .success(.usable))
    }

    @Test("hear what another event loop has looked up")
    func others() {
        let knowledge = BrokerKnowledge()
        let (one, other) = (PublisherFixture(knowledge: knowledge), PublisherFixture(knowledge: knowledge))
        var told: [Result<ExchangeAnswer.Finding, PublishError>] = []
        one.publish("a")
        other.publisher.lookUp("x", now: other.now) { told.append($0) }
        #expect(one.written() == [.lookUp("x")] && other.written() == [])
        one.lookUpFails()
        other.hearOthers()
        #expect(told == [.success(.absent)])
    }
}
