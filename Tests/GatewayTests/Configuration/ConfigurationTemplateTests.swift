import Foundation
import SettingTypes
import Testing

@testable import Gateway

@Suite("A configuration file to begin with")
struct ConfigurationTemplateTests {
    private let lines = ConfigurationTemplate.text.split(separator: "\n", omittingEmptySubsequences: false).map(
        String.init)

    @Test("sets nothing")
    func nothing() throws {
        let file = try ConfigurationFile(path: "gateway.yaml", Array(ConfigurationTemplate.text.utf8))
        #expect(file.texts.isEmpty && file.secretFiles.isEmpty && file.keys.isEmpty && file.hooks.isEmpty)
        #expect(file.cloudEvents == nil)
    }

    @Test("has every setting once, at its default, in its mapping", arguments: Setting.all)
    func settings(setting: Setting) throws {
        let head = setting.section.isEmpty ? 0 : try #require(lines.firstIndex(of: "#\(setting.section):"))
        let start = indent(of: setting) + "#\(name(of: setting)):"
        let found = lines.indices.filter {
            $0 > head && lines[$0].hasPrefix(start) && section(at: $0) == setting.section
        }
        let place = try #require(found.first)
        #expect(found.count == 1)
        // Without the "#" before the setting, and that before its mapping, it is set.
        var changed = lines
        for line in setting.section.isEmpty ? [place] : [head, place] { changed[line] = uncommented(lines[line]) }
        guard setting.documentedDefault == setting.defaultText else {
            #expect(lines[place] == start, "the default depends on the machine")
            changed[place] += " \(setting.defaultText)"
            try takes(changed, setting)
            return
        }
        try takes(changed, setting)
    }

    @Test("has the file of every secret, which is set by itself", arguments: Setting.all.filter { $0.filePath != nil })
    func secretFiles(setting: Setting) throws {
        let line = try #require(
            lines.firstIndex { $0.hasPrefix(indent(of: setting) + "#\(name(of: setting))File: \"\"") })
        #expect(lines[line - 1].hasPrefix(indent(of: setting) + "#\(name(of: setting)):"))
        var changed = lines
        if !setting.section.isEmpty {
            let head = try #require(lines.firstIndex(of: "#\(setting.section):"))
            changed[head] = uncommented(lines[head])
        }
        changed[line] = uncommented(lines[line]).replacingOccurrences(of: "\"\"", with: "/run/secret")
        let file = try ConfigurationFile(path: "gateway.yaml", Array(changed.joined(separator: "\n").utf8))
        #expect(file.secretFiles[setting]?.text == "/run/secret" && file.texts.isEmpty)
    }

    @Test("says of every setting what it is, what it can be, and whether it is reloaded", arguments: Setting.all)
    func words(setting: Setting) throws {
        let start = indent(of: setting) + "#\(name(of: setting)):"
        let place = try #require(
            lines.indices.first { lines[$0].hasPrefix(start) && section(at: $0) == setting.section })
        let comment = lines[..<place].reversed().prefix { $0.contains("# ") }.reversed()
            .map { $0.replacing(#/^ *# /#, with: "") }.joined(separator: " ")
        #expect(comment.hasPrefix("\(setting.help) Must be \(setting.kind.expected)."))
        #expect(comment.hasSuffix(" Reloaded.") == setting.isReloadable)
        #expect(comment.contains("Default: ") == (setting.documentedDefault != setting.defaultText))
    }

    @Test("has the entries that only a file can have, each with its own \"#\"")
    func entries() throws {
        let text = lines.map { ["#keys: []", "#hooks: []"].contains($0) ? uncommented($0) : $0 }.joined(separator: "\n")
        _ = try ConfigurationFile(path: "gateway.yaml", Array(text.utf8))
        #expect(
            text.contains("\nkeys: []\n") && text.contains("\nhooks: []\n") && text.contains("\n#cloudEvents: {}\n"))
    }

    @Test("fits a screen")
    func columns() {
        #expect(lines.filter { $0.count > 120 && $0.contains("# ") }.isEmpty)
        #expect(ConfigurationTemplate.text.hasSuffix("\n") && !ConfigurationTemplate.text.contains("\n\n\n"))
    }

    private func name(of setting: Setting) -> Substring { setting.path.split(separator: ".").last! }

    private func indent(of setting: Setting) -> String { setting.section.isEmpty ? "" : "  " }

    private func uncommented(_ line: String) -> String { line.replacing(#/^( *)#/#) { "\($0.1)" } }

    /// The mapping that a line is in.
    private func section(at line: Int) -> String {
        guard lines[line].hasPrefix("  ") else { return "" }
        return lines[..<line].last { $0.firstMatch(of: #/^#[a-zA-Z0-9]+:$/#) != nil }.map {
            String($0.dropFirst().dropLast())
        } ?? ""
    }

    private func takes(_ lines: [String], _ setting: Setting) throws {
        let file = try ConfigurationFile(path: "gateway.yaml", Array(lines.joined(separator: "\n").utf8))
        #expect(Array(file.texts.keys) == [setting] && file.secretFiles.isEmpty)
        let source = SettingSource(environment: Environment(variables: [:]), file: file)
        let configuration = try Configuration(source)
        #expect(configuration.origins[setting].map(\.text) ?? "" == setting.defaultText)
    }
}
