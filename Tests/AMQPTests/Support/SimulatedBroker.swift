import BrokerFixtures
import Testing

@testable import AMQP

/// A broker that keeps the rules of AMQP, and takes every liberty that they leave: it is slow, acknowledges in any
/// order, closes channels, and loses its exchanges.
struct SimulatedBroker {
    enum Exchange: CaseIterable {
        case absent, forbidden, present
    }

    var exchanges: [String: Exchange]
    /// Whether the user may publish to the default exchange, as probes do.
    var allowsProbes = true
    /// What it has given to a queue, by body: the truth that answers are held against.
    private(set) var delivered: [String: Int] = [:]
    /// What has reached an exchange, by body.
    private(set) var taken: Set<String> = []

    private var incoming: [WrittenFrame] = []
    private var outgoing: [InboundFrame] = []
    private var nextTag: UInt64 = 1
    private var unconfirmed: [UInt64] = []
    /// After its close the broker discards what comes on a channel, until the close is acknowledged.
    private var closing: Set<UInt16> = []

    init(exchanges: [String]) {
        self.exchanges = Dictionary(uniqueKeysWithValues: exchanges.map { ($0, .present) })
    }

    var isIdle: Bool { incoming.isEmpty && outgoing.isEmpty && unconfirmed.isEmpty }

    mutating func receive(_ frames: [WrittenFrame]) {
        incoming += frames
    }

    /// The connection is gone, with everything on its way.
    mutating func disconnect() {
        (incoming, outgoing, unconfirmed, closing, nextTag) = ([], [], [], [], 1)
    }

    /// Takes the next steps: some frames in, some confirms.
    mutating func work(frames: Int, using random: inout SeededGenerator) {
        for _ in 0..<min(frames, incoming.count) { handle(incoming.removeFirst(), using: &random) }
        confirm(using: &random)
    }

    /// The next frames for the publisher.
    mutating func send(_ count: Int) -> [InboundFrame] {
        defer { outgoing.removeFirst(min(count, outgoing.count)) }
        return Array(outgoing.prefix(count))
    }

    private mutating func handle(_ frame: WrittenFrame, using random: inout SeededGenerator) {
        switch frame {
        case .channelCloseOK(let channel): closing.remove(channel)
        case .channelOpen(let channel): outgoing.append(.channelOpened(channel))
        case .confirmSelect:
            (nextTag, unconfirmed) = (1, [])
            outgoing.append(.confirmSelected)
        case .lookUp(let exchange) where !closing.contains(3):
            switch exchanges[exchange] {
            case .present: outgoing.append(.transactionRolledBack)
            case .forbidden: close(3, 403, exchange)
            default: close(3, 404, exchange)
            }
        case .probe where !closing.contains(2) && !allowsProbes: close(2, 403, "amq.default")
        case .publish(let exchange, _, let messageID, let body) where !closing.contains(1):
            #expect(messageID == String(nextTag), "the publisher has lost count")
            publish(body, to: exchange, using: &random)
        default: break
        }
    }

    private mutating func publish(_ body: String, to exchange: String, using random: inout SeededGenerator) {
        switch exchanges[exchange] {
        case .present:
            taken.insert(body)
            let tag = nextTag
            nextTag += 1
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                outgoing.append(.refused(tag: tag, multiple: false))
                return
            case 1, 2:
                outgoing += [.returned, .header(messageID: String(tag), bodySize: 1), .body(count: 1)]
            default: delivered[body, default: 0] += 1
            }
            unconfirmed.append(tag)
        case .forbidden: close(1, 403, exchange)
        default: close(1, 404, exchange)
        }
    }

    private mutating func close(_ channel: UInt16, _ code: Int, _ exchange: String) {
        closing.insert(channel)
        if channel == 1 { unconfirmed = [] }
        let text = code == 404 ? "NOT_FOUND - no exchange '\(exchange)'" : "ACCESS_REFUSED - exchange '\(exchange)'"
        outgoing.append(.channelClosed(ChannelClose(channel: channel, code: code, text: text)))
    }

    private mutating func confirm(using random: inout SeededGenerator) {
        while !unconfirmed.isEmpty, Int.random(in: 0..<3, using: &random) > 0 {
            let index = Int.random(in: 0..<unconfirmed.count, using: &random)
            if Bool.random(using: &random) {
                outgoing.append(.acknowledged(tag: unconfirmed[index], multiple: true))
                unconfirmed.removeSubrange(...index)
            } else {
                outgoing.append(.acknowledged(tag: unconfirmed.remove(at: index), multiple: false))
            }
        }
    }
}
