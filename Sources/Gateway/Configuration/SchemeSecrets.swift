internal import Routes

/// The settings of a hook's scheme, as they stand in the configuration and in the files that it names.
struct SchemeSecrets {
    let values: SchemeValues
    /// The settings that the scheme has.
    let settings: [SchemeSetting]
    /// The files from which secrets were read.
    let files: [String]

    /// `nil` if something that is needed is missing or wrong; the reader has been told.
    ///
    /// - Parameter scheme: its name. Of an unknown scheme no setting is missing, and none is too much.
    init?(_ members: inout MappingReader, scheme: String?) {
        let known = scheme.flatMap { HookSchemes.settings(of: $0) }
        settings = known ?? HookSchemes.allSettings
        var reading = Reading(members: members)
        let secrets = reading.secrets()
        var texts: [String: String] = [:]
        for setting in settings { texts[setting.name] = reading.text(setting, isRequired: known != nil) }
        members = reading.members
        if let scheme, known != nil { members.refuse(HookSchemes.allSettings, but: settings, of: scheme) }
        guard reading.isComplete else { return nil }
        values = SchemeValues(secrets: secrets, texts)
        files = reading.files
    }
}

/// Reads texts, and the files in which they may stand instead.
private struct Reading {
    var members: MappingReader
    private(set) var files: [String] = []
    private(set) var isComplete = true

    init(members: MappingReader) {
        self.members = members
    }

    /// White space around a secret, such as a line break at its end, is not part of it.
    mutating func secrets() -> [String] {
        (members.texts("secrets") ?? []).map { String($0[...].withoutSpaceAround) }
            + (members.texts("secretFiles") ?? []).compactMap { file($0, "secretFiles") }
    }

    mutating func text(_ setting: SchemeSetting, isRequired: Bool) -> String? {
        let (name, fileName) = (setting.name, setting.fileName)
        let hasFile = fileName.map(members.has) ?? false
        if isRequired, setting.isRequired, !members.has(name), !hasFile {
            members.fail(nil, "has no \(name)")
            isComplete = false
        }
        if let fileName, hasFile, members.has(name) {
            members.fail(fileName, "not together with \(name)")
            isComplete = false
        }
        let text = members.text(name)
        // What is written and wrong has been told of.
        if members.has(name), text == nil { isComplete = false }
        guard let fileName, let path = members.text(fileName) else {
            return setting.isSecret ? text.map { String($0[...].withoutSpaceAround) } : text
        }
        return file(path, fileName)
    }

    private mutating func file(_ name: String, _ key: String) -> String? {
        let path = members.path(of: name)
        files.append(path)
        if let line = FileContents.firstLine(of: path) { return line }
        members.fail(key, "has '\(path)', from which no secret can be read", missing: path)
        isComplete = false
        return nil
    }
}

extension SchemeSetting {
    /// The setting that names a file with it.
    fileprivate var fileName: String? { isSecret ? "\(name)File" : nil }

    fileprivate var names: [String] { [name] + (fileName.map { [$0] } ?? []) }
}

extension MappingReader {
    /// Tells of settings that hooks of other schemes have.
    fileprivate mutating func refuse(_ all: [SchemeSetting], but own: [SchemeSetting], of scheme: String) {
        for setting in all where !own.contains(where: { $0.name == setting.name }) {
            for name in setting.names where has(name) {
                _ = node(name)
                let others = HookSchemes.names(having: setting).joined(separator: ", ")
                fail(name, "is a setting of \(others), and the scheme is \(scheme)")
            }
        }
    }
}
