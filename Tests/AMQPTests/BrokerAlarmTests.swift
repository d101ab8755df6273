import Testing

@testable import AMQP

@Suite("The broker's alarm")
struct BrokerAlarmTests {
    private func isProbed(_ alarm: BrokerAlarm) -> Bool {
        var buffer: [UInt8] = []
        alarm.probe(into: &buffer)
        return !buffer.isEmpty
    }

    @Test("has a reason while it lasts")
    func reason() {
        var alarm = BrokerAlarm()
        #expect(alarm.reason == nil)
        alarm.raised("low on memory")
        #expect(alarm.reason == "low on memory")
        alarm.ended()
        #expect(alarm.reason == nil)
    }

    @Test("is asked about while it is not known to be raised, by users who may ask")
    func probes() {
        var alarm = BrokerAlarm()
        #expect(isProbed(alarm))
        alarm.raised("low on memory")
        #expect(!isProbed(alarm))
        alarm.ended()
        alarm.probeRefused(by: ChannelClose(channel: 2, code: 404, text: "NOT_FOUND"))
        #expect(isProbed(alarm))
        let text = "ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'u'"
        alarm.probeRefused(by: ChannelClose(channel: 2, code: 403, text: text))
        #expect(!isProbed(alarm))
    }
}
