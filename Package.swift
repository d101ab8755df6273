// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Handlers stay on their event loop without asking, at every call, where they should be.
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "socketio-gateway",
    products: [
        .executable(name: "socketio-gateway", targets: ["Gateway"]),
        .library(name: "AMQPBridge", targets: ["AMQPBridge"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CMicrohttpd", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
        // librabbitmq needs OpenSSL, so it is there already.
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
        .target(name: "ServedDocuments"),
        .target(name: "CJSONArena"),
        .target(name: "CSockets"),
        // libmicrohttpd's TLS is GnuTLS's, so it is there already.
        .target(name: "CHTTPS", linkerSettings: [.linkedLibrary("gnutls")]),
        // librabbitmq's own TLS blocks, and hides its session.
        .target(name: "CTLS", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "JSON", dependencies: ["CJSONArena", "CJansson"], swiftSettings: strict),
        .target(name: "SettingTypes", swiftSettings: strict),
        .target(name: "EventLoop", dependencies: ["CLinux"], swiftSettings: strict),
        .target(
            name: "AMQP",
            dependencies: ["CRabbitMQ", "CTLS", "EventLoop", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict
        ),
        .target(
            name: "AMQPBridge",
            dependencies: [
                "AMQP", "CLinux", "EventLoop", "JSON", "SettingTypes", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .target(name: "Hashing", dependencies: ["CCrypto"], swiftSettings: strict),
        .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: strict),
        .target(name: "Routes", dependencies: ["AMQPBridge", "EventLoop", "Hashing", "JSON"], swiftSettings: strict),
        .executableTarget(
            name: "Gateway",
            dependencies: [
                "AMQP", "AMQPBridge", "CHTTPS", "CLinux", "CMicrohttpd", "CSockets", "EventLoop", "Hashing", "JSON",
                "ServedDocuments", "SettingTypes", "Routes", "YAML",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict,
            linkerSettings: [
                // The linker that Swift brings along. GNU gold, its default, warns of `mktemp` in Foundation's `Data.write`:
                // ArgumentParser needs Foundation, and nobody here writes `Data` to a file.
                .unsafeFlags(["-use-ld=lld"]),
                // Relocations of 20 KiB instead of 1.1 MiB, which each process would read and keep in memory. It takes glibc 2.36
                // (Debian 12's) to start then.
                .unsafeFlags(["-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"]),
            ]
        ),
        .testTarget(name: "JSONTests", dependencies: ["CJSONArena", "JSON"]),
        .testTarget(name: "EventLoopTests", dependencies: ["BrokerFixtures", "EventLoop"]),
        // What tests of several targets stand on: a broker on this machine, and frames that are read back.
        .target(
            name: "BrokerFixtures", dependencies: ["AMQP", "CRabbitMQ", "EventLoop"], path: "Tests/BrokerFixtures"),
        .testTarget(
            name: "AMQPTests",
            dependencies: [
                "AMQP", "BrokerFixtures", "CRabbitMQ", "EventLoop", .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "AMQPBridgeTests",
            dependencies: [
                "AMQP", "AMQPBridge", "BrokerFixtures", "EventLoop", "JSON", "SettingTypes",
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.copy("Fixtures")]
        ),
        .testTarget(name: "SettingTypesTests", dependencies: ["SettingTypes"]),
        .testTarget(name: "HashingTests", dependencies: ["Hashing"]),
        .testTarget(name: "YAMLTests", dependencies: ["YAML"]),
        .testTarget(
            name: "RoutesTests",
            dependencies: ["Routes", "AMQPBridge", "EventLoop", "Hashing", "JSON", "ServedDocuments", "YAML"],
            resources: [.copy("Fixtures")]),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "AMQPBridge", "CMicrohttpd", "EventLoop", "Gateway", "Hashing", "Routes", "SettingTypes", "YAML",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)
