/// The methods that a client sends until it is logged in (AMQP 0-9-1, section 2.2.4 and class `connection`).
extension FrameWriter {
    /// The first bytes of all: which version of AMQP is spoken.
    static func protocolHeader(into buffer: inout [UInt8]) {
        buffer += Array("AMQP".utf8) + [0, 0, 9, 1]
    }

    /// `connection.start-ok`: our name, and the capabilities that a broker uses only with clients that declare them.
    ///
    /// - Parameters:
    ///   - name: the name under which RabbitMQ's management shows the connection.
    ///   - response: the mechanism's first word.
    static func startOK(name: String, mechanism: String, response: String, into buffer: inout [UInt8]) {
        let understood = [
            "connection.blocked", "publisher_confirms", "basic.nack", "consumer_cancel_notify",
            // Then a log-in that fails is answered, and not only cut off.
            "authentication_failure_close",
        ]
        write(into: &buffer, atMost: 1_024 + name.utf8.count + response.utf8.count) { cursor in
            cursor.method(.connectionStartOK, channel: 0) { cursor in
                cursor.sized { cursor in
                    cursor.append(shortString: "capabilities")
                    cursor.append(UInt8(ascii: "F"))
                    cursor.sized { cursor in
                        for capability in understood {
                            cursor.append(shortString: capability)
                            cursor.append(UInt8(ascii: "t"))
                            cursor.append(1)
                        }
                    }
                    cursor.append(shortString: "product")
                    cursor.append(longString: "socketio-gateway")
                    cursor.append(shortString: "connection_name")
                    cursor.append(longString: name)
                }
                cursor.append(shortString: mechanism)
                cursor.append(bigEndian: UInt32(response.utf8.count))
                for byte in response.utf8 { cursor.append(byte) }
                cursor.append(shortString: "en_US")
            }
        }
    }

    /// `connection.tune-ok`. 0: as many as the broker likes, or no heartbeats.
    static func tuneOK(channelMax: Int, frameMax: Int, heartbeat: Int, into buffer: inout [UInt8]) {
        method(.connectionTuneOK, channel: 0, into: &buffer) { cursor in
            cursor.append(bigEndian: UInt16(channelMax))
            cursor.append(bigEndian: UInt32(frameMax))
            cursor.append(bigEndian: UInt16(heartbeat))
        }
    }

    /// `connection.open`.
    static func connectionOpen(virtualHost: String, into buffer: inout [UInt8]) {
        method(.connectionOpen, channel: 0, into: &buffer) { cursor in
            cursor.append(shortString: virtualHost)
            cursor.append(shortString: "")
            cursor.append(0)
        }
    }
}
