internal import JSON

/// A feature that not every server has: it is not asked of one that does not name it in its heartbeats
/// (docs/cluster-protocol.md, Presence).
public enum ServerFeature: String, Sendable, CaseIterable {
    /// Emits with acknowledgements.
    case acks
    /// Rooms that are numbers.
    case numbers
    /// Reports of who comes and goes, and which rooms live.
    case events
}

extension ServerFeature {
    /// - Parameter features: `nil`: an early companion, which can do acknowledgements, and nothing else.
    func isAmong(_ features: Set<String>?) -> Bool { features?.contains(rawValue) ?? (self == .acks) }
}

/// The traits that a heartbeat tells of its server beside its namespaces. Any writer to the exchange can make them up,
/// so they are bounded.
struct ServerTraits: Equatable {
    /// The features that the server names; `nil`: an early companion, which names none.
    var features: Set<String>?
    /// The routing key that the server has bound for as long as it is on the broker.
    var probe: String?
    /// The class of the adapter that an `attachGateway` stands beside.
    var adapter: String?

    /// The most features that are kept, and the longest text of each; others are left out.
    static let mostFeatures = 32
    private static let longestFeature = 64
    private static let longestAdapter = 128
    /// The beginning of keys for probes. Another key could belong to a reader that takes a probe for something else.
    private static let probePrefix = "#server#"

    func has(_ feature: ServerFeature) -> Bool { feature.isAmong(features) }
}

extension ServerTraits {
    /// - Parameter heartbeat: the members of the message.
    init(_ heartbeat: CheckedJSON.Members) {
        if let list = heartbeat["features"], list.kind == .array {
            var features: Set<String> = []
            list.forEachElement { _, value in
                guard features.count < Self.mostFeatures, let name = value.string,
                    name.utf8.count <= Self.longestFeature
                else { return }
                features.insert(name)
            }
            self.features = features
        }
        if let key = heartbeat["probe"]?.string, key.utf8.starts(with: Self.probePrefix.utf8),
            key.utf8.count <= Publication.maximumNameBytes
        {
            probe = key
        }
        if let name = heartbeat["adapter"]?.string, name.utf8.count <= Self.longestAdapter { adapter = name }
    }
}
