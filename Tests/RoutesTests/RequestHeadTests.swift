import Testing

@testable import Routes

@Suite("A request's head")
struct RequestHeadTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let headers: [(HeaderName, String)]
        var isHTTP10 = false
        let isAmbiguous: Bool
        var testDescription: String {
            (isHTTP10 ? "1.0 " : "") + headers.map { "\($0.0.rawValue): \($0.1)" }.joined(separator: ", ")
        }

        init(_ headers: [(HeaderName, String)], isHTTP10: Bool = false, isAmbiguous: Bool) {
            (self.headers, self.isHTTP10, self.isAmbiguous) = (headers, isHTTP10, isAmbiguous)
        }
    }

    static let samples: [Sample] = [
        Sample([(.host, "h")], isAmbiguous: false),
        Sample([(.host, "")], isAmbiguous: false),
        Sample([], isAmbiguous: true),
        Sample([], isHTTP10: true, isAmbiguous: false),
        Sample([(.host, "h"), (.contentLength, "0")], isAmbiguous: false),
        Sample([(.host, "h"), (.contentLength, "99999999999999999999")], isAmbiguous: false),
        Sample([(.host, "h"), (.contentLength, "")], isAmbiguous: true),
        Sample([(.host, "h"), (.contentLength, "+5")], isAmbiguous: true),
        Sample([(.host, "h"), (.contentLength, "-5")], isAmbiguous: true),
        Sample([(.host, "h"), (.contentLength, "5, 5")], isAmbiguous: true),
        Sample([(.host, "h"), (.contentLength, "0x5")], isAmbiguous: true),
        Sample([(.host, "h"), (.contentLength, "5 ")], isAmbiguous: true),
        Sample([(.host, "h"), (.contentLength, "٥")], isAmbiguous: true),
        Sample([(.host, "h"), (.contentLength, "5"), (.contentLength, "5")], isAmbiguous: true),
        Sample([(.host, "h"), (.transferEncoding, "chunked")], isAmbiguous: false),
        Sample([(.host, "h"), (.transferEncoding, "Chunked")], isAmbiguous: false),
        Sample([(.host, "h"), (.transferEncoding, "chunked"), (.contentLength, "5")], isAmbiguous: true),
        Sample([(.host, "h"), (.contentLength, "0"), (.transferEncoding, "chunked")], isAmbiguous: true),
        Sample([(.host, "h"), (.transferEncoding, "chunked"), (.transferEncoding, "chunked")], isAmbiguous: true),
        Sample([(.host, "h"), (.transferEncoding, "gzip, chunked")], isAmbiguous: true),
        Sample([(.host, "h"), (.transferEncoding, "chunked, identity")], isAmbiguous: true),
        Sample([(.host, "h"), (.transferEncoding, "identity")], isAmbiguous: true),
        Sample([(.host, "h"), (.transferEncoding, "")], isAmbiguous: true),
        Sample([(.host, "h"), (.transferEncoding, "xchunked")], isAmbiguous: true),
        Sample([(.host, "h"), (.transferEncoding, "chunked")], isHTTP10: true, isAmbiguous: true),
        Sample([(.transferEncoding, "chunked")], isHTTP10: true, isAmbiguous: true),
    ]

    @Test("is ambiguous if two parties could read it differently", arguments: samples)
    func ambiguity(sample: Sample) {
        #expect((head(sample.headers, isHTTP10: sample.isHTTP10).ambiguity != nil) == sample.isAmbiguous)
    }

    @Test("is ambiguous if any header that is read comes twice and is no list", arguments: HeaderName.allCases)
    func repetition(name: HeaderName) throws {
        let ambiguity = head([(.host, "h"), (name, "x"), (name, "x")]).ambiguity
        if [.forwardedFor, .traceparent, .tracestate].contains(name) { return #expect(ambiguity == nil) }
        #expect(try #require(ambiguity).contains(name.rawValue))
    }

    @Test("has a method that is known by its exact name")
    func methods() {
        for method in HTTPMethod.allCases where method != .other {
            #expect(HTTPMethod(method.rawValue) == method)
            for name in [method.rawValue.lowercased(), method.rawValue + "S", String(method.rawValue.dropLast())] {
                #expect(HTTPMethod(name) == .other, "\(name)")
            }
        }
        for name in ["", "P", "TRACE", "CONNECT", "other", "GEX"] { #expect(HTTPMethod(name) == .other, "\(name)") }
    }

    @Test("says whether a body follows")
    func bodies() {
        #expect(!head([]).announcesBody)
        #expect(!head([(.contentLength, "0")]).announcesBody)
        #expect(head([(.contentLength, "1")]).announcesBody)
        #expect(head([(.contentLength, "12")]).contentLength == 12)
        #expect(head([(.transferEncoding, "chunked")]).announcesBody)
        #expect(head([(.transferEncoding, "chunked")]).isChunked)
    }

    private func head(_ headers: [(HeaderName, String)], isHTTP10: Bool = false) -> RequestHead {
        var fields = HeaderFields()
        for (name, value) in headers { fields.add(name, value) }
        return RequestHead(method: .post, path: "/", isHTTP10: isHTTP10, fields: fields)
    }
}
