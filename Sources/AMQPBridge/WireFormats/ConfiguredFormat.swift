package import SettingTypes

/// A wire format as the configuration has it: with settings of its own, which its file describes.
package protocol ConfiguredFormat: WireFormat {
    /// The format's settings, in the order of the documentation. Their paths begin with a section that no other format
    /// has.
    static var settings: [Setting] { get }

    /// - Throws: the fault of a setting, or of several together.
    init<Reader: SettingReader>(_ reader: Reader) throws(Reader.Failure)

    /// The caution about this configuration for the servers' operator, in a sentence; `nil`: there is none.
    var caution: String? { get }
}

extension ConfiguredFormat {
    package var caution: String? { nil }
}

extension SettingType<String> {
    /// The name of an exchange (AMQP 0-9-1, section 4.2.5.3).
    package static var optionalExchangeName: Self {
        let most = Publication.maximumNameBytes - 5
        return SettingType(SettingKind(words: "a name of at most \(most) bytes", placeholder: "name")) {
            $0.utf8.count <= most ? $0 : nil
        }
    }

    package static var exchangeName: Self {
        let most = Publication.maximumNameBytes
        return SettingType(SettingKind(words: "a name of 1 to \(most) bytes", placeholder: "name")) {
            (1...most).contains($0.utf8.count) ? $0 : nil
        }
    }
}

extension SettingType<[String]> {
    package static var namespaces: Self {
        let kind = SettingKind(
            words: "namespaces separated by commas", detail: ", such as /,/chat", placeholder: "list", isList: true)
        return SettingType(kind) { text in
            let names = text.split(separator: ",").map(String.init)
            return !names.isEmpty && Set(names).count == names.count
                && names.allSatisfy { $0.hasPrefix("/") && !$0.contains("#") } ? names : nil
        }
    }
}
