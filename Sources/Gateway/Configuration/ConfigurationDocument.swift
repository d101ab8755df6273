internal import JSON
internal import Routes
internal import SettingTypes

/// The answer of `GET /v1/config`: the configuration that the gateway runs with, without secrets.
struct ConfigurationDocument: Sendable {
    private var live: LiveConfiguration
    /// The time at which the process started.
    private let started: UTCTime
    /// The time at which the configuration was read.
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

    /// The document, with the keys' last use as it is now.
    var json: [UInt8] {
        let (configuration, keys) = (live.configuration, live.keys)
        let waiting = live.settingsWaiting(for: configuration)
        var json = JSONWriter.bytes { json in
            json.object { json in
                json.member("version", GatewayCommand.version)
                json.member("started", started)
                json.member("loaded", loaded)
                json.member("file", configuration.file)
                json.object("settings") { settings(waiting, to: &$0) }
                json.member("waitingForRestart", waiting.map(\.path))
                json.list("keys") { list in
                    for key in keys.entries { list.object { $0.members(of: key, lastUses: keys.lastUses(of: key)) } }
                }
                json.list("hooks") { list in
                    for hook in configuration.hooks { list.object { $0.members(of: hook) } }
                }
                json.member("cloudEvents", configuration.cloudEvents?.node)
            }
        }
        json.append(UInt8(ascii: "\n"))
        return json
    }

    private func settings(_ waiting: [Setting], to json: inout JSONObjectWriter) {
        for setting in Setting.all {
            // A setting that waits for a restart still has its old value.
            let found = waiting.contains(setting) ? live.running[setting] : live.configuration.origins[setting]
            guard let found else { continue }
            json.member(named: setting.path) { json in
                json.object { json in
                    json.member("value", ConfigurationText.shown(setting, found.text))
                    json.members(of: found.origin)
                }
            }
        }
    }
}

extension ConfigurationText.Shown: JSONWritable {
    func write(to json: inout JSONWriter) {
        switch self {
        case .hidden: json.string(ConfigurationText.redacted)
        case .text(let text): json.string(text)
        case .list(let texts): texts.write(to: &json)
        }
    }
}

extension JSONObjectWriter {
    fileprivate mutating func members(of origin: SettingSource.Origin) {
        switch origin {
        case .flag: member("from", plain: "flag")
        case .environment: member("from", plain: "environment")
        case .byDefault: member("from", plain: "default")
        case .file(let line):
            member("from", plain: "file")
            member("line", line)
        case .secretFile(let path):
            member("from", plain: "secretFile")
            member("path", path)
        }
    }

    fileprivate mutating func members(of key: KeyEntry, lastUses: [UTCTime?]) {
        member("name", key.name)
        member("scopes", Scope.allCases.filter(key.scopes.contains).map(\.rawValue))
        globs(of: key.reach)
        member("expires", key.expires.map { UTCTime(seconds: $0) })
        member("rate", key.rate?.text)
        member("burst", key.rate?.burst)
        member("lastUse", lastUses.compactMap { $0 }.max { $0.seconds < $1.seconds })
        member("lastUseByHash", lastUses)
    }

    fileprivate mutating func members(of hook: HookEntry) {
        for entry in hook.members { member(named: entry.key, entry.value) }
        for name in hook.hiddenMembers {
            if name == "secrets" {
                member("secrets", [ConfigurationText.redacted])
            } else {
                member(named: name, ConfigurationText.redacted)
            }
        }
    }
}
