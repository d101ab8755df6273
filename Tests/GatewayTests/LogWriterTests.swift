import Glibc
import Testing

@testable import Gateway

@Suite("What writes the log")
struct LogWriterTests {
    @Test("writes lines in their order, and knows when it has")
    func writes() throws {
        let pipe = try Pipe()
        let writer = LogWriter(descriptor: pipe.writing)
        for number in 0..<100 { writer.write(Array("line \(number)\n".utf8)) { _ in [] } }
        writer.flush(atMost: .seconds(5))
        #expect(pipe.read() == (0..<100).map { "line \($0)\n" }.joined())
    }

    @Test("lets nobody wait for a reader that has stopped, and says how many lines are lost")
    func drops() throws {
        let pipe = try Pipe()
        let writer = LogWriter(descriptor: pipe.writing, mostBytes: 1_000)
        let line = Array(repeating: UInt8(ascii: "x"), count: 99) + [UInt8(ascii: "\n")]
        // A pipe holds 64 KiB; all of this takes no time although nobody reads.
        var written = 5_000
        for _ in 0..<written { writer.write(line) { Array("lost \($0)\n".utf8) } }
        var text = ""
        var (read, lost) = (0, 0)
        // Each more line brings the number of those that were lost before it.
        for _ in 0..<1_000 where read + lost < written {
            text += pipe.read()
            written += 1
            writer.write(line) { Array("lost \($0)\n".utf8) }
            writer.flush(atMost: .seconds(1))
            let lines = text.split(separator: "\n")
            read = lines.count { $0.hasPrefix("x") } + 1
            lost = lines.compactMap { $0.hasPrefix("lost") ? Int($0.dropFirst(5)) : nil }.reduce(0, +)
        }
        #expect(lost > 1_000)
        #expect(read + lost == written)
        // Also those that no line has told of yet.
        #expect(writer.dropped.value >= UInt64(lost))
    }

    private struct Pipe: ~Copyable {
        let reading: Int32
        let writing: Int32

        init() throws {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
        }

        /// What is there.
        func read() -> String {
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = Glibc.read(reading, &bytes, bytes.count)
            return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
        }
    }
}
