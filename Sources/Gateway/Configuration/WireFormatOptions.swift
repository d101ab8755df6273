internal import ArgumentParser
internal import SettingTypes

/// The options of the wire formats' own settings. Which there are, the formats say, so they cannot be properties:
/// ArgumentParser finds them as it finds those, in the mirror of an instance, and reads them by the same names.
struct WireFormatOptions: ParsableArguments {
    /// The texts of the options that were given.
    private(set) var texts: [Setting: String] = [:]

    init() {}

    init(from decoder: any Decoder) throws {
        let options = try decoder.container(keyedBy: Key.self)
        for setting in Settings.table.wireFormats {
            texts[setting] = try options.decode(Option<String?>.self, forKey: Key(setting)).wrappedValue
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ setting: Setting) { stringValue = setting.path }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension WireFormatOptions: CustomReflectable {
    var customMirror: Mirror {
        let options = Settings.table.wireFormats.map { setting in
            (label: Optional(Key(setting).stringValue), value: Option<String?>(setting) as Any)
        }
        return Mirror(self, children: options)
    }
}
