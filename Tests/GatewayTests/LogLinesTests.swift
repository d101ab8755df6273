import Logging
import Testing

@testable import Gateway

@Suite("A line of the log")
struct LogLinesTests {
    private let fields = [(key: "a", value: "1"), (key: "reason", value: "say \"no\"\n\u{1B}[31m \\ é\0 b=2")]

    @Test("is text, with values that can look like nothing else")
    func text() {
        #expect(
            line(.text, message: "broker connected", fields)
                == #"T info broker connected a="1" reason="say \"no\"\n\u001b[31m \\ é\u0000 b=2""#)
        #expect(line(.text, message: "stopped", []) == "T info stopped")
    }

    @Test("is a JSON object")
    func json() {
        #expect(
            line(.json, message: "a \"b\"\n", fields)
                == #"{"time":"T","level":"info","message":"a \"b\"\n","a":"1","#
                + #""reason":"say \"no\"\n\u001b[31m \\ é\u0000 b=2"}"#)
        #expect(line(.json, message: "m", []) == #"{"time":"T","level":"info","message":"m"}"#)
    }

    @Test("has no control characters in its values, in either format", arguments: LogFormat.allCases)
    func controlCharacters(format: LogFormat) {
        let all = String(String.UnicodeScalarView((0..<0x20).map { Unicode.Scalar(UInt8($0)) }))
        #expect(line(format, message: "m", [(key: "k", value: all)]).utf8.allSatisfy { $0 >= 0x20 })
    }

    @Test("has the metadata of its logger")
    func metadata() {
        var logger = Logger(label: "x") { _ in LogLines(format: .text, level: .warning) }
        logger[metadataKey: "loop"] = "1"
        #expect(logger[metadataKey: "loop"] == "1")
        #expect(logger.logLevel == .warning)
    }

    private func line(_ format: LogFormat, message: String, _ fields: [(key: String, value: String)]) -> String {
        String(
            decoding: LogLines.line(format, time: "T", level: "info", message: message, fields: fields), as: UTF8.self)
    }
}
