import EventLoop
import Testing

@testable import AMQPBridge

@Suite("A ULID")
struct ULIDTests {
    private static let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    @Test("is 26 characters of Crockford's base 32")
    func alphabet() {
        var generator = ULIDGenerator()
        for _ in 0..<100 {
            let identifier = generator.next().text
            #expect(identifier.count == 26)
            #expect(identifier.allSatisfy(Self.alphabet.contains))
            // 26 characters are 130 bits, two more than there are.
            #expect(identifier < "8")
        }
    }

    @Test("sorts by time, and by its turn within a millisecond")
    func sorts() {
        var generator = ULIDGenerator()
        let times: [UInt64] = [1, 1, 1, 2, 2, 3, 1_000, 1 << 40, (1 << 48) - 1]
        let identifiers = times.map { generator.next(milliseconds: $0).text }
        #expect(identifiers == identifiers.sorted())
        #expect(Set(identifiers).count == times.count)
    }

    @Test("still counts up when the clock goes back")
    func survivesClockChanges() {
        var generator = ULIDGenerator()
        let first = generator.next(milliseconds: 5_000).text
        let second = generator.next(milliseconds: 4_000).text
        #expect(first < second)
        #expect(milliseconds(of: second) == 5_000)
    }

    @Test("counts its random part up by one within a millisecond")
    func countsUp() {
        var generator = ULIDGenerator()
        for _ in 0..<200 {
            let (first, second) = (generator.next(milliseconds: 7).text, generator.next(milliseconds: 7).text)
            #expect(value(of: second.dropFirst(10)) == value(of: first.dropFirst(10)) &+ 1)
        }
    }

    @Test("carries its time", arguments: [1, 31, 32, 1_469_918_176_385, (1 << 48) - 1] as [UInt64])
    func carriesTime(time: UInt64) {
        var generator = ULIDGenerator()
        #expect(milliseconds(of: generator.next(milliseconds: time).text) == time)
    }

    @Test("carries the time at which it was made, as of the last tick")
    func carriesNow() {
        var generator = ULIDGenerator()
        let before = UInt64(UnixTime.milliseconds())
        let time = milliseconds(of: generator.next().text)
        // Systems tick 100 times a second at least.
        #expect((before - 20...UInt64(UnixTime.milliseconds())).contains(time))
    }

    @Test("carries the time of the ULID specification's example")
    func matchesTheSpecification() {
        var generator = ULIDGenerator()
        // github.com/ulid/spec: 1469918176385 is 01ARYZ6S41.
        #expect(generator.next(milliseconds: 1_469_918_176_385).text.hasPrefix("01ARYZ6S41"))
    }

    @Test("differs from generator to generator")
    func isRandom() {
        let identifiers = (0..<50).map { _ in
            var generator = ULIDGenerator()
            return generator.next(milliseconds: 1).text
        }
        #expect(Set(identifiers).count == 50)
    }

    private func milliseconds(of identifier: String) -> UInt64 { value(of: identifier.prefix(10)) }

    /// The number that the characters stand for, modulo 2^64.
    private func value(of text: Substring) -> UInt64 {
        let digits = Array(Self.alphabet)
        return text.reduce(0) { $0 &* 32 &+ UInt64(digits.firstIndex(of: $1)!) }
    }
}
