import Testing

@testable import Gateway

@Suite("libmicrohttpd's log")
struct LibraryErrorsTests {
    private static let malformed = "Failed to parse `Content-Length' header. Closing connection.\n"
    private static let tooLarge = "Too large value of 'Content-Length' header. Closing connection.\n"
    private static func told(_ status: Int) -> String {
        "Error processing request (HTTP response code is \(status) ('<html>')). Closing connection.\n"
    }
    private static let ours = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\n\r\n"

    @Test("tells the status that it answers with")
    func status() {
        var errors = LibraryErrors()
        #expect(errors.heard(Self.told(414)) == .notes(414))
        #expect(errors.heard("Error processing request (HTTP response code is x") == nil)
        #expect(errors.heard("Something else") == nil)
    }

    @Test("tells of lengths that are none before it answers, once")
    func lengths() {
        var errors = LibraryErrors()
        errors.tried(Self.ours)
        for (line, refusal) in [
            (Self.malformed, LibraryErrors.Refusal.malformedLength), (Self.tooLarge, .longLength),
        ] {
            #expect(errors.heard(line) == .refuses(refusal))
            errors.answered(isWhole: true)
            #expect(errors.heard(Self.told(400)) == nil, "that is the one that was answered")
            #expect(errors.heard(Self.told(400)) == .notes(400))
            // What did not leave is libmicrohttpd's to tell.
            _ = errors.heard(line)
            errors.answered(isWhole: false)
            #expect(errors.heard(Self.told(400)) == .notes(400))
        }
    }

    @Test("is not relied upon when the trial got two heads, or not our answer")
    func trial() {
        for answer in ["", "HTTP/1.1 400 Bad Request\r\n\r\n<html>", Self.ours + "HTTP/1.1 400 Bad Request\r\n"] {
            var errors = LibraryErrors()
            #expect(errors.state == .untried && errors.heard(Self.malformed) == .refuses(.malformedLength))
            errors.answered(isWhole: false)
            errors.tried(answer)
            #expect(errors.state == .unpreventable && errors.heard(Self.malformed) == nil)
        }
    }

    @Test(
        "is about a length that is not digits of 64 bits",
        arguments: [
            ("0", true), ("10", true), ("18446744073709551615", true), ("18446744073709551616", false), ("", false),
            ("x", false), ("+1", false), ("-1", false), ("1 ", false), ("0x1", false), ("1,1", false),
        ])
    func numbers(text: String, isLength: Bool) {
        #expect(LibraryErrors.isLength(text) == isLength)
    }
}
