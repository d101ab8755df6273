// Usage: emit-example AMQP-URL CHANNEL ROOM TEXT

import AMQPBridge
import Foundation

let words = CommandLine.arguments
guard words.count == 5 else {
    print("usage: emit-example AMQP-URL CHANNEL ROOM TEXT")
    exit(64)
}

struct Stamp: Encodable {
    let year: Int
    let price: Double
}

do {
    let emitter = try await Emitter.connect(to: words[1], wireFormat: PythonSocketIO(exchange: words[2]))
    let receipt = try await emitter.to(words[3]).emit(
        "message",
        ["text": .string(words[4]), "tags": ["new", nil], "urgent": false],
        .bytes([0x00, 0xFF]),
        .json(JSONEncoder().encode(Stamp(year: 2025, price: 0.1)))
    )
    print(receipt.id, receipt.routed.map { $0 ? "routed" : "nobody is there" } ?? "confirmed")
    await emitter.close()
} catch {
    print("not emitted:", error)
    exit(1)
}
