internal import AMQPBridge
internal import JSON

/// The emit that a delivery becomes: which event, for whom.
package struct EmitMapping: Sendable {
    private let namespace: Template
    private let event: Template
    private let rooms: [Template]
    private let except: [Template]
    private let args: [ArgumentTemplate]
    private let conditions: [HookCondition]
    private let reach: Reach

    /// - Parameters:
    ///   - namespace: a template, as are `event`, `rooms` and `except`.
    ///   - rooms: one at least, unless `everyone` is true.
    ///   - everyone: whether the event is for everyone in the namespace.
    ///   - args: `nil`: one, the whole body.
    ///   - conditions: all of them must be met; a delivery that does not meet them becomes nothing.
    ///   - reach: what may come out at all.
    package init(
        namespace: String = "/", event: String, rooms: [String]? = nil, everyone: Bool = false, except: [String] = [],
        args: [ArgumentTemplate]? = nil, when conditions: [HookCondition] = [], reach: Reach = Reach()
    ) throws(HookConfigurationError) {
        self.namespace = try Template(namespace, of: "namespace")
        self.event = try Template(event, of: "event")
        self.rooms = try Self.templates(rooms ?? [], of: "rooms")
        self.except = try Self.templates(except, of: "except")
        self.args = args ?? [.body]
        self.conditions = conditions
        self.reach = reach
        switch (rooms, everyone) {
        case (nil, false): throw HookConfigurationError("rooms", "is required; for everyone say 'everyone: true'")
        case (.some, true): throw HookConfigurationError("rooms", "not together with 'everyone: true'")
        case (.some(let rooms), false) where rooms.isEmpty: throw HookConfigurationError("rooms", "is an empty list")
        case (nil, true) where !reach.rooms.matchEverything:
            throw HookConfigurationError("everyone", "beyond what the hook may reach: everyone takes the glob '*'")
        default: break
        }
        try checkConstants()
    }

    /// Parts that are the same for every delivery are checked at once.
    private func checkConstants() throws(HookConfigurationError) {
        if let event = event.constant, let fault = CommandFault(event: event) {
            throw HookConfigurationError("event", fault.detail)
        }
        if let namespace = namespace.constant, let fault = CommandFault(namespace: namespace) {
            throw HookConfigurationError("namespace", fault.detail)
        }
        for (field, list) in [("rooms", rooms), ("except", except)] {
            for fault in CommandFault.names(list.map { $0.constant ?? "-" }, field) {
                throw HookConfigurationError("\(field)[\(fault.field.index ?? 0)]", fault.detail)
            }
        }
    }

    private static func templates(_ texts: [String], of field: String) throws(HookConfigurationError) -> [Template] {
        var templates: [Template] = []
        for (index, text) in texts.enumerated() { templates.append(try Template(text, of: "\(field)[\(index)]")) }
        return templates
    }

    /// All of them, each with the setting that it stands in.
    var templates: [(field: String, template: Template)] {
        func listed(_ templates: [Template?], _ field: String) -> [(field: String, template: Template)] {
            templates.enumerated().compactMap { index, template in template.map { ("\(field)[\(index)]", $0) } }
        }
        return [("namespace", namespace), ("event", event)] + listed(rooms, "rooms") + listed(except, "except")
            + listed(args.map(\.template), "args") + listed(conditions.map(\.value), "when")
    }

    enum Outcome {
        case emit(Emit)
        /// The first condition that is not met.
        case ignored(UnmetCondition)
    }

    /// The emit that a delivery becomes.
    ///
    /// - Throws: everything that cannot be filled, makes no valid emit, or is beyond reach.
    func outcome(of source: TemplateSource) throws(Problem) -> Outcome {
        for (index, condition) in conditions.enumerated() {
            if let unmet = condition.unmet(by: source, index: index) { return .ignored(unmet) }
        }
        var filling = Filling(source: source)
        var emit = Emit(
            namespace: filling.name(namespace, "/namespace"), event: filling.name(event, "/event"),
            rooms: filling.rooms(rooms, "/rooms"), except: filling.rooms(except, "/except"))
        emit.arguments = filling.arguments(args)
        var faults = filling.faults
        // Before anything of the same batch is published. How many names there may be, the emitter says.
        if faults.isEmpty {
            for fault in emit.faults(limits: CommandLimits(names: .max)) { faults.add(Problem.Place(fault)) }
        }
        if faults.isEmpty {
            for place in reach.places(beyond: emit) {
                faults.add(Problem.Place(place.location, "not among what the configuration allows"))
            }
        }
        guard faults.isEmpty else { throw faults.problem(.deliveryRefused, lead: "the delivery makes no emit: ") }
        return .emit(emit)
    }
}

/// Fills templates, and gathers what cannot be.
private struct Filling {
    let source: TemplateSource
    private(set) var faults = FaultList()

    init(source: TemplateSource) {
        self.source = source
    }

    mutating func name(_ template: Template, _ pointer: String) -> String {
        do throws(UnfilledTemplate) {
            return try template.name(from: source)
        } catch {
            fail(pointer, error)
            return ""
        }
    }

    /// A template makes text, whatever it is made of.
    mutating func rooms(_ templates: [Template], _ pointer: String) -> [RoomName] {
        var rooms: [RoomName] = []
        for (index, template) in templates.enumerated() { rooms.append(.name(name(template, "\(pointer)/\(index)"))) }
        return rooms
    }

    /// The elements of the list of arguments.
    mutating func arguments(_ templates: [ArgumentTemplate]) -> JSONText {
        JSONText.elements { list in
            for (index, template) in templates.enumerated() {
                list.element { json in
                    do throws(UnfilledTemplate) {
                        try template.write(to: &json, from: source)
                    } catch {
                        fail("/args/\(index)", error)
                        json.null()
                    }
                }
            }
        }
    }

    private mutating func fail(_ pointer: String, _ error: UnfilledTemplate) {
        faults.add(Problem.Place(pointer, error.detail))
    }
}
