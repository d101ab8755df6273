import Routes
import Testing

@testable import Gateway

@Suite("An answer past libmicrohttpd")
struct RawAnswerTests {
    @Test("is a whole answer that ends the connection")
    func bytes() {
        var response = Response(status: 413, contentType: "application/problem+json", body: Array("{}\n".utf8))
        response.requestID = .text("abc")
        let text = String(decoding: RawAnswer.bytes(response, isPost: true, date: 784_111_777), as: UTF8.self)
        #expect(
            text == """
                HTTP/1.1 413 Content Too Large\r
                Date: Sun, 06 Nov 1994 08:49:37 GMT\r
                Content-Type: application/problem+json\r
                X-Content-Type-Options: nosniff\r
                Cache-Control: no-store\r
                Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r
                X-Request-Id: abc\r
                Connection: close\r
                Content-Length: 3\r
                \r
                {}

                """)
    }
}
