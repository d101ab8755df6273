import BrokerFixtures
import Testing

@testable import AMQP

@Suite("A publication")
struct PublicationTests {
    @Test("is never thought smaller than it is on the wire")
    func encodedSize() {
        let copies = (0..<50).map { "room-\($0)-é" }
        let publications = [
            Publication(exchange: "", routingKey: "", body: []),
            Publication(
                exchange: "socket.io", routingKey: "room", expiration: 60_000, body: Array(repeating: 65, count: 999)),
            Publication(exchange: "x", routingKey: copies[0], carbonCopies: copies, body: Array("{}".utf8)),
        ]
        let traced = publications.with(.sample) + publications.with(.init(traceparent: TraceContextTests.valid)!)
        for publication in publications + traced {
            var bytes: [UInt8] = []
            let messageID = String(UInt64.max)
            #expect(FrameWriter.publish(publication, messageID: .text(messageID), frameMax: 4_096, into: &bytes))
            #expect(bytes.count <= publication.encodedSize)
        }
    }
}
