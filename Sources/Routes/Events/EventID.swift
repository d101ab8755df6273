/// The id of an event: `<epoch>-<n>`. Numbers count the events of one run of the gateway, whose epoch is random.
struct EventID: Equatable, CustomStringConvertible {
    let epoch: String
    let number: UInt64

    init(epoch: String, number: UInt64) {
        self.epoch = epoch
        self.number = number
    }

    /// `nil`: it is none.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let number = UInt64(parts[1]) else { return nil }
        self.init(epoch: String(parts[0]), number: number)
    }

    var description: String { epoch + "-" + String(number) }

    static func randomEpoch() -> String {
        let digits = String(UInt64.random(in: .min ... .max), radix: 36)
        return String(repeating: "0", count: 13 - digits.count) + digits
    }
}
