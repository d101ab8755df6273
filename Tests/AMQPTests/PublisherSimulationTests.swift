import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

/// Whatever a broker does, an answer is never untrue. Each seed is another history of some hundred events.
@Suite("Publishers of two event loops, with a broker that does what it likes,")
struct PublisherSimulationTests {
    @Test("answer every emit once and truly, and work again afterwards", arguments: 0..<200)
    func answersTruly(seed: Int) {
        var simulation = Simulation(seed: UInt64(seed))
        for _ in 0..<500 { simulation.step() }
        simulation.heal()
        for loop in simulation.loops { loop.fixture.expectEverythingSettledOnce() }
        for (name, emit) in simulation.emits {
            let delivered = emit.bodies.map { simulation.loops[emit.loop].broker.delivered[$0] ?? 0 }
            #expect(delivered.allSatisfy { $0 <= 1 }, "\(name) was delivered twice")
            let result = simulation.result(name)
            switch result {
            case .success(let routing): #expect((routing == .routed) == delivered.contains(1), "\(name)")
            case .failure(.unknown), nil: break
            case .failure(let error): #expect(!delivered.contains(1), "\(name): \(error)")
            }
            if emit.isLast { #expect(result != nil && emit.isAnswered(result), "\(name) after all: \(result as Any)") }
        }
        #expect(simulation.fromMemory == [], "told that nobody is there by something older than the emit")
    }
}

private struct Simulation {
    struct Emit {
        let loop: Int
        let exchange: String
        let bodies: [String]
        /// When it was made, in steps.
        let step: Int
        /// Made when all was well again.
        let isLast: Bool

        /// Routed, unrouted or nacked: the broker's own word.
        func isAnswered(_ result: Result<Routing, PublishError>?) -> Bool {
            switch result {
            case .success, .failure(.brokerNack), .failure(.unknown(.partial)): true
            default: false
            }
        }
    }

    struct Loop {
        let fixture: PublisherFixture
        var broker = SimulatedBroker(exchanges: exchanges)
        var isConnected = false
    }

    static let exchanges = ["x", "y", "z"]

    private(set) var loops: [Loop]
    private(set) var emits: [String: Emit] = [:]
    /// The emits of which it was said that nobody is there, although somebody was ever since they came.
    private(set) var fromMemory: [String] = []
    private var open: Set<String> = []
    private var steps = 0
    /// When each exchange was last absent or forbidden, in steps.
    private var lastMissing: [String: Int] = [:]
    private var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let knowledge = BrokerKnowledge()
        loops = (0..<2).map { _ in Loop(fixture: PublisherFixture(connects: false, knowledge: knowledge)) }
        for index in loops.indices {
            loops[index].broker.allowsProbes = seed % 4 != 0
            connect(index)
        }
    }

    func result(_ name: String) -> Result<Routing, PublishError>? { loops[emits[name]!.loop].fixture.result(name) }

    mutating func step() {
        tick()
        let index = Int.random(in: loops.indices, using: &random)
        let fixture = loops[index].fixture
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<33: emit(to: Self.exchanges.randomElement(using: &random)!, by: index)
        case 33..<38: fixture.hearOthers()
        case 38..<55: loops[index].broker.receive(fixture.written())
        case 55..<70: loops[index].broker.work(frames: Int.random(in: 1...6, using: &random), using: &random)
        case 70..<86:
            for frame in loops[index].broker.send(Int.random(in: 1...6, using: &random)) { fixture.receive(frame) }
        case 86..<93: advance(.milliseconds(Int.random(in: 1...300, using: &random)))
        case 93..<96:
            let exchange = Self.exchanges.randomElement(using: &random)!
            let state = SimulatedBroker.Exchange.allCases.randomElement(using: &random)!
            if state != .present { lastMissing[exchange] = steps }
            set(exchange, state)
        case 96: fixture.receive(.blocked(reason: "alarm"))
        case 97: fixture.receive(.unblocked)
        case 98: fixture.publisher.probe()
        default: if loops[index].isConnected { disconnect(index) } else { connect(index) }
        }
        checkAnswers()
    }

    /// Everything is well from here on: what is left is answered, and one more emit to each exchange.
    mutating func heal() {
        for index in loops.indices {
            if !loops[index].isConnected { connect(index) }
            loops[index].fixture.receive(.unblocked)
        }
        for exchange in Self.exchanges { set(exchange, .present) }
        settle()
        advance(.seconds(6))
        settle()
        for index in loops.indices { for exchange in Self.exchanges { emit(to: exchange, by: index, isLast: true) } }
        settle()
    }

    /// Time passes with everything: what comes later comes later by the clock, too.
    private mutating func tick() {
        steps += 1
        for loop in loops { loop.fixture.now = loop.fixture.now.advanced(byNanoseconds: 1_000) }
        for exchange in Self.exchanges where loops[0].broker.exchanges[exchange] != .present {
            lastMissing[exchange] = steps
        }
    }

    private func advance(_ duration: Duration) {
        for loop in loops { loop.fixture.advance(duration) }
    }

    private mutating func set(_ exchange: String, _ state: SimulatedBroker.Exchange) {
        for index in loops.indices { loops[index].broker.exchanges[exchange] = state }
    }

    private mutating func checkAnswers() {
        for name in open {
            guard let emit = emits[name], let result = result(name) else { continue }
            open.remove(name)
            let wasMissing = lastMissing[emit.exchange, default: -1] >= emit.step
            let wasTaken = !loops[emit.loop].broker.taken.isDisjoint(with: emit.bodies)
            switch result {
            case .success(.noExchange) where !wasMissing && !wasTaken: fromMemory.append(name)
            case .failure(.brokerRefused) where !wasMissing: fromMemory.append(name)
            default: break
            }
        }
    }

    private mutating func settle() {
        var rounds = 0
        repeat {
            tick()
            advance(.milliseconds(1))
            for index in loops.indices {
                let fixture = loops[index].fixture
                fixture.hearOthers()
                loops[index].broker.receive(fixture.written())
                loops[index].broker.work(frames: 100, using: &random)
                for frame in loops[index].broker.send(100) { fixture.receive(frame) }
            }
            rounds += 1
        } while (!isIdle || rounds < 300) && rounds < 1_000
    }

    private var isIdle: Bool { loops.allSatisfy { $0.broker.isIdle && $0.fixture.publisher.outbound.pending == 0 } }

    private mutating func emit(to exchange: String, by index: Int, isLast: Bool = false) {
        let name = "e\(emits.count)"
        let bodies = (0..<Int.random(in: 1...3, using: &random)).map { "\(name).\($0)" }
        emits[name] = Emit(loop: index, exchange: exchange, bodies: bodies, step: steps, isLast: isLast)
        open.insert(name)
        loops[index].fixture.publish(
            name, bodies.map { Publication(exchange: exchange, routingKey: "r", body: Array($0.utf8)) })
    }

    private mutating func connect(_ index: Int) {
        loops[index].isConnected = true
        loops[index].fixture.publisher.connected(frameMax: 4_096)
    }

    private mutating func disconnect(_ index: Int) {
        loops[index].isConnected = false
        // What the socket took reaches the broker or not.
        if Bool.random(using: &random) { loops[index].broker.work(frames: 100, using: &random) }
        loops[index].fixture.publisher.disconnected()
        loops[index].broker.disconnect()
    }
}
