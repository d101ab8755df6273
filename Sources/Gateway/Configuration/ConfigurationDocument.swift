internal import JSON
internal import Routes

/// What `GET /v1/config` answers: what the gateway runs with, and no secret.
struct ConfigurationDocument: Sendable {
    private var live: LiveConfiguration
    /// When the process was.
    private let started: UTCTime
    /// When the configuration was read.
    private var loaded: UTCTime

    /// - Parameter now: when the process starts.
    init(_ live: LiveConfiguration, now: UTCTime) {
        self.live = live
        started = now
        loaded = now
    }

    mutating func update(_ live: LiveConfiguration, now: UTCTime) {
        self.live = live
        loaded = now
    }

    /// With the keys' last use as it is now.
    var json: [UInt8] {
        let (configuration, keys) = (live.configuration, live.keys)
        let waiting = live.settingsWaiting(for: configuration)
        var json: [UInt8] = []
        json.append(json: "{\"version\":")
        json.append(jsonString: GatewayCommand.version)
        json.append(json: ",\"started\":")
        json.append(started)
        json.append(json: ",\"loaded\":")
        json.append(loaded)
        json.append(json: ",\"file\":")
        if let file = configuration.file { json.append(jsonString: file) } else { json.append(json: "null") }
        json.append(json: ",\"settings\":{")
        append(settingsTo: &json, waiting)
        json.append(json: "},\"waitingForRestart\":")
        json.append(jsonStrings: waiting.map(\.path))
        json.append(json: ",\"keys\":[")
        for (index, key) in keys.entries.enumerated() {
            if index > 0 { json.append(json: ",") }
            json.append(key, lastUses: keys.lastUses(of: key))
        }
        json.append(json: "],\"hooks\":[")
        for (index, hook) in configuration.hooks.enumerated() {
            if index > 0 { json.append(json: ",") }
            json.append(hook)
        }
        json.append(json: "],\"cloudEvents\":")
        json.append(contentsOf: (configuration.cloudEvents?.node.json ?? "null").utf8)
        json.append(json: "}\n")
        return json
    }

    private func append(settingsTo json: inout [UInt8], _ waiting: [Setting]) {
        var isFirst = true
        for setting in Setting.all {
            // What waits for a restart is still what it was.
            let found = waiting.contains(setting) ? live.running[setting] : live.configuration.origins[setting]
            guard let found else { continue }
            if !isFirst { json.append(json: ",") }
            isFirst = false
            json.append(jsonString: setting.path)
            json.append(json: ":{\"value\":")
            switch ConfigurationText.shown(setting, found.text) {
            case .hidden: json.append(jsonString: ConfigurationText.redacted)
            case .text(let text): json.append(jsonString: text)
            case .list(let texts): json.append(jsonStrings: texts)
            }
            json.append(json: ",\"from\":")
            json.append(found.origin)
            json.append(json: "}")
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ time: UTCTime?) {
        if let time { append(jsonString: time.description) } else { append(json: "null") }
    }

    fileprivate mutating func append(_ origin: SettingSource.Origin) {
        switch origin {
        case .flag: append(json: "\"flag\"")
        case .environment: append(json: "\"environment\"")
        case .byDefault: append(json: "\"default\"")
        case .file(let line):
            append(json: "\"file\",\"line\":")
            append(contentsOf: String(line).utf8)
        case .secretFile(let path):
            append(json: "\"secretFile\",\"path\":")
            append(jsonString: path)
        }
    }

    fileprivate mutating func append(_ key: KeyEntry, lastUses: [UTCTime?]) {
        append(json: "{\"name\":")
        append(jsonString: key.name)
        append(json: ",\"scopes\":")
        append(jsonStrings: Scope.allCases.filter(key.scopes.contains).map(\.rawValue))
        append(globs: key.reach)
        append(json: ",\"expires\":")
        append(key.expires.map { UTCTime(seconds: $0) })
        append(json: ",\"rate\":")
        if let rate = key.rate { append(jsonString: rate.text) } else { append(json: "null") }
        append(json: ",\"burst\":")
        if let rate = key.rate { append(contentsOf: String(rate.burst).utf8) } else { append(json: "null") }
        append(json: ",\"lastUse\":")
        append(lastUses.compactMap { $0 }.max { $0.seconds < $1.seconds })
        append(json: ",\"lastUseByHash\":[")
        for (index, use) in lastUses.enumerated() {
            if index > 0 { append(json: ",") }
            append(use)
        }
        append(json: "]}")
    }

    fileprivate mutating func append(_ hook: HookEntry) {
        append(json: "{")
        for (index, member) in hook.members.enumerated() {
            if index > 0 { append(json: ",") }
            append(jsonString: member.key)
            append(json: ":")
            append(contentsOf: member.value.json.utf8)
        }
        if hook.hasSecrets {
            append(json: ",\"secrets\":")
            append(jsonStrings: [ConfigurationText.redacted])
        }
        append(json: "}")
    }
}
