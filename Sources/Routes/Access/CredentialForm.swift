/// The fault in the form of a credential that was no key: told to its sender, who may know a key all the same. Whether there
/// is such a key has nothing to do with it.
enum CredentialForm {
    static let wanted = "send an API key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"

    /// - Returns: `nil` where nothing is wrong with it.
    static func fault(of head: RequestHead) -> String? {
        if let authorization = head.fields[.authorization] {
            guard let token = AccessPolicy.bearerToken(authorization) else {
                return fault(ofAuthorization: authorization)
            }
            return fault(ofKey: token, in: "Authorization")
        }
        if let key = head.fields[.apiKey] { return fault(ofKey: key[...], in: "X-API-Key") }
        return hasKeyInQuery(head) ? "a key in the query is not read, since it would stand in logs" : "there is no key"
    }

    private static func fault(ofAuthorization text: String) -> String {
        let scheme = text.prefix { $0 != " " }
        // Anything else may be the key itself, which is not repeated.
        if let known = ["Basic", "Digest", "Token", "ApiKey"].first(where: {
            $0.lowercased() == scheme.lowercased()
        }),
            scheme.count < text.count
        {
            return "Authorization says '\(known)' instead of 'Bearer'"
        }
        if scheme.lowercased() == "bearer" { return "Authorization has no key behind 'Bearer'" }
        return "Authorization has no 'Bearer ' before the key"
    }

    private static func fault(ofKey key: Substring, in header: String) -> String? {
        if key.isEmpty { return "\(header) has no key" }
        if let first = key.first, let last = key.last,
            first == last && "\"'".contains(first) || first == "<" && last == ">"
        {
            return "\(header) has the key in quotes or brackets: leave them out"
        }
        if key.first == "$" {
            return "\(header) has the name of a shell variable, not its value: single quotes keep it so"
        }
        if AccessPolicy.bearerToken(String(key)) != nil { return "\(header) has a 'Bearer' that is no part of the key" }
        return nil
    }

    /// The names under which other services read one there.
    private static func hasKeyInQuery(_ head: RequestHead) -> Bool {
        let names: Set<String> = [
            "key", "api_key", "apikey", "api-key", "x-api-key", "token", "access_token", "authorization",
        ]
        return head.query.split(separator: "&").contains { names.contains($0.prefix { $0 != "=" }.lowercased()) }
    }
}

extension Problem {
    /// - Parameter name: of the key that was sent, where it has expired. Its sender is not told: an unknown key has the same answer.
    static func unauthorized(_ head: RequestHead, expired name: String? = nil) -> Problem {
        let fault = CredentialForm.fault(of: head)
        var problem = Problem(.unauthorized, (fault ?? "this is no valid key") + ": " + CredentialForm.wanted)
        let isThere = head.fields[.authorization] != nil || head.fields[.apiKey] != nil
        problem.aside = .credential(
            name.map { .expired($0) } ?? (fault == nil ? .unknown : isThere ? .malformed : .missing))
        return problem
    }
}
