import Testing

@testable import Routes

@Suite("The origin of web pages")
struct WebOriginTests {
    @Test(
        "is a scheme, a host and perhaps a port",
        arguments: [
            "https://app.example.com", "http://localhost", "http://localhost:3000", "http://127.0.0.1:8081",
            "https://app.example.com:8443", "http://example.com:443", "https://example.com:80", "http://[::1]:3000",
            "https://[2001:db8::1]", "https://xn--bcher-kva.example", "chrome-extension://abcdefgh",
            "capacitor://localhost", "https://a_b.example.com", "http://a:65535", "http://a:1",
        ])
    func isOne(text: String) {
        #expect(WebOrigin(text)?.description == text)
    }

    @Test("is in lower case, as browsers send it")
    func lowerCase() {
        #expect(WebOrigin("HTTPS://App.Example.COM:8443")?.description == "https://app.example.com:8443")
    }

    @Test(
        "is nothing that no browser sends",
        arguments: [
            "", "*", "null", "none", "https://*", "https://*.example.com", "app.example.com", "localhost:3000",
            "//app.example.com", "https:", "https:/", "https://", "https:///", "://app.example.com",
            "https://app.example.com/", "https://app.example.com/path", "https://app.example.com?q",
            "https://app.example.com#x", "https://user@app.example.com", "https://user:1@app.example.com",
            " https://app.example.com", "https://app.example.com ", "https://app example.com",
            "https://app.example.com:", "https://app.example.com:0", "https://app.example.com:08443",
            "https://app.example.com:65536", "https://app.example.com:x", "https://app.example.com:+1",
            "https://app.example.com:1:2", "https://app.example.com:443", "http://app.example.com:80",
            "HTTP://app.example.com:80", "https://bücher.example", "https://[::1", "https://::1", "https://[]",
            "https://[::1]x", "https://[::1]:", "https://[g::1]", "https://a]", "1http://a", "ht_tp://a",
            "https://a\r\nX: y", "https://a,https://b", "https://" + String(repeating: "a", count: 254),
            String(repeating: "a", count: 33) + "://a",
        ])
    func isNone(text: String) {
        #expect(WebOrigin(text) == nil)
    }

    @Test("has a host of 253 bytes at the most")
    func longest() {
        let text = "https://" + String(repeating: "a", count: 253)
        #expect(WebOrigin(text)?.description == text)
    }
}
