internal import Hashing

/// A file of the console.
package struct ConsoleFile: Sendable {
    /// Its path in the console's folder, such as `app.js`.
    let name: String
    let contentType: StaticString
    let body: [UInt8]
    /// For `ETag` and `If-None-Match`.
    let tag: String

    package init(_ name: String, _ body: [UInt8]) {
        self.name = name
        self.body = body
        let types: [(ending: String, type: StaticString)] = [
            (".html", "text/html; charset=utf-8"), (".js", "text/javascript; charset=utf-8"),
            (".css", "text/css; charset=utf-8"),
        ]
        contentType = types.first { name.hasSuffix($0.ending) }?.type ?? "text/plain; charset=utf-8"
        tag = "\"" + body.withUnsafeBufferPointer { SHA256.Digester().digest(of: $0) }.hexadecimal.prefix(32) + "\""
    }
}
