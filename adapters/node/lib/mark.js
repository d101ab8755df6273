/** How `attachGateway` recognises our own adapter, whichever copy of this package made it. */
export const ADAPTER_MARK = Symbol.for("socketio-gateway.adapter");
