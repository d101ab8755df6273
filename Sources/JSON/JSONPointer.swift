extension String {
    /// A key as a JSON Pointer's token (RFC 6901, section 3), shortened if it is absurdly long.
    public var jsonPointerToken: String {
        unicodeScalars.prefix(64).map { scalar in
            switch scalar {
            case "~": "~0"
            case "/": "~1"
            default: String(scalar)
            }
        }.joined()
    }
}
