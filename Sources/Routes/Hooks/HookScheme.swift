internal import JSON

/// All that the gateway knows of who delivers to a hook: how a delivery proves whose it is, what it is called, and what its sender
/// asks for before the first one. A scheme is one file in `Schemes`, and one line in ``HookSchemes``.
protocol HookScheme: Sendable {
    /// The value of `scheme` in the configuration.
    static var name: String { get }
    /// The settings of hooks of this scheme, beside those of all hooks.
    static var settings: [SchemeSetting] { get }
    /// Whether a delivery proves whose it is.
    static var isSigned: Bool { get }
    /// Whether GET and HEAD are answered, by ``confirmation(of:)``.
    static var confirmsAddress: Bool { get }

    init(_ values: SchemeValues) throws(HookConfigurationError)

    /// Tries all secrets, whichever matches, and compares everything in constant time.
    ///
    /// - Parameters:
    ///   - body: the bytes as they came.
    ///   - now: seconds since 1970.
    /// - Throws: when a delivery does not come from who knows a secret.
    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault)

    /// The headers with which a delivery of this body comes from its sender, under the first secret: what ``verify(_:body:now:)`` accepts.
    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader]

    /// Headers whose values are secrets themselves, and must not become part of an event. In lower case.
    var credentialHeaders: [String] { get }

    /// The sender's id of a delivery, which is the same when it comes again; `nil`: none, it is new every time.
    func deliveryID(in source: TemplateSource) -> String?

    /// The text that an authentic delivery waits for, if it only asks whether the address is ours; otherwise `nil`.
    func challenge(in body: JSONValue) throws(Problem) -> String?

    /// The text that a sender waits for which asks, by GET or HEAD, whether the address is ours.
    ///
    /// - Parameter query: as it was sent. Anybody may send any.
    /// - Throws: when it does not come from who was told the address.
    func confirmation(of query: String) throws(SignatureFault) -> String
}

extension HookScheme {
    static var settings: [SchemeSetting] { [] }
    static var isSigned: Bool { true }
    static var confirmsAddress: Bool { false }

    var credentialHeaders: [String] { [] }
    func deliveryID(in source: TemplateSource) -> String? { nil }
    func challenge(in body: JSONValue) throws(Problem) -> String? { nil }
    /// The router lets no such request pass.
    func confirmation(of query: String) throws(SignatureFault) -> String { throw .malformedQuery }
}

/// A header of a delivery that was signed here.
package struct SignedHeader: Sendable, Equatable {
    /// In lower case.
    package let name: String
    package let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}
