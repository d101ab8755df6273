"""One dummy of each kind of thing that the gateway has many of, each added as CONTRIBUTING.md says.

An addition is a function here, named as its row in CONTRIBUTING's table; `count-files.py` counts what it changes. What it inserts stands
before or after a line that is found by its text: where that is gone, the addition has to be written anew.
"""

from pathlib import Path


class Copy:
    """A copy of the repository."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, path: str, text: str):
        (self.folder / path).write_text(text)

    def insert(self, path: str, text: str, before: str = "", after: str = ""):
        """Inserts lines before or after the one line that is, or begins with, this text (with its indent)."""
        lines = (self.folder / path).read_text().splitlines(keepends=True)
        places = [index for index, line in enumerate(lines) if line.startswith(before or after)]
        if len(places) != 1:
            raise LookupError(f"{path} has {len(places)} lines that begin with '{before or after}'")
        lines.insert(places[0] + (1 if after else 0), text)
        (self.folder / path).write_text("".join(lines))


def wire_format(copy: Copy):
    copy.write("Sources/AMQPBridge/WireFormats/Dummy.swift", FORMAT)
    copy.write("Tests/AMQPBridgeTests/Fixtures/dummy.json", '{"cases": []}\n')
    copy.insert("Sources/AMQPBridge/WireFormats/WireFormats.swift", "        Dummy.self,\n", after="        ClusterFormat.self,")
    names = "`dummy.exchange`<br>`GATEWAY_DUMMY_EXCHANGE`<br>`--dummy-exchange`"
    row = f"| {names} | `dummies` | A dummy's.<br>Must be a name of 1 to 255 bytes. |"
    copy.insert("docs/configuration.md", f"## `dummy`\n\n{REFERENCE_HEAD}{row}\n\n", before="## `limits`")
    page = copy.folder / "docs/configuration.md"
    page.write_text(page.read_text().replace("amqp0, cluster or python-socketio", "amqp0, cluster, dummy or python-socketio"))


FORMAT = """package import SettingTypes

/// A wire format that no servers have.
public struct Dummy: WireFormat {
    public static let name = "dummy"
    public let knowsRecipients = true
    let exchange: String

    public var exchanges: [ServerExchange] { [ServerExchange(name: exchange, kind: .fanout)] }

    public func publications(for emit: Emit) throws(NotExpressible) -> [Publication] {
        [Publication(exchange: exchange, routingKey: "", body: Array(emit.event.utf8))]
    }

    public func unroutedReason(of publications: [Publication], _ servers: NamespaceServers) -> UnroutedReason { .noServer }
}

extension Dummy: ConfiguredFormat {
    package static let settings = [exchangeSetting.setting]

    private static let exchangeSetting = SettingRow(
        "GATEWAY_DUMMY_EXCHANGE", "dummy.exchange", .exchangeName, default: "dummies", help: "A dummy's.")

