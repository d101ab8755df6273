import BrokerFixtures
import Testing

@testable import AMQPBridge

@Suite("The first of a list")
struct FirstOfListTests {
    @Test("is what a sorted list begins with, whatever comes in whatever order", arguments: 0..<20)
    func agrees(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let limit = Int.random(in: 1...20, using: &random)
        var list = FirstOfList<Int>(limit: limit)
        var all: [RoomName: Int] = [:]
        for number in 0..<2_000 {
            let text = (0..<2).map { _ in UInt8.random(in: 65...122, using: &random) }
            let name = RoomName.name(String(decoding: text, as: UTF8.self))
            all[name] = number
            list.put(number, at: name, size: 1)
            if number.isMultiple(of: 100) { list.trim() }
        }
        list.trim()
        let expected = all.sorted { $0.key.precedes($1.key) }.prefix(limit)
        #expect(list.ordered.map(\.name) == expected.map(\.key))
        #expect(list.ordered.map(\.value) == expected.map(\.value))
        #expect(list.isCut && list.bytes == limit)
    }

    @Test("ends where its bytes end, and has one value in any case")
    func bytes() {
        var list = FirstOfList<Int>(limit: 10, mostBytes: 100)
        for (name, size) in [(3, 40), (1, 50), (2, 40)] {
            list.put(name, at: .number(name), size: size)
        }
        list.trim()
        #expect(list.ordered.map(\.value) == [1, 2] && list.isCut && list.bytes == 90)
        let wanted = [3, 2, 0].map { list.wants(.number($0)) }
        #expect(wanted == [false, true, true])
        list.put(0, at: 0, size: 1_000)
        list.trim()
        #expect(list.ordered.map(\.value) == [0] && list.bytes == 1_000)
    }

    @Test("is not cut if there is nothing else")
    func whole() {
        var list = FirstOfList<Int>(limit: 2)
        for name in [1, 2] { list.put(1, at: .number(name), size: 1) }
        list.trim()
        #expect(!list.isCut && list.ordered.count == 2)
        list.put(2, at: 2, size: 7)
        #expect(list.bytes == 8 && list[2] == 2)
        list.put(3, at: 3, size: 1)
        list.trim()
        #expect(list.isCut && list.ordered.count == 2)
    }

    @Test("is never much more than that")
    func bound() {
        var list = FirstOfList<Int>(limit: 100, mostBytes: 1 << 20)
        for number in (0..<10_000).reversed() {
            list.put(number, at: .name("\(100_000 + number)"), size: 10_000)
            #expect(list.bytes <= 1 << 20 + 1 << 19)
        }
        list.trim()
        #expect(list.ordered.first?.value == 0)
    }
}
