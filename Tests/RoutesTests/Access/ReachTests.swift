import AMQPBridge
import Testing

@testable import Routes

@Suite("What a key covers")
struct ReachTests {
    private static let names = ["a", "ab", "b", "42", "Zk3vWq0d7pXy5TnBAAAB", ""]
    private static let globs = ["*", "a*", "b", "4*", "Zk3vWq0d7pXy5TnBAAAB"]

    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % sides
        }

        mutating func names() -> [RoomName] {
            (0..<roll(3)).map { _ in
                roll(8) == 0 ? .number(42) : .name(ReachTests.names[roll(ReachTests.names.count)])
            }
        }

        mutating func globs() -> NameGlobs {
            NameGlobs((0..<1 + roll(2)).map { _ in Glob(ReachTests.globs[roll(ReachTests.globs.count)]) })
        }
    }

    @Test("is all of which nothing is beyond it")
    func agreement() {
        var dice = Dice(state: 1)
        var covered = 0
        for _ in 0..<20_000 {
            let sockets = dice.roll(2) == 0 ? dice.globs() : nil
            let reach = Reach(namespaces: dice.globs(), rooms: dice.globs(), sockets: sockets, events: dice.globs())
            let emit = Emit(
                namespace: Self.names[dice.roll(6)], event: Self.names[dice.roll(6)], rooms: dice.names(),
                except: dice.names(), exceptSockets: (0..<dice.roll(2)).map { _ in Self.names[dice.roll(5)] })
            #expect(reach.covers(emit) == reach.places(beyond: emit).isEmpty)
            let selection =
                dice.roll(2) == 0
                ? SocketSelection(namespace: emit.namespace, rooms: emit.rooms, except: emit.except)
                : SocketSelection(namespace: emit.namespace, id: Self.names[dice.roll(5)])
            let changes: [ChangeSockets.Change] = [
                .join(dice.names()), .leave(dice.names()), .disconnect(close: true), .disconnect(close: false),
            ]
            let change = changes[dice.roll(4)]
            let beyond = reach.places(beyond: selection, list: "in") + reach.places(beyond: change)
            #expect(reach.covers(selection, change) == beyond.isEmpty)
            let command = ServerSideEmit(namespace: emit.namespace, event: emit.event)
            #expect(reach.covers(command) == reach.places(beyond: command).isEmpty)
            if reach.covers(emit) { covered += 1 }
        }
        #expect((500..<19_500).contains(covered))
    }
}
