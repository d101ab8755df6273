/// The broker has closed a channel.
struct ChannelClose: Equatable {
    let channel: UInt16
    /// AMQP's reply code, such as 404.
    let code: Int
    /// The broker's words; they may name our user.
    let text: String
}
