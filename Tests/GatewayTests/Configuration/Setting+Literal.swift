import SettingTypes

@testable import Gateway

/// By its path: `"http.address"`.
extension Setting: ExpressibleByStringLiteral {
    public init(stringLiteral path: String) {
        self = Setting.all.first { $0.path == path }!
    }
}
