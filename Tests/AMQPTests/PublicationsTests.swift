import Testing

@testable import AMQP

@Suite("The messages of a command")
struct PublicationsTests {
    private static let all = (0..<3).map { Publication(exchange: "x", routingKey: "r\($0)", body: [UInt8($0)]) }

    @Test("are in order, however many", arguments: 1...3)
    func order(count: Int) {
        let all = Array(Self.all.prefix(count))
        let publications = Publications(all)
        #expect(publications.count == count)
        #expect(Array(publications) == all)
        #expect(publications.indices.map { publications[$0] } == all)
        #expect(Array(publications[1...]) == Array(all[1...]))
        #expect(publications == Publications(all[0], others: Array(all[1...])))
    }

    @Test("take as much as each of them", arguments: 1...3)
    func size(count: Int) {
        let all = Array(Self.all.prefix(count))
        #expect(Publications(all).encodedSize == all.encodedSize)
    }

    @Test("are all in the trace", arguments: 1...3)
    func trace(count: Int) {
        let traced = Publications(Array(Self.all.prefix(count))).with(.sample)
        #expect(traced.map(\.routingKey) == Self.all.prefix(count).map(\.routingKey))
        #expect(traced.allSatisfy { $0.trace == .sample })
    }
}
