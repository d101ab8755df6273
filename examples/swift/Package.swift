// swift-tools-version: 6.2
import PackageDescription

// In a package of your own: .package(url: "https://…/socketio-gateway.git", from: "0.2.0")
let package = Package(
    name: "examples",
    dependencies: [.package(name: "socketio-gateway", path: "../..")],
    targets: ["emit-example", "worker-example"].map { name in
        .executableTarget(name: name, dependencies: [.product(name: "AMQPBridge", package: "socketio-gateway")])
    }
)
