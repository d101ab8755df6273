import Testing

@testable import AMQPBridge

/// Whatever a broker does, an answer is never untrue. Each seed is another history of some hundred events.
@Suite("The publisher, with a broker that does what it likes,")
struct PublisherSimulationTests {
    @Test("answers every emit once and truly, and works again afterwards", arguments: 0..<200)
    func answersTruly(seed: Int) {
        var simulation = Simulation(seed: UInt64(seed))
        for _ in 0..<300 { simulation.step() }
        simulation.heal()
        simulation.fixture.expectEverythingSettledOnce()
        for (name, emit) in simulation.emits {
            let delivered = emit.bodies.map { simulation.broker.delivered[$0] ?? 0 }
            #expect(delivered.allSatisfy { $0 <= 1 }, "\(name) was delivered twice")
            let result = simulation.fixture.result(name)
            switch result {
            case .success(let routed): #expect(routed == delivered.contains(1), "\(name)")
            case .failure(.unknown), nil: break
            case .failure(let error): #expect(!delivered.contains(1), "\(name): \(error)")
            }
            if emit.isLast { #expect(result != nil && emit.isAnswered(result), "\(name) after all: \(result as Any)") }
        }
    }
}

private struct Simulation {
    struct Emit {
        let bodies: [String]
        /// Made when all was well again.
        let isLast: Bool

        /// Routed, unrouted or nacked: the broker's own word.
        func isAnswered(_ result: Result<Bool, PublishError>?) -> Bool {
            switch result {
            case .success, .failure(.brokerNack), .failure(.unknown(.partial)): true
            default: false
            }
        }
    }

    static let exchanges = ["x", "y", "z"]

    let fixture = PublisherFixture(connects: false)
    var broker = SimulatedBroker(exchanges: exchanges)
    private(set) var emits: [String: Emit] = [:]
    private var random: SeededGenerator
    private var isConnected = false

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        broker.allowsProbes = seed % 4 != 0
        connect()
    }

    mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: emit(to: Self.exchanges.randomElement(using: &random)!)
        case 35..<55: broker.receive(fixture.written())
        case 55..<70: broker.work(frames: Int.random(in: 1...6, using: &random), using: &random)
        case 70..<88: for frame in broker.send(Int.random(in: 1...6, using: &random)) { fixture.receive(frame) }
        case 88..<93: fixture.advance(.milliseconds(Int.random(in: 1...2_500, using: &random)))
        case 93..<96:
            let exchange = Self.exchanges.randomElement(using: &random)!
            broker.exchanges[exchange] = SimulatedBroker.Exchange.allCases.randomElement(using: &random)!
        case 96: fixture.receive(.blocked(reason: "alarm"))
        case 97: fixture.receive(.unblocked)
        case 98: fixture.publisher.probe()
        default: if isConnected { disconnect() } else { connect() }
        }
    }

    /// Everything is well from here on: what is left is answered, and one more emit to each exchange.
    mutating func heal() {
        if !isConnected { connect() }
        fixture.receive(.unblocked)
        for exchange in Self.exchanges { broker.exchanges[exchange] = .present }
        settle()
        fixture.advance(.seconds(6))
        settle()
        for exchange in Self.exchanges { emit(to: exchange, isLast: true) }
        settle()
    }

    private mutating func settle() {
        var rounds = 0
        repeat {
            broker.receive(fixture.written())
            broker.work(frames: 100, using: &random)
            for frame in broker.send(100) { fixture.receive(frame) }
            rounds += 1
        } while !(broker.isIdle && fixture.publisher.outbound.pending == 0) && rounds < 1_000
    }

    private mutating func emit(to exchange: String, isLast: Bool = false) {
        let name = "e\(emits.count)"
        let bodies = (0..<Int.random(in: 1...3, using: &random)).map { "\(name).\($0)" }
        emits[name] = Emit(bodies: bodies, isLast: isLast)
        fixture.publish(name, bodies.map { Publication(exchange: exchange, routingKey: "r", body: Array($0.utf8)) })
    }

    private mutating func connect() {
        isConnected = true
        fixture.publisher.connected(frameMax: 4_096)
    }

    private mutating func disconnect() {
        isConnected = false
        // What the socket took reaches the broker or not.
        if Bool.random(using: &random) { broker.work(frames: 100, using: &random) }
        fixture.publisher.disconnected()
        broker.disconnect()
    }
}
