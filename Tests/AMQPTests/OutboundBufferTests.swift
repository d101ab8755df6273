import Testing

@testable import AMQP

@Suite("The outbound buffer")
struct OutboundBufferTests {
    @Test("offers everything in order, and again what was not taken")
    func sendsInPieces() {
        var buffer = OutboundBuffer()
        buffer.bytes += [1, 2, 3, 4, 5]
        #expect(drain(&buffer, 2) == [1, 2, 3, 4, 5])
        #expect(buffer.pending == 3)
        buffer.bytes += [6, 7]
        #expect(drain(&buffer, 0) == [3, 4, 5, 6, 7])
        #expect(drain(&buffer, 4) == [3, 4, 5, 6, 7])
        #expect(drain(&buffer, 1) == [7])
        #expect(buffer.pending == 0)
        #expect(drain(&buffer, 1) == nil)
    }

    @Test("knows how much has left, and where the next byte will stand")
    func counts() {
        var buffer = OutboundBuffer()
        #expect((buffer.pending, buffer.totalSent, buffer.streamEnd) == (0, 0, 0))
        buffer.bytes += Array(repeating: 0, count: 10)
        #expect((buffer.pending, buffer.totalSent, buffer.streamEnd) == (10, 0, 10))
        _ = drain(&buffer, 4)
        #expect((buffer.pending, buffer.totalSent, buffer.streamEnd) == (6, 4, 10))
        buffer.bytes += Array(repeating: 0, count: 5)
        _ = drain(&buffer, 11)
        #expect((buffer.pending, buffer.totalSent, buffer.streamEnd) == (0, 15, 15))
        buffer.bytes.append(0)
        #expect((buffer.pending, buffer.totalSent, buffer.streamEnd) == (1, 15, 16))
    }

    @Test("keeps everything when sending fails")
    func keepsWhatFailed() {
        struct Broken: Error {}
        var buffer = OutboundBuffer()
        buffer.bytes += [1, 2, 3]
        #expect(throws: Broken.self) { try buffer.drain { _ throws(Broken) in throw Broken() } }
        #expect((buffer.pending, buffer.totalSent) == (3, 0))
        #expect(drain(&buffer, 3) == [1, 2, 3])
    }

    @Test("does not hold on to what has left, even if it is never empty")
    func forgetsWhatWasSent() {
        var buffer = OutboundBuffer()
        let burst = [UInt8](repeating: 0, count: 64 * 1_024)
        buffer.bytes += burst
        for _ in 0..<200 {
            buffer.bytes += burst
            _ = drain(&buffer, burst.count)
            #expect(buffer.pending == burst.count)
        }
        #expect(buffer.totalSent == 200 * UInt64(burst.count))
        #expect(buffer.bytes.count < 50 * burst.count)
    }

    @Test("gives the memory of a burst back")
    func shrinks() {
        var buffer = OutboundBuffer()
        buffer.bytes += Array(repeating: 0, count: 4 << 20)
        _ = drain(&buffer, 4 << 20)
        #expect(buffer.bytes.capacity < 1 << 20)
        buffer.bytes += Array(repeating: 0, count: 10_000)
        _ = drain(&buffer, 10_000)
        #expect(buffer.bytes.capacity >= 10_000)
    }

    /// What the buffer offers to a socket that takes `count` bytes; `nil` if it offers nothing.
    private func drain(_ buffer: inout OutboundBuffer, _ count: Int) -> [UInt8]? {
        var offered: [UInt8]?
        buffer.drain { bytes in
            offered = Array(bytes)
            return min(count, bytes.count)
        }
        return offered
    }
}
