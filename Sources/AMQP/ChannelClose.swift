/// The broker has closed a channel.
package struct ChannelClose: Equatable {
    package let channel: UInt16
    /// AMQP's reply code, such as 404.
    package let code: Int
    /// The broker's words; they may name our user.
    package let text: String

    package init(channel: UInt16, code: Int, text: String) {
        (self.channel, self.code, self.text) = (channel, code, text)
    }
}
