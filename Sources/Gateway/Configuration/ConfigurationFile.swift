internal import Routes
internal import SettingTypes
internal import YAML

/// The content of a configuration file: the texts of settings, and the entries that only a file can have.
struct ConfigurationFile: Sendable {
    /// A section that is no setting: its entries can stand in a file only.
    private enum Section: String, CaseIterable {
        case keys, hooks, cloudEvents
    }

    struct Text: Sendable, Equatable {
        let text: String
        let line: Int
    }

    let path: String
    private(set) var texts: [Setting: Text] = [:]
    /// The names of files in which secrets are.
    private(set) var secretFiles: [Setting: Text] = [:]
    private(set) var keys: [KeyEntry] = []
    private(set) var hooks: [HookEntry] = []
    private(set) var cloudEvents: CloudEventEntry?

    private static let mostBytes = 1 << 20

    /// The path of a file that is named in this one: relative paths begin at the folder that this file's own path
    /// names. Where that path is a link, as Kubernetes makes them, they are beside the link: the folder behind it goes
    /// with the next change.
    func path(of name: String) -> String { Self.path(of: name, besides: path) }

    fileprivate static func path(of name: String, besides path: String) -> String {
        guard !name.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return name }
        return path[...slash] + name
    }

    /// - Throws: the faults of the file, each with its line.
    init(reading path: String) throws(ConfigurationError) {
        let bytes: [UInt8]
        do throws(FileContents.Unreadable) {
            bytes = try FileContents.read(path, atMost: Self.mostBytes)
        } catch {
            throw ConfigurationError(description: "\(path): \(error.reason)")
        }
        try self.init(path: path, bytes)
    }

    /// The content that can be read of a file, whatever else is wrong with it; `nil`: none can.
    init?(salvaging path: String) {
        self.path = path
        guard let bytes = try? FileContents.read(path, atMost: Self.mostBytes),
            let root = try? YAMLNode.parse(bytes), !root.isNull
        else { return nil }
        read(root, at: "", FileFaults(path: path))
    }

    init(path: String, _ bytes: [UInt8]) throws(ConfigurationError) {
        self.path = path
        let root: YAMLNode?
        do throws(YAMLError) {
            root = try YAMLNode.parse(bytes)
        } catch {
            throw ConfigurationError(description: "\(path):\(error.line): \(error.detail)\(Self.hint(error, bytes))")
        }
        guard let root, !root.isNull else { return }
        let faults = FileFaults(path: path)
        read(root, at: "", faults)
        try faults.check()
    }

    /// libyaml may notice it a line later.
    private static func hint(_ error: YAMLError, _ bytes: [UInt8]) -> String {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let suspects = lines.prefix(error.line).suffix(2)
        return suspects.contains(where: YAMLNode.mayHaveUnquotedTemplate)
            ? " (a text with a template, such as {/id}, needs quotes)" : ""
    }

    private mutating func read(_ node: YAMLNode, at prefix: String, _ faults: FileFaults) {
        guard case .mapping(let members) = node.content else {
            return faults.add(node.line, prefix.isEmpty ? "must be a mapping" : "\(prefix) must be a mapping")
        }
        for (key, line, value) in members {
            let path = prefix.isEmpty ? key : "\(prefix).\(key)"
            if key.contains(".") {
                // A second way to the same setting.
                faults.add(line, "'\(key)' is no setting; where the names have a dot, there is a mapping")
            } else if let setting = Setting.all.first(where: { $0.path == path }) {
                texts[setting] = text(of: value, setting, faults)
            } else if let setting = Setting.all.first(where: { $0.filePath == path }) {
                secretFiles[setting] = scalar(value, path, faults)
            } else if let section = Section(rawValue: path) {
                switch section {
                case .keys: keys = KeyEntry.read(value, faults)
                case .hooks: hooks = HookEntry.read(value, faults)
                case .cloudEvents: cloudEvents = value.isNull ? nil : CloudEventEntry(value, faults)
                }
            } else if Setting.all.contains(where: { $0.path.hasPrefix(path + ".") }) {
                // With nothing below it, it may stay for what is to come.
                if !value.isNull { read(value, at: path, faults) }
            } else if let gone = Setting.gone.first(where: { $0.path == path }) {
                faults.add(line, "'\(path)' \(gone.reason)")
            } else {
                let suggestion = Suggestion.of(Self.names(below: prefix), for: key)
                faults.add(line, "'\(path)' is no setting\(suggestion)")
            }
        }
    }

    private func text(of value: YAMLNode, _ setting: Setting, _ faults: FileFaults) -> Text? {
        guard setting.kind.isList, case .sequence(let elements) = value.content else {
            return scalar(value, setting.path, faults)
        }
        let texts = elements.enumerated().compactMap { index, element in
            let path = "\(setting.path)[\(index)]"
            guard let text = scalar(element, path, faults)?.text else { return nil as String? }
            if text.contains(",") { faults.add(element.line, "\(path) must be without a comma") }
            return text
        }
        return Text(text: texts.joined(separator: ","), line: value.line)
    }

    private func scalar(_ value: YAMLNode, _ path: String, _ faults: FileFaults) -> Text? {
        switch value.content {
        case .scalar(let text): return Text(text: text, line: value.line)
        case .null: faults.add(value.line, "\(path) has no value")
        default: faults.add(value.line, "\(path) must be a single value")
        }
        return nil
    }

    /// The names that may stand in the mapping of this path.
    private static func names(below prefix: String) -> [String] {
        let start = prefix.isEmpty ? "" : prefix + "."
        let settings = Setting.all.flatMap { [$0.path, $0.filePath].compactMap(\.self) }
        let paths = settings + Section.allCases.map(\.rawValue)
        return paths.compactMap { path in
            path.hasPrefix(start) ? path.dropFirst(start.count).split(separator: ".").first.map(String.init) : nil
        }
    }
}

extension YAMLNode {
    var isNull: Bool {
        if case .null = content { true } else { false }
    }
}

/// The faults of a file.
final class FileFaults {
    let path: String
    private var found: [(line: Int, detail: String)] = []
    /// See ``ConfigurationError/missingFile``.
    var missingFile: String?

    init(path: String) {
        self.path = path
    }

    /// See ``ConfigurationFile/path(of:)``.
    func path(of name: String) -> String { ConfigurationFile.path(of: name, besides: path) }

    func add(_ line: Int, _ detail: String) {
        found.append((line, detail))
    }

    /// - Throws: all of it, a line each, in the order of the file.
    func check() throws(ConfigurationError) {
        guard !found.isEmpty else { return }
        let lines = found.sorted { $0.line < $1.line }.map { "\(path):\($0.line): \($0.detail)" }
        throw ConfigurationError(description: lines.joined(separator: "\n"), missingFile: missingFile)
    }
}
