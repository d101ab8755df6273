public import AMQP

// What of AMQP a program meets that emits: where the broker is, why there is no connection, why nothing was published,
// and the messages that wire formats make.

public typealias BrokerLink = AMQP.BrokerLink
public typealias BrokerEndpoint = AMQP.BrokerEndpoint
public typealias BrokerTLS = AMQP.BrokerTLS
public typealias BrokerURLError = AMQP.BrokerURLError
public typealias BrokerError = AMQP.BrokerError
public typealias PublishError = AMQP.PublishError
public typealias UnknownOutcome = AMQP.UnknownOutcome
public typealias Publication = AMQP.Publication
public typealias Publications = AMQP.Publications
public typealias TraceContext = AMQP.TraceContext
