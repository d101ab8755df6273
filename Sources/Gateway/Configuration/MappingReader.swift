internal import Routes
internal import SettingTypes
internal import YAML

/// Reads a mapping of the configuration file, member by member. A member that was not read is one that the
/// configuration does not have.
struct MappingReader {
    /// The name of the mapping in errors: `keys[0]`.
    let name: String
    private let line: Int
    private let members: [(key: String, line: Int, value: YAMLNode)]
    private var known: Set<String> = []
    private let faults: FileFaults

    /// `nil`, and a fault, for anything but a mapping.
    init?(_ node: YAMLNode, name: String, _ faults: FileFaults) {
        guard case .mapping(let members) = node.content else {
            faults.add(node.line, "\(name) must be a mapping")
            return nil
        }
        self.name = name
        line = node.line
        self.members = members
        self.faults = faults
    }

    /// Whether there is such a member.
    func has(_ key: String) -> Bool { members.contains { $0.key == key } }

    /// Tells what is wrong with a member; `nil`: with the whole mapping.
    func fail(_ key: String?, _ detail: String) {
        let line = members.first { $0.key == key }?.value.line ?? line
        faults.add(line, "\(key.map { "\(name).\($0)" } ?? name) \(detail)")
    }

    /// Tells that a file is not there that a member names.
    func fail(_ key: String, _ detail: String, missing path: String) {
        faults.missingFile = path
        fail(key, detail)
    }

    /// The path of a file that a member names.
    func path(of name: String) -> String { faults.path(of: name) }

    /// Tells what is wrong with a part of a member.
    func fail(_ key: String, at path: String, _ detail: String) {
        faults.add(members.first { $0.key == key }?.value.line ?? line, "\(name).\(path) \(detail)")
    }

    /// A reader for a mapping in this one; `nil`, and a fault, for anything else.
    func inner(_ node: YAMLNode, _ key: String) -> MappingReader? {
        MappingReader(node, name: "\(name).\(key)", faults)
    }

    /// A member as it is.
    mutating func node(_ key: String) -> YAMLNode? {
        known.insert(key)
        return members.first { $0.key == key }?.value
    }

    mutating func text(_ key: String) -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let text) = node.content, !text.isEmpty else {
            fail(key, node.unquotedTemplate.map(YAMLNode.needsQuotes) ?? "must be text")
            return nil
        }
        return text
    }

    mutating func requiredText(_ key: String) -> String? {
        if !has(key) { fail(nil, "has no \(key)") }
        return text(key)
    }

    /// A list of texts; a single one may stand for itself.
    mutating func texts(_ key: String) -> [String]? {
        guard let node = node(key) else { return nil }
        switch node.content {
        case .scalar(let text) where !text.isEmpty: return [text]
        case .sequence(let elements):
            for (index, element) in elements.enumerated() {
                guard let template = element.unquotedTemplate else { continue }
                fail(key, at: "\(key)[\(index)]", YAMLNode.needsQuotes(template))
                return nil
            }
            let texts: [String] = elements.compactMap {
                if case .scalar(let text) = $0.content, !text.isEmpty { text } else { nil }
            }
            if texts.count == elements.count, !texts.isEmpty { return texts }
        default: break
        }
        fail(key, node.unquotedTemplate.map(YAMLNode.needsQuotes) ?? "must be a list of texts")
        return nil
    }

    /// - Parameter isSecret: whether what stands there may be a secret by mistake, and is not shown.
    mutating func value<Value>(
        _ key: String, _ expected: String, isSecret: Bool = false, _ parse: (String) -> Value?
    ) -> Value? {
        guard let text = text(key) else { return nil }
        guard let value = parse(text) else {
            fail(key, isSecret ? "must be \(expected)" : "is '\(text)', but must be \(expected)")
            return nil
        }
        return value
    }

    mutating func value<Value>(_ key: String, _ type: SettingType<Value>) -> Value? {
        value(key, type.kind.expected, type.parse)
    }

    mutating func boolean(_ key: String) -> Bool? {
        value(key, "true or false") { $0 == "true" ? true : $0 == "false" ? false : nil }
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        value(key, .count(range))
    }

    /// Ends the reading: members that are left are unknown.
    func finish() {
        for (key, line, _) in members where !known.contains(key) {
            faults.add(line, "'\(name).\(key)' is no setting\(Suggestion.of(known, for: key))")
        }
    }
}

extension YAMLNode {
    /// Each element of a list of entries; a fault for anything else.
    func entries(_ name: String, _ faults: FileFaults) -> [(node: YAMLNode, name: String)] {
        switch content {
        case .sequence(let elements): return elements.enumerated().map { ($1, "\(name)[\($0)]") }
        case .null: return []
        default:
            faults.add(line, "\(name) must be a list")
            return []
        }
    }
}
