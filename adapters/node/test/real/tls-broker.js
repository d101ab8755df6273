/** A private RabbitMQ with TLS that demands a client certificate: the broker and the certificates of the gateway's own tests. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Runs until its input ends. */
const PROGRAM = `
import json, sys, tempfile
sys.path[:0] = [sys.argv[1] + "scripts", sys.argv[1] + "Tests/EndToEnd/harness"]
from certificates import TLS_PLUGIN, Authority
from rabbitmq import PrivateRabbitMQ, free_ports
with tempfile.TemporaryDirectory() as folder:
    authority, stranger = Authority(folder + "/a"), Authority(folder + "/b", "stranger")
    certificate, key = authority.issue("broker", ["DNS:localhost"])
    (port,) = free_ports(1)
    settings = authority.broker_settings(certificate, key, port, demands_certificate=True)
    certificate, key = authority.issue("robot")
    with PrivateRabbitMQ(plugins=[TLS_PLUGIN], settings=settings) as broker:
        broker.ctl("add_user", "robot", "unused")
        broker.ctl("set_permissions", "robot", ".*", ".*", ".*")
        files = {"ca": authority.certificate, "stranger": stranger.certificate, "cert": certificate, "key": key}
        print(json.dumps({"port": port, "url": broker.url, **{name: str(file) for name, file in files.items()}}), flush=True)
        sys.stdin.read()
`;

/**
 * @returns {Promise<{ port: number, url: string, ca: string, stranger: string, cert: string, key: string, stop(): Promise<void> }>}
 *   `url` is the one without TLS; the certificate in `cert` is that of the user `robot`
 */
export async function startTlsBroker() {
  const child = spawn("python3", ["-c", PROGRAM, ROOT], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const { value, done } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (done) throw new Error("RabbitMQ did not start: run scripts/setup.sh run");
  return {
    ...JSON.parse(value),
    stop() {
      child.stdin.end();
      return exited;
    },
  };
}
