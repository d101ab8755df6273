import Routes
import Testing

@Suite("A request target")
struct RequestTargetTests {
    @Test(
        "in absolute form has an authority, and a path behind it",
        arguments: [
            ("http://localhost:8080/v1/emit", "localhost:8080", "/v1/emit"), ("HTTPS://[::1]/", "[::1]", "/"),
            ("http://host", "host", ""), ("http:///x", "", "/x"), ("hTTp://a/b//c", "a", "/b//c"),
        ])
    func absolute(target: String, authority: String, path: String) {
        let bytes = Array(target.utf8)
        #expect(RequestTarget.authority(of: bytes) == authority)
        #expect(String(decoding: bytes.dropFirst(RequestTarget.pathOffset(in: bytes)), as: UTF8.self) == path)
    }

    @Test(
        "in any other form is what it is",
        arguments: ["/", "/v1/emit", "*", "host:443", "", "http:/x", "//host/x", "ftp://host/x", "/http://host/"])
    func others(target: String) {
        let bytes = Array(target.utf8)
        #expect(RequestTarget.authority(of: bytes) == nil)
        #expect(RequestTarget.pathOffset(in: bytes) == 0)
    }
}
