import BrokerFixtures
import EventLoop
import Synchronization
import Testing

@testable import AMQP

@Suite("What is known of a broker")
struct BrokerKnowledgeTests {
    @Test("is told to all who have asked, but for the one who found it out")
    func delivers() {
        let (knowledge, heard) = (BrokerKnowledge(), Heard())
        let askers = (0..<3).map { _ in knowledge.join() }
        for asker in askers { knowledge.listen(asker) { heard.note(asker, $0) } }
        knowledge.ask("x", by: askers[0])
        knowledge.ask("x", by: askers[2])
        guard case .begin(let lookUp) = knowledge.turn(of: askers[0], now: .seconds(1)) else { return }
        let answer = ExchangeAnswer(exchange: "x", finding: .absent, asOf: lookUp.began)
        knowledge.answered(lookUp, answer, by: askers[0])
        #expect(heard.all == [Heard.Note(asker: askers[2], answer: answer)])
    }

    @Test("gives others a turn when a connection is gone")
    func leaves() {
        let (knowledge, heard) = (BrokerKnowledge(), Heard())
        let askers = (0..<2).map { _ in knowledge.join() }
        for asker in askers {
            knowledge.listen(asker) { heard.note(asker, $0) }
            knowledge.ask("x", by: asker)
        }
        _ = knowledge.turn(of: askers[0], now: .seconds(1))
        knowledge.leave(askers[0])
        #expect(heard.all == [Heard.Note(asker: askers[1], answer: nil)])
    }

    @Test("holds how long a message may be until there is a new connection")
    func longestBody() {
        let knowledge = BrokerKnowledge()
        #expect(knowledge.longestBody == .max)
        knowledge.learn(longestBody: 65_536)
        #expect(knowledge.longestBody == 65_536)
        knowledge.forgetLongestBody()
        #expect(knowledge.longestBody == .max)
    }

    private final class Heard: Sendable {
        struct Note: Equatable {
            let asker: Int
            let answer: ExchangeAnswer?
        }

        private let notes = Mutex<[Note]>([])
        var all: [Note] { notes.withLock { $0 } }
        func note(_ asker: Int, _ answer: ExchangeAnswer?) {
            notes.withLock { $0.append(Note(asker: asker, answer: answer)) }
        }
    }
}
