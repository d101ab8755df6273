export { createAdapter } from "./lib/adapter.js";
export { attachGateway } from "./lib/attach-gateway.js";
