internal import Logging

/// The first call to a gateway that was started without a key, and has made one.
struct FirstCall {
    /// The address at which the gateway listens.
    let address: ListenAddress
    let key: String

    /// A line for a shell.
    var curl: String {
        "curl \(address.path.map { "--unix-socket \($0) " } ?? "")-X POST \(url)/v1/emit -H 'Authorization: Bearer \(key)' -H 'Content-Type: application/json' "
            + "-d '{\"event\":\"hello\"}'"
    }

    /// A paragraph for people.
    var text: String {
        "\nNo key is configured, so this one was made, until the gateway ends. Try it:\n\n  \(curl)\n\n"
    }

    /// A line for programs. It is written whatever the log leaves out: the key stands nowhere else.
    var line: [UInt8] {
        LogLines.line(
            .json, time: LogLines.timestamp(), level: Logger.Level.warning.rawValue,
            message: "no key is configured: this one was made, until the gateway ends", fields: [("curl", curl)])
            + [UInt8(ascii: "\n")]
    }

    /// An address that listens on all is reached on this machine's own.
    private var url: String {
        if address.path != nil { return "http://localhost" }
        let host = ["0.0.0.0", "::"].contains(address.host) ? "127.0.0.1" : address.host
        return "http://\(ListenAddress(host: host, port: address.port))"
    }
}
