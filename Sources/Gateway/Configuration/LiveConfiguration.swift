internal import SettingTypes

/// The configuration that holds at the moment: the one the process was started with, with what was reloaded since.
struct LiveConfiguration: Sendable {
    /// The configuration as it was read last.
    let configuration: Configuration
    let keys: KeyRing
    let hooks: HookRing
    /// The values of settings when the process started: settings that cannot be reloaded have them still.
    let running: [Setting: SettingSource.Found]
    var files: FileWatch

    init(_ configuration: Configuration, keys: KeyRing, hooks: HookRing, previous: LiveConfiguration? = nil) {
        self.configuration = configuration
        self.keys = keys
        self.hooks = hooks
        running = previous?.running ?? configuration.origins
        files = FileWatch(configuration.files)
        // What has changed while it was read must be noticed.
        if let previous, previous.files.paths == configuration.files { files = previous.files }
    }

    /// The keys that hold with the next configuration: its own; as long as there have never been any, the one that was
    /// made at the start.
    ///
    /// - Throws: when there are none any more. A gateway that asks for keys goes on asking: a file that has come out
    ///   empty must not open the gateway.
    func keys(for next: Configuration) throws(ConfigurationError) -> KeyRing {
        if next.keys.isEmpty, !keys.keys.isEmpty {
            guard keys.isMadeForThisRun else {
                throw ConfigurationError(
                    description: "there are no keys any more; to serve without, start the gateway again")
            }
            return keys
        }
        guard !next.keys.isEmpty || next.allowsAnonymous else {
            throw ConfigurationError(
                description: "allowAnonymous was taken away, and there is no key: nobody could call any more")
        }
        return KeyRing(next.keys, replicas: next.replicas, previous: keys)
    }

    /// The settings that differ from the running ones, and cannot be taken over.
    func settingsWaiting(for next: Configuration) -> [Setting] {
        Setting.all.filter {
            // A gateway that was started with keys, its own included, does not open by a reload.
            let isReloadable =
                $0 == Setting(\.allowAnonymous) ? keys.keys.isEmpty || !next.keys.isEmpty : $0.isReloadable
            return !isReloadable && running[$0]?.text != next.origins[$0]?.text
        }
    }
}
