/// The wire formats there are. A new one is a file beside this one, and a line here.
package enum WireFormats {
    package static let all: [any ConfiguredFormat.Type] = [
        AMQP0.self,
        PythonSocketIO.self,
        ClusterFormat.self,
    ]
}
