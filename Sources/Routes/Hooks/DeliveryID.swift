internal import Hashing
internal import JSON

/// What a sender calls a delivery, to be able to send it again: how to find it.
enum DeliveryID: Sendable {
    case template(Template)
    /// `webhook-id` or `svix-id`, whichever belongs to the signature.
    case standardWebhooks

    /// The provider's own.
    init?(_ scheme: HookScheme) {
        switch scheme.kind {
        case .github: self = .template(.githubDelivery)
        case .stripe: self = .template(.stripeEvent)
        case .slack: self = .template(.slackEvent)
        case .standardWebhooks: self = .standardWebhooks
        case .bearer, .unsigned, .hmac: return nil
        }
    }

    /// - Returns: `nil` where there is none: a delivery without an id is new every time.
    func find(in source: TemplateSource) -> String? {
        switch self {
        case .template(let template): try? template.name(from: source)
        case .standardWebhooks: StandardWebhooksSignature.id(source.fields)
        }
    }
}

extension Template {
    fileprivate static let githubDelivery = known("{header:X-GitHub-Delivery}")
    /// Of an event object. What is delivered again has the same one.
    fileprivate static let stripeEvent = known("{/id}")
    /// Of Slack's Events API; its commands and interactions are sent once, and have none.
    fileprivate static let slackEvent = known("{/event_id}")

    private static func known(_ text: String) -> Template {
        do throws(ParseError) {
            return try Template(text)
        } catch {
            preconditionFailure("\(text): \(error)")
        }
    }
}

/// A delivery as the store knows it: a digest, so that all take the same room however long their ids are.
struct DeliveryKey: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// - Parameter parts: whose delivery it is, and its id.
    init(_ parts: String...) {
        var hash = SHA256()
        for part in parts { hash.update(Array("\(part.utf8.count):\(part)".utf8)) }
        let digest = hash.finish()
        high = digest[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