    package init<Reader: SettingReader>(_ reader: Reader) throws(Reader.Failure) {
        exchange = try reader.read(Self.exchangeSetting)
    }
}
"""

REFERENCE_HEAD = "| file, variable, option | default | |\n|---|---|---|\n"


def setting(copy: Copy):
    folder = "Sources/Gateway/Configuration"
    row = '    let dummies = SettingRow(\n        "GATEWAY_DUMMIES", "log.dummies", .count(0...9), default: "3", help: "Dummies.")\n'
    copy.insert(f"{folder}/Settings.swift", row, before="    let corsOrigins = ")
    copy.insert(f"{folder}/ServeOptions.swift", "    @Option(\\.dummies) var dummies: String?\n", before="    @Option(\\.corsOrigins)")
    copy.insert(f"{folder}/Configuration.swift", "    var dummies: Int\n", before="    var logFormat: LogFormat")
    copy.insert(f"{folder}/Configuration.swift", "        dummies = try source.read(\\.dummies)\n", before="        logFormat = try source")
    names = "`log.dummies`<br>`GATEWAY_DUMMIES`<br>`--dummies`"
    text = f"| {names} | `3` | Dummies.<br>Must be a number from 0 to 9. |\n"
    copy.insert("docs/configuration.md", text, after="| `log.level`")


def metric(copy: Copy):
    counters, name = "Sources/Routes/BatchCounters.swift", "gateway_dummies_total"
    copy.insert(counters, "    package let dummies = Counter()\n", after="    package let failed = Counter()")
    copy.insert(counters, "        dummies.add(1)\n", after="        self.failed.add(")
    sample = (
        f'        single("{name}", "counter", "Dummies.", counters.reduce(UInt64(0)) {{ $0 + $1.dummies.value }})\n'
    )
    copy.insert("Sources/Gateway/MetricsText.swift", sample, after="    private mutating func batches(")
    copy.insert("openapi.yaml", f"        | `{name}` | counter | |\n", after="        | `gateway_batch_items_total`")


def route(copy: Copy):
    handler = '        .json { $0.member("dummy", true) }\n'
    text = "    /// `/v1/dummy`\n    @Sendable func dummy(_ request: Request) throws(Problem) -> Response {\n" + handler + "    }\n\n"
    copy.insert("Sources/Routes/ServiceRoutes.swift", text, before="    /// As plain text, which browsers show.")
    line = '                Route(method: .get, path: "/v1/dummy", scope: nil, answer: service.dummy),\n'
    copy.insert("Sources/Routes/RouteTable.swift", line, before='                Route(method: .get, path: "/v1/me"')
    copy.insert("openapi.yaml", PATH, before="  /v1/me:")


PATH = """  /v1/dummy:
    get:
      operationId: getDummy
      summary: A dummy
      responses:
        '200':
          description: Nothing.
"""


def scheme_of_webhooks(copy: Copy):
    copy.write("Sources/Routes/Hooks/Schemes/DummyScheme.swift", SCHEME)
    copy.insert("Sources/Routes/Hooks/HookSchemes.swift", "        DummyScheme.self,\n", before="        UnsignedScheme.self,")
    page = copy.folder / "docs/hook-settings.md"
    page.write_text(page.read_text().replace("`token` or `none` |", "`token`, `dummy` or `none` |"))
    copy.insert("docs/webhooks.md", "## A dummy\n\nIt has its secret in `X-Dummy`.\n\n", before="## A cron job")


SCHEME = """/// A sender that there is none of, with its secret in a header.
struct DummyScheme: HookScheme {
    static let name = "dummy"

    private let secrets: [HookSecret]

    init(_ values: SchemeValues) throws(HookConfigurationError) { secrets = try values.tokens() }

    var credentialHeaders: [String] { ["x-dummy"] }

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        guard secrets.contain(token: try fields.signed("x-dummy")) else { throw .wrongToken }
    }

    func sign(_ body: [UInt8], now: Int64) -> [SignedHeader] { [SignedHeader("x-dummy", secrets[0].text)] }
}
"""


def question_to_servers(copy: Copy):
    copy.write("Sources/AMQPBridge/Cluster/Questions/CountServers.swift", QUESTION)
    recorded = copy.folder / "Tests/Recorded/questions"
    copy.write("Tests/Recorded/questions/count-servers.json", (recorded / "count-sockets.json").read_text())


QUESTION = """internal import JSON

/// The number of servers that answer.
package struct CountServers: Sendable {}

extension CountServers: ClusterCommand {
    package func question(timeout: Duration) -> Question<Int> {
        Question(.fetchSockets, "/", isRead: true, timeout: timeout, ServerCounting()) { json in
            json.options(SocketSelection(namespace: "/"))
            json.member("count", true)
        }
    }
}

private final class ServerCounting: Gathering {
    private(set) var result = 0

    func take(_ answer: ServerMessage) -> GatheringProgress {
        result += 1
        return .done
    }
}
"""

ADDITIONS = {
    "wire format": wire_format,
    "setting": setting,
    "metric": metric,
    "route": route,
    "scheme of webhooks": scheme_of_webhooks,
    "question to servers": question_to_servers,
}
