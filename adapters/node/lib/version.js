/** How this package names itself to gateways. A test holds it against package.json. */
export const VERSION = "0.2.0";
export const AGENT = `socketio-gateway-node/${VERSION}`;
