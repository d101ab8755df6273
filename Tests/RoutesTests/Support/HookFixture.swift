import AMQPBridge
import EventLoop
import Hashing
import JSON

@testable import Routes

extension HeaderFields {
    /// As they come in, under names in any letter case.
    init(_ headers: [(String, String)]) {
        self.init()
        for (name, value) in headers {
            let name = name.lowercased()
            if let known = HeaderName(rawValue: name) { add(known, value) } else { add(other: name, value) }
        }
    }
}

extension Router {
    /// A delivery with any headers; its media type is JSON unless they say otherwise.
    func deliver(
        _ body: String, to path: String = "/v1/hooks/h", _ headers: KeyValuePairs<String, String> = [:],
        method: HTTPMethod = .post, type: String? = "application/json"
    ) async -> Response {
        await deliver(Array(body.utf8), to: path, headers.map { ($0.key, $0.value) }, method: method, type: type)
    }

    func deliver(
        _ body: [UInt8], to path: String, _ headers: [(String, String)], method: HTTPMethod = .post, type: String?
    ) async -> Response {
        await exchange(delivering: body, to: path, headers, method: method, type: type).response
    }

    /// The same, with what is known of the request.
    func exchange(
        delivering body: String, _ headers: KeyValuePairs<String, String> = [:]
    ) async -> Exchange {
        await exchange(
            delivering: Array(body.utf8), to: "/v1/hooks/h", headers.map { ($0.key, $0.value) },
            type: "application/json")
    }

    func exchange(
        delivering body: [UInt8], to path: String, _ headers: [(String, String)], method: HTTPMethod = .post,
        type: String?
    ) async -> Exchange {
        var all = headers
        if !headers.contains(where: { $0.0 == "Host" }) { all.append(("Host", "localhost")) }
        if let type { all.append(("Content-Type", type)) }
        if !body.isEmpty { all.append(("Content-Length", String(body.count))) }
        return await exchange(RequestHead(method: method, path: path, fields: HeaderFields(all)), body: body)
    }
}

extension HookTable {
    /// One hook, `h`, that takes everything.
    static func unsigned(_ mapping: EmitMapping, deliveryID: String? = nil) throws -> HookTable {
        try HookTable([
            Hook(name: "h", scheme: "none", values: SchemeValues(secrets: []), mapping: mapping, deliveryID: deliveryID)
        ])
    }
}

extension EmitMapping {
    /// The event `e` for the room `r`.
    static func simple() throws -> EmitMapping { try EmitMapping(event: "e", rooms: ["r"]) }
}

extension Response {
    /// What became of a delivery.
    var outcome: String? { try? members()["status"]?.string }

    /// What a problem says of each place.
    var details: [String] {
        let errors = (try? members()["errors"]?.elements()) ?? []
        return errors.compactMap { $0.member("detail")?.string }
    }
}

func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

func hmac(_ text: String, _ secret: String, _ algorithm: HMAC.Algorithm = .sha256) -> [UInt8] {
    HMAC.code(algorithm, key: Array(secret.utf8), Array(text.utf8))
}

/// What a configuration is refused for.
func fault(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}

/// A scheme as the configuration makes it.
func scheme(_ name: String, _ secrets: [String], _ texts: [String: String] = [:]) throws -> any HookScheme {
    try HookSchemes.scheme(named: name, SchemeValues(secrets: secrets, texts))
}

extension HookScheme {
    func isAuthentic(_ fields: HeaderFields, body: [UInt8], now: Int64) -> Bool {
        fault(fields, body: body, now: now) == nil
    }

    func fault(_ fields: HeaderFields, body: [UInt8], now: Int64) -> SignatureFault? {
        do throws(SignatureFault) {
            try verify(fields, body: body, now: now)
            return nil
        } catch {
            return error
        }
    }
}
