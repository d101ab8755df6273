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

    @Test(
        "has nothing in it that a terminal or a reader of lines could obey", arguments: LogFormat.allCases,
        ["\u{7F}", "\u{85}", "\u{9B}31m", "\u{2028}", "\u{2029}", "\u{202E}", "\u{2066}", "\u{FEFF}", "\u{E0001}"])
    func invisible(format: LogFormat, text: String) throws {
        let line = line(format, message: "m\(text)\r\n", [(key: "k", value: "a\(text)\"\\\n b=\"é\u{0}")])
        let scalar = try #require(text.unicodeScalars.first)
        #expect(!line.unicodeScalars.contains(scalar))
        let escape = scalar.utf16.map {
            "\\u" + String(repeating: "0", count: 4 - String($0, radix: 16).count) + String($0, radix: 16)
        }
        .joined()
        let rest = String(text.unicodeScalars.dropFirst())
        #expect(line.contains(#""a\#(escape)\#(rest)\"\\\n b=\"é\u0000""#))
        #expect(line.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
        #expect(line.contains("m\(escape)\(rest)"))
    }

    @Test("cannot be forged by a path, sent as it is or in escapes", arguments: LogFormat.allCases)
    func forgery(format: LogFormat) {
        let path = "/%0a\n2026-01-01T00:00:00.000Z info request status=\"200\"\",\"status\":\"200\u{1B}[2K\r"
        let line = line(format, message: "request", [(key: "path", value: path), (key: "status", value: "404")])
        #expect(line.utf8.allSatisfy { $0 >= 0x20 })
        switch format {
        case .json:
            #expect(line.hasSuffix(#"status=\"200\"\",\"status\":\"200\u001b[2K\r","status":"404"}"#))
        case .text: #expect(line.hasSuffix(#"status=\"200\"\",\"status\":\"200\u001b[2K\r" status="404""#))
        }
    }

    @Test("has the metadata of its logger")
    func metadata() {
        var logger = Logger(label: "x") { _ in LogLines(format: .text, level: LogLevel(.warning)) }
        logger[metadataKey: "loop"] = "1"
        #expect(logger[metadataKey: "loop"] == "1")
        #expect(logger.logLevel == .warning)
    }

    private func line(_ format: LogFormat, message: String, _ fields: [(key: String, value: String)]) -> String {
        String(
            decoding: LogLines.line(format, time: "T", level: "info", message: message, fields: fields), as: UTF8.self)
    }
}
