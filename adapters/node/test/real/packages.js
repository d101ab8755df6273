/**
 * Socket.IO, its client and amqplib, from the directory in SOCKETIO_GATEWAY_NODE_MODULES or from where Node finds them.
 * Where Node does not find them, the suite is skipped and says so. Of a directory that was named, nothing may be missing.
 */

import { readFileSync } from "node:fs";
import { createRequire, register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const directory = process.env.SOCKETIO_GATEWAY_NODE_MODULES;
const require = createRequire(directory ? join(directory, "_.js") : import.meta.url);

/** The reason for skipping, or false. */
export let skip = false;
/** @type {any} */
export const packages = {};

try {
  packages.Server = require("socket.io").Server;
  packages.connect = require("socket.io-client").io;
  packages.amqplib = require("amqplib");
  packages.adapterPackage = createRequire(require.resolve("socket.io"))("socket.io-adapter");
  const names = ["socket.io", "socket.io-adapter", "amqplib"];
  packages.versions = names.map((name) => `${name} ${versionOf(name)}`).join(", ");
  if (directory) {
    register("./resolve-hook.js", import.meta.url, { data: pathToFileURL(join(directory, "_.js")).href });
  }
  Object.assign(packages, await import("../../index.js"));
  packages.amqp0 = await import("socket.io-amqp0").catch(() => null);
  packages.versions += packages.amqp0 ? ", with socket.io-amqp0" : ", no socket.io-amqp0";
  console.log(`real suite: ${packages.versions}, Node ${process.version}`);
} catch (error) {
  if (directory || !["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(error.code)) throw error;
  const missing = error.message.split("\n")[0];
  skip = `needs socket.io, socket.io-client and amqplib (SOCKETIO_GATEWAY_NODE_MODULES): ${missing}`;
  console.log(`real suite SKIPPED: ${skip}`);
}

/** Packages need not export their package.json. */
function versionOf(name) {
  const main = createRequire(require.resolve("socket.io")).resolve(name);
  const root = main.slice(0, main.lastIndexOf(`node_modules/${name}`) + `node_modules/${name}`.length);
  return JSON.parse(readFileSync(join(root, "package.json"))).version;
}
