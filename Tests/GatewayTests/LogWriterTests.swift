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
        for _ in 0..<5_000 { writer.write(line) { Array("lost \($0)\n".utf8) } }
        writer.flush(atMost: .milliseconds(50))
        var text = ""
        while !text.contains("lost") {
            text += pipe.read()
            writer.write(line) { Array("lost \($0)\n".utf8) }
            writer.flush(atMost: .seconds(1))
        }
        let lines = text.split(separator: "\n")
        let lost = try #require(lines.first { $0.hasPrefix("lost") }.flatMap { Int($0.dropFirst(5)) })
        #expect(lost > 3_000 && lost < 5_000)
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
