/// Where settings have their values from.
package protocol SettingReader {
    associatedtype Failure: Error

    /// - Throws: when what is given is none of the setting's values.
    func read<Value>(_ row: SettingRow<Value>) throws(Failure) -> Value

    /// The name of a setting where it was given, to begin a sentence.
    func name(of setting: Setting) -> String

    /// Values that are good each by itself, and wrong together.
    func failure(_ sentence: String) -> Failure
}

/// Gives every setting its default.
package struct DefaultSettings: SettingReader {
    package init() {}

    package func read<Value>(_ row: SettingRow<Value>) throws(Never) -> Value {
        guard let value = row.type.parse(row.setting.defaultText) else {
            preconditionFailure("the default of \(row.setting) is none of its values")
        }
        return value
    }

    package func name(of setting: Setting) -> String { setting.variable }
    package func failure(_ sentence: String) -> Never { preconditionFailure(sentence) }
}
