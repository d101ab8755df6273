extension Problem {
    /// The media type that came instead of those that a route takes, and how to send these.
    static func mediaType(of head: RequestHead, for body: Route.Body) -> Problem {
        let type = head.fields[.contentType].map(ContentType.init)
        var detail = "there is no Content-Type"
        if let text = head.fields[.contentType], !text.isEmpty {
            detail = "Content-Type is '\(text.printable(atMost: 64))'"
        }
        // What `curl -d` says unless it is told something else (curl's manual, --data).
        if let type, type.isForm, !body.takesForms { detail += ", as curl says unless told" }
        detail += "; send \(body.wanted), in UTF-8"
        if let text = head.fields[.contentType], MediaType(text) == .ndjson {
            detail += " (many emits: POST /v1/batch)"
        }
        return Problem(.unsupportedMediaType, detail)
    }
}

extension Route.Body {
    fileprivate var takesForms: Bool { if case .hook = self { true } else { false } }

    /// How to say what the body is.
    fileprivate var wanted: String {
        switch self {
        case .hook: "JSON (-H 'Content-Type: application/json') or a form"
        case .batch:
            "-H 'Content-Type: application/json', or application/x-ndjson for an emit on each line "
                + "(with curl's --data-binary: -d drops line feeds)"
        case .none, .json, .cloudEvents: "-H 'Content-Type: application/json'"
        }
    }
}
