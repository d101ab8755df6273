internal import Hashing
internal import JSON

/// The entry of a key that has just been made, as it will stand in the configuration file.
struct NewKeyEntry {
    let name: String
    let digest: SHA256.Digest
    /// The lists, by their names in the file.
    let lists: [(name: String, texts: [String])]
    let values: [(name: String, text: String)]

    /// - Parameters:
    ///   - lists: empty lists are left out.
    ///   - values: values that are `nil` are left out, too.
    init(name: String, key: String, lists: KeyValuePairs<String, [String]>, values: KeyValuePairs<String, String?>) {
        self.name = name
        digest = SHA256.Digest(of: key)
        self.lists = lists.filter { !$0.value.isEmpty }.map { ($0.key, $0.value) }
        self.values = values.compactMap { name, text in text.map { (name, $0) } }
    }

    /// The entry for the list `keys` of the file.
    var yaml: String {
        var text = "  - name: \(ConfigurationText.quoted(name))\n    sha256: \(digest.hexadecimal)\n"
        for (name, texts) in lists {
            text += "    \(name): [\(texts.map(ConfigurationText.quoted).joined(separator: ", "))]\n"
        }
        for (name, value) in values { text += "    \(name): \(ConfigurationText.quoted(value))\n" }
        return text
    }

    /// The faults for which the file would refuse it: the member, and the fault.
    var faults: [(member: Substring, detail: Substring)] {
        do throws(ConfigurationError) {
            _ = try ConfigurationFile(path: "", Array("keys:\n\(yaml)".utf8))
            return []
        } catch {
            return error.description.split(separator: "\n").map { line in
                // `:4: keys[0].scopes has 'emits', …`
                let fault = line.firstRange(of: "keys[0].").map { line[$0.upperBound...] } ?? line
                let member = fault.prefix { $0 != " " }
                return (member, fault[member.endIndex...].withoutSpaceAround)
            }
        }
    }

    /// The key, and the entry as the file takes it, too: JSON is YAML.
    func json(with key: String) -> String {
        let json = JSONWriter.bytes { json in
            json.object { json in
                json.member("key", key)
                json.object("entry") { entry in
                    entry.member("name", name)
                    entry.member("sha256", digest.hexadecimal)
                    for (name, texts) in lists { entry.member(named: name, texts) }
                    for (name, text) in values {
                        if let number = Int(text) {
                            entry.member(named: name, number)
                        } else {
                            entry.member(named: name, text)
                        }
                    }
                }
            }
        }
        return String(decoding: json, as: UTF8.self)
    }
}
