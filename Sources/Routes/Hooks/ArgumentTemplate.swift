internal import JSON

/// One argument of an event.
package struct ArgumentTemplate: Sendable {
    private enum Kind: Sendable {
        case constant(JSONText)
        case template(Template)
    }

    private let kind: Kind

    /// A template. `{/a/b}` or `{body}` alone is the JSON value there, as it was sent; anything else is a string.
    package init(template: String) throws(HookConfigurationError) {
        kind = .template(try Template(template, of: "args"))
    }

    /// A JSON value, the same for every delivery.
    package init(json: String) throws(HookConfigurationError) {
        do throws(JSONError) {
            kind = .constant(try JSONDocument(parsing: Array(json.utf8)).root.text)
        } catch {
            throw HookConfigurationError("args", "is not JSON: \(error.detail)")
        }
    }

    private init(_ template: Template) {
        kind = .template(template)
    }

    /// `nil`: it is the same for every delivery.
    var template: Template? { if case .template(let template) = kind { template } else { nil } }

    /// The whole body.
    static let body = ArgumentTemplate(.body)

    func write(to json: inout JSONWriter, from source: TemplateSource) throws(UnfilledTemplate) {
        switch kind {
        case .constant(let text): json.verbatim(text)
        case .template(let template): try template.write(to: &json, from: source)
        }
    }
}

extension Template {
    /// `{body}`
    fileprivate static let body = Template(parts: [.value(.wholeDocument, "body")], text: "{body}")

    private init(parts: [Part], text: String) {
        self.text = text
        self.parts = parts
    }

    /// One that is written in the source.
    static func known(_ text: String) -> Template {
        do throws(ParseError) {
            return try Template(text)
        } catch {
            preconditionFailure("\(text): \(error)")
        }
    }

    /// - Parameter field: the setting that the template belongs to.
    init(_ text: String, of field: String) throws(HookConfigurationError) {
        do throws(ParseError) {
            try self.init(text)
        } catch {
            throw HookConfigurationError(field, "\(error)")
        }
    }
}
