internal import Routes
internal import SettingTypes
internal import YAML

/// A hook as it stands in the configuration.
struct HookEntry: Sendable {
    /// The hook, without its rate.
    let hook: Hook
    let rate: Rate?
    /// The members as they were written, but for secrets.
    let members: [(key: String, value: YAMLNode)]
    /// The names of what was written and is secret.
    let hiddenMembers: [String]
    /// The files from which secrets were read.
    let secretFiles: [String]

    /// The hooks that are listed.
    static func read(_ node: YAMLNode, _ faults: FileFaults) -> [HookEntry] {
        var names: Set<String> = []
        return node.entries("hooks", faults).compactMap { node, name in
            guard var members = MappingReader(node, name: name, faults) else { return nil }
            let entry = HookEntry(&members, node)
            members.finish()
            if let entry, !names.insert(entry.hook.name).inserted { members.fail("name", "is another hook's, too") }
            return entry
        }
    }

    /// `nil` if something that is needed is missing or wrong; the reader has been told.
    private init?(_ members: inout MappingReader, _ node: YAMLNode) {
        let name = members.requiredText("name")
        let scheme = members.requiredText("scheme")
        let secrets = SchemeSecrets(&members, scheme: scheme)
        let mapping = EmitMapping(&members)
        let rate = Rate(&members)
        let bodyBytes = members.value("maxBodyBytes", .bytes(1...16_777_216))
        let deliveryID = members.text("deliveryId")
        let terms = HandshakeTerms(&members)
        let confirmWait = members.confirmWait()
        guard let name, let scheme, let secrets, let mapping else { return nil }
        do throws(HookConfigurationError) {
            hook = try Hook(
                name: name, scheme: scheme, values: secrets.values, mapping: mapping, deliveryID: deliveryID,
                bodyBytes: bodyBytes, confirmWait: confirmWait, allowedOrigins: terms.origins,
                allowedRate: terms.rate)
        } catch {
            members.fail(error)
            return nil
        }
        secretFiles = secrets.files
        self.rate = rate
        guard case .mapping(let written) = node.content else { return nil }
        let hidden = ["secrets"] + secrets.settings.filter(\.isSecret).map(\.name)
        self.members = written.filter { !hidden.contains($0.key) }.map { ($0.key, $0.value) }
        hiddenMembers = written.map(\.key).filter(hidden.contains)
    }

    /// Whether it takes deliveries from any sender, for anything.
    var isOpen: Bool { !hook.isSigned && !members.contains { $0.key == "allow" } }
}

/// The entry `cloudEvents`.
struct CloudEventEntry: Sendable {
    let mapping: CloudEventMapping
    let node: YAMLNode

    /// `nil` if something is wrong there.
    init?(_ node: YAMLNode, _ faults: FileFaults) {
        guard var members = MappingReader(node, name: "cloudEvents", faults) else { return nil }
        let terms = HandshakeTerms(&members)
        let confirmWait = members.confirmWait()
        let mapping = EmitMapping(&members, event: "{/type}", rooms: ["{/subject}"])
        members.finish()
        guard let mapping else { return nil }
        do throws(HookConfigurationError) {
            self.mapping = try CloudEventMapping(
                mapping: mapping, confirmWait: confirmWait, allowedOrigins: terms.origins, allowedRate: terms.rate)
        } catch {
            members.fail(error)
            return nil
        }
        self.node = node
    }
}

/// The terms that CloudEvents' handshake grants to a sender.
private struct HandshakeTerms {
    let origins: [String]
    let rate: Int?

    init(_ members: inout MappingReader) {
        origins = members.texts("allowedOrigins") ?? []
        rate = members.integer("allowedRate", in: 1...1_000_000_000)
    }
}

extension EmitMapping {
    /// - Parameters:
    ///   - event: the event for a mapping that gives none; `rooms` likewise.
    fileprivate init?(_ members: inout MappingReader, event usual: String? = nil, rooms usualRooms: [String]? = nil) {
        let event = usual == nil ? members.requiredText("event") : members.text("event") ?? usual
        let everyone = members.boolean("everyone") ?? false
        let rooms = members.texts("rooms") ?? (everyone ? nil : usualRooms)
        let namespace = members.text("namespace") ?? "/"
        let except = members.texts("except") ?? []
        let args = Self.arguments(&members)
        let conditions = Self.conditions(&members)
        let reach = members.node("allow").flatMap { members.inner($0, "allow") }.map { inner in
            var inner = inner
            let reach = Reach(&inner)
            inner.finish()
            return reach
        }
        guard let event else { return nil }
        do throws(HookConfigurationError) {
            try self.init(
                namespace: namespace, event: event, rooms: rooms, everyone: everyone, except: except, args: args,
                when: conditions, reach: reach ?? Reach())
        } catch {
            members.fail(error)
            return nil
        }
    }

    private static func arguments(_ members: inout MappingReader) -> [ArgumentTemplate]? {
        guard let node = members.node("args") else { return nil }
        guard case .sequence(let elements) = node.content else {
            members.fail("args", "must be a list")
            return nil
        }
        var arguments: [ArgumentTemplate] = []
        for (index, element) in elements.enumerated() {
            if let text = element.unquotedTemplate {
                members.fail("args", at: "args[\(index)]", YAMLNode.needsQuotes(text))
                continue
            }
            do throws(HookConfigurationError) {
                if case .scalar(let text) = element.content, !element.isJSONConstant {
                    arguments.append(try ArgumentTemplate(template: text))
                } else {
                    arguments.append(try ArgumentTemplate(json: element.json))
                }
            } catch {
                members.fail("args", at: "args[\(index)]", error.detail)
            }
        }
        return arguments
    }

    private static func conditions(_ members: inout MappingReader) -> [HookCondition] {
        guard let node = members.node("when") else { return [] }
        guard case .sequence(let elements) = node.content else {
            members.fail("when", "must be a list")
            return []
        }
        return elements.enumerated().compactMap { index, element in
            guard var condition = members.inner(element, "when[\(index)]") else { return nil }
            defer { condition.finish() }
            let value = condition.requiredText("value")
            let tests: [HookCondition.Test] = [
                condition.text("equals").map { .equals($0) }, condition.texts("in").map { .isOneOf($0) },
                condition.text("matches").map { .matches($0) },
            ].compactMap { $0 }
            guard ["equals", "in", "matches"].filter({ condition.has($0) }).count == 1 else {
                condition.fail(nil, "must have one of equals, in and matches")
                return nil
            }
            guard let value, tests.count == 1 else { return nil }
            do throws(HookConfigurationError) {
                return try HookCondition(value: value, tests[0])
            } catch {
                condition.fail("value", error.detail)
                return nil
            }
        }
    }
}

extension MappingReader {
    fileprivate mutating func confirmWait() -> Duration {
        value("confirmTimeout", "a duration of less than 3s, such as 2s", SettingType.duration().parse)
            ?? Hook.usualConfirmWait
    }

    fileprivate func fail(_ error: HookConfigurationError) {
        fail(String(error.field.prefix { $0 != "[" }), at: error.field, error.detail)
    }
}
