/// The methods of AMQP 0-9-1, and of RabbitMQ's extensions to it, that are written or read here: class id << 16 |
/// method id.
enum AMQPMethod: UInt32 {
    case connectionStart = 0x000A_000A
    case connectionStartOK = 0x000A_000B
    case connectionSecure = 0x000A_0014
    case connectionTune = 0x000A_001E
    case connectionTuneOK = 0x000A_001F
    case connectionOpen = 0x000A_0028
    case connectionOpenOK = 0x000A_0029
    case connectionClose = 0x000A_0032
    case connectionCloseOK = 0x000A_0033
    case connectionBlocked = 0x000A_003C
    case connectionUnblocked = 0x000A_003D

    case channelOpen = 0x0014_000A
    case channelOpenOK = 0x0014_000B
    case channelClose = 0x0014_0028
    case channelCloseOK = 0x0014_0029

    case exchangeDeclare = 0x0028_000A
    case exchangeDeclareOK = 0x0028_000B

    case queueDeclare = 0x0032_000A
    case queueDeclareOK = 0x0032_000B
    case queueBind = 0x0032_0014
    case queueBindOK = 0x0032_0015
    case queueUnbind = 0x0032_0032
    case queueUnbindOK = 0x0032_0033

    case basicConsume = 0x003C_0014
    case basicConsumeOK = 0x003C_0015
    case basicCancel = 0x003C_001E
    case basicPublish = 0x003C_0028
    case basicReturn = 0x003C_0032
    case basicDeliver = 0x003C_003C
    case basicAck = 0x003C_0050
    case basicNack = 0x003C_0078

    case confirmSelect = 0x0055_000A
    case confirmSelectOK = 0x0055_000B

    case txSelect = 0x005A_000A
    case txRollback = 0x005A_001E
    case txRollbackOK = 0x005A_001F

    /// The class that all contents are of.
    static let basicClass: UInt16 = 0x003C
}
