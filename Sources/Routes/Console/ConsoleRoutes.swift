/// `/console/`: the console's files. They are the same for everyone, and take no key; what they show does.
struct ConsoleRoutes: Sendable {
    static let path = "/console"

    /// By their names; none: the console is turned off.
    private let files: [String: ConsoleFile]

    init(_ files: [ConsoleFile]) { self.files = Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0) }) }

    @Sendable func redirect(_ request: Request) throws(Problem) -> Response {
        try checkIsOn()
        var response = Response(status: 308)
        // Whatever stands before the gateway may have a path of its own before this one.
        response.fields = [ResponseField("Location", "console/")]
        return response
    }

    @Sendable func file(_ request: Request) throws(Problem) -> Response {
        try checkIsOn()
        let name = String(request.head.path.dropFirst(Self.path.utf8.count + 1))
        guard let file = files[name.isEmpty ? "index.html" : name] else {
            throw Problem(.notFound, "the console has no such file")
        }
        let isKnown = request.head.fields.single("if-none-match").map { Self.names(file.tag, in: $0) } ?? false
        var response = Response(
            status: isKnown ? 304 : 200, contentType: isKnown ? nil : file.contentType, body: isKnown ? [] : file.body)
        response.isOfConsole = true
        response.fields = [
            ResponseField("ETag", file.tag), ResponseField("Cross-Origin-Opener-Policy", "same-origin"),
            ResponseField("Referrer-Policy", "no-referrer"),
        ]
        return response
    }

    private func checkIsOn() throws(Problem) {
        guard files.isEmpty else { return }
        throw Problem(.notFound, "the console is turned off: set `console: true`, or GATEWAY_CONSOLE=true")
    }

    /// `If-None-Match` (RFC 9110, section 13.1.2), which compares weakly.
    private static func names(_ tag: String, in header: String) -> Bool {
        header == "*"
            || header.split(separator: ",").contains { part in
                let part = part.drop { $0 == " " }
                return (part.hasPrefix("W/") ? part.dropFirst(2) : part).prefix { $0 != " " } == tag
            }
    }
}
