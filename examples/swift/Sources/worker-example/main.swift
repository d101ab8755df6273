// Usage: worker-example AMQP-URL CHANNEL
// Every line of standard input is one emit: ROOM EVENT JSON

import AMQPBridge
import Foundation

let words = CommandLine.arguments
guard words.count == 3 else {
    print("usage: worker-example AMQP-URL CHANNEL")
    exit(64)
}

func carryOut(_ line: String, with emitter: Emitter) async -> String {
    let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
    guard parts.count == 3 else { return "not a line of ROOM EVENT JSON" }
    do {
        let receipt = try await emitter.to(parts[0]).emit(parts[1], .json(parts[2]))
        return "\(parts[1]) \(receipt.id)"
    } catch {
        // Most can be tried again; where the outcome is unknown, that could deliver twice.
        return "\(parts[1]) failed: \(error)"
    }
}

func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}

do {
    // One for the life of the program. When its connection breaks, it makes a new one.
    let emitter = try await Emitter.connect(to: words[1], wireFormat: PythonSocketIO(exchange: words[2]))
    await withDiscardingTaskGroup { group in
        while let line = readLine() {
            group.addTask { say(await carryOut(line, with: emitter)) }
        }
    }
    await emitter.close()
    say("closed")
} catch {
    say("no connection: \(error)")
    exit(1)
}
