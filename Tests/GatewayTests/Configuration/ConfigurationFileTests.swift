import Foundation
import SettingTypes
import Testing

@testable import Gateway

@Suite("A configuration file")
struct ConfigurationFileTests {
    @Test("says settings, where the names of their paths are mappings")
    func settings() throws {
        let file = try read("http:\n  address: ':80'\n  maxConnections: 7\nwireFormat: cluster\n")
        #expect(
            file.texts == [
                "http.address": .init(text: ":80", line: 2), "http.maxConnections": .init(text: "7", line: 3),
                "wireFormat": .init(text: "cluster", line: 4),
            ])
        #expect(file.secretFiles.isEmpty && file.keys.isEmpty)
    }

    @Test("has every setting once", arguments: Setting.all)
    func everySetting(setting: Setting) throws {
        let names = setting.path.split(separator: ".")
        let text =
            names.dropLast().map { "\($0): {" }.joined() + "\(names.last!): x"
            + names.dropLast().map { _ in "}" }.joined()
        #expect(try read(text).texts == [setting: .init(text: "x", line: 1)])
        #expect(Setting.all.count { $0.path == setting.path } == 1)
        #expect(!Setting.all.contains { $0.path.hasPrefix(setting.path + ".") })
    }

    @Test(
        "may be empty, or have nothing but names of mappings",
        arguments: ["", "# nothing\n", "~", "http:\nkeys:\n", "---\n"])
    func empty(text: String) throws {
        let file = try read(text)
        #expect(file.texts.isEmpty && file.keys.isEmpty)
    }

    @Test("names the files of secrets")
    func secretFiles() throws {
        let file = try read("apiKeyFile: /run/key\namqp: {urlFile: /run/url}\n")
        #expect(
            file.secretFiles == [
                "apiKey": .init(text: "/run/key", line: 1), "amqp.url": .init(text: "/run/url", line: 2),
            ])
    }

    @Test(
        "is where the relative paths in it begin, however it is named itself",
        arguments: [
            ("gateway.yaml", "key", "key"), ("./gateway.yaml", "key", "./key"), ("etc/gateway.yaml", "key", "etc/key"),
            ("/etc/gateway/gateway.yaml", "secrets/key", "/etc/gateway/secrets/key"),
            ("/gateway.yaml", "../key", "/../key"), ("/etc/gateway.yaml", "/run/key", "/run/key"),
            ("etc/gateway.yaml", "/run/key", "/run/key"),
        ])
    func paths(file: String, name: String, path: String) throws {
        #expect(try ConfigurationFile(path: file, []).path(of: name) == path)
    }

    @Test("has lists as such, or with commas", arguments: ["[/, /chat]", "/,/chat", "\n    - /\n    - /chat"])
    func lists(text: String) throws {
        #expect(try read("amqp0:\n  namespaces: \(text)\n").texts["amqp0.namespaces"]?.text == "/,/chat")
    }

    @Test(
        "is refused with the line of what is wrong",
        arguments: [
            ("wireformat: amqp0", 1, "'wireformat' is no setting; did you mean 'wireFormat'?"),
            ("loops: 2\nhtp:\n  address: x\n", 2, "'htp' is no setting; did you mean 'http'?"),
            ("http:\n  adress: x\n", 2, "'http.adress' is no setting; did you mean 'address'?"),
            ("xyzzy: 1", 1, "'xyzzy' is no setting"),
            ("amqp0:\n  union: exclude\n", 2, "'amqp0.union' is gone"),
            ("http.address: x", 1, "there is a mapping"),
            ("http: {\"\": x}", 1, "'http.' is no setting"),
            ("\"\": x", 1, "'' is no setting"),
            ("loops:\n", 1, "loops has no value"),
            ("loops: [1]", 1, "loops must be a single value"),
            ("loops: {a: 1}", 1, "loops must be a single value"),
            ("http: 1", 1, "http must be a mapping"),
            ("http: [address]", 1, "http must be a mapping"),
            ("- loops: 1", 1, "must be a mapping"),
            ("text", 1, "must be a mapping"),
            ("keys: x", 1, "keys must be a list"),
            ("keys: {a: b}", 1, "keys must be a list"),
            ("\n\nkeys:\n  - x\n", 4, "keys[0] must be a mapping"),
            ("amqp0: {namespaces: [[/]]}", 1, "amqp0.namespaces[0] must be a single value"),
            ("amqp0:\n  namespaces:\n  - '/a,/b'\n", 3, "amqp0.namespaces[0] must be without a comma"),
            ("amqp: {urlFile: [x]}", 1, "amqp.urlFile must be a single value"),
            ("loopsFile: x", 1, "'loopsFile' is no setting"),
            ("a: 1\nb: [1,\n", 3, "node"), ("loops: 1\nloops: 2\n", 2, "'loops' is there already, in line 1"),
            ("loops: &a 1\nwireFormat: *b\n", 2, "alias"), ("<<: {loops: 1}", 1, "'<<' is no setting"),
        ])
    func refused(text: String, line: Int, detail: String) throws {
        let message = try #require(errorMessage(text))
        #expect(message.hasPrefix("gateway.yaml:\(line): "), "\(message)")
        #expect(message.contains(detail), "\(message)")
        #expect(!message.contains("\n"))
    }

    @Test("says all that is wrong at once, in the order of the file")
    func allFaults() throws {
        let message = try #require(errorMessage("keys:\n- {name: a}\nlops: 2\nhttp: {x: 1}\nlog: 1\n"))
        let lines = message.split(separator: "\n").map { $0.split(separator: ":")[1] }
        #expect(lines == ["2", "2", "3", "4", "5"], "\(message)")
    }

    @Test(
        "is refused when it cannot be read",
        arguments: [("/nonexistent", "No such file"), ("/", "regular"), ("/dev/zero", "regular")])
    func unreadable(path: String, reason: String) {
        let error = #expect(throws: ConfigurationError.self) { try ConfigurationFile(reading: path) }
        #expect(error?.description.hasPrefix("\(path): ") == true)
        #expect(error?.description.contains(reason) == true, "\(error as Any)")
    }

    @Test("is refused, and not waited for, when it is a pipe")
    func pipes() throws {
        try withDirectory { directory throws in
            let path = directory.appending(path: "pipe").path
            #expect(mkfifo(path, 0o600) == 0)
            #expect(throws: ConfigurationError.self) { try ConfigurationFile(reading: path) }
            #expect(FileContents.firstLine(of: path) == nil)
        }
    }

    @Test("is refused when it is longer than 1 MiB")
    func tooLong() throws {
        let comment = "#" + String(repeating: "x", count: 1 << 20 - 2) + "\n"
        try withFile(comment) { path throws in #expect(try ConfigurationFile(reading: path).texts.isEmpty) }
        try withFile(comment + "#") { path throws in
            let error = #expect(throws: ConfigurationError.self) { try ConfigurationFile(reading: path) }
            #expect(error?.description.contains("longer than 1048576 bytes") == true)
        }
    }

    private func read(_ text: String) throws -> ConfigurationFile {
        try ConfigurationFile(path: "gateway.yaml", Array(text.utf8))
    }

    private func errorMessage(_ text: String) -> String? {
        do {
            _ = try read(text)
            return nil
        } catch {
            return "\(error)"
        }
    }
}
