package import AMQP

extension Publication {
    package var text: String { String(decoding: body, as: UTF8.self) }
}
