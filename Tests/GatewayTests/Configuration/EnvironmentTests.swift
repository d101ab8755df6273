import Foundation
import SettingTypes
import Testing

@testable import Gateway

@Suite("The environment")
struct EnvironmentTests {
    @Test("is this process's")
    func process() {
        #expect(Environment.process.variables == ProcessInfo.processInfo.environment)
    }

    @Test("has no empty variables")
    func emptyVariables() {
        let environment = Environment(variables: ["A": "", "B": "b"])
        #expect(environment["A"] == nil)
        #expect(environment["B"] == "b")
        #expect(environment["C"] == nil)
    }

    @Test("has no empty variable where that would mean a default, and may have others", arguments: Setting.all)
    func empty(setting: Setting) throws {
        for name in [setting.variable, setting.fileVariable].compactMap({ $0 }) {
            let environment = Environment(variables: [name: "", "GATEWAY_CONFIG": "", "PATH": ""])
            guard !setting.defaultText.isEmpty else {
                try environment.checkEmpty()
                continue
            }
            let error = #expect(throws: ConfigurationError.self) { try environment.checkEmpty() }
            #expect(error?.description.contains("\(name) is empty") == true)
            guard let file = setting.fileVariable else { continue }
            let other = name == file ? setting.variable : file
            try Environment(variables: [name: "", other: "x"]).checkEmpty()
        }
    }

    @Test("may have every setting, the file, and files of secrets", arguments: Setting.all)
    func known(setting: Setting) throws {
        try check(setting.variable)
        try check("GATEWAY_CONFIG")
        if setting.secret != nil {
            try check(setting.variable + "_FILE")
        } else {
            #expect(throws: ConfigurationError.self) { try check(setting.variable + "_FILE") }
        }
    }

    @Test(
        "has nothing else that looks like a setting",
        arguments: [
            ("GATEWAY_LOOP", "; did you mean 'GATEWAY_LOOPS'?"),
            ("GATEWAY_API_KEYFILE", "; did you mean 'GATEWAY_API_KEY_FILE'?"),
            ("GATEWAY_REUSEPORT", "; did you mean 'GATEWAY_REUSE_PORT'?"), ("GATEWAY_XYZZY_PLUGH", ""),
            ("GATEWAY_HTTP_PORT", ""),
        ])
    func unknown(name: String, suggestion: String) {
        let error = #expect(throws: ConfigurationError.self) { try check(name) }
        #expect(error?.description.contains("\(name) is none of the gateway's\(suggestion)") == true, "\(error as Any)")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("may have others' variables", arguments: ["PATH", "GATEWAY", "gateway_loops", "XGATEWAY_LOOPS"])
    func others(name: String) throws {
        try check(name)
    }

    /// https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables
    @Test(
        "may have what Kubernetes says of services whose names begin with 'gateway'",
        arguments: ["GATEWAY", "GATEWAY_WEB"])
    func serviceLinks(service: String) throws {
        try check("\(service)_PORT", "tcp://10.0.0.11:80")
        try check("\(service)_SERVICE_HOST", "10.0.0.11")
        for suffix in ["SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT_80_TCP_PORT"] {
            try check("\(service)_\(suffix)", "80")
        }
        try check("\(service)_PORT_80_TCP", "tcp://10.0.0.11:80")
        try check("\(service)_PORT_80_TCP_PROTO", "tcp")
        try check("\(service)_PORT_80_TCP_ADDR", "10.0.0.11")
    }

    private func check(_ name: String, _ value: String = "hunter2") throws {
        try Environment(variables: [name: value]).checkNames()
    }

    @Test("says of a setting that was taken away that it is gone")
    func gone() {
        let environment = Environment(variables: ["GATEWAY_AMQP0_UNION": "cc"])
        let error = #expect(throws: ConfigurationError.self) { try environment.checkNames() }
        #expect(error?.description.hasPrefix("the variable GATEWAY_AMQP0_UNION is gone: ") == true)
    }
}
