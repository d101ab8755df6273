/** A private RabbitMQ with TLS that demands a client certificate: the broker and the certificates of the gateway's own tests. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Runs until its input ends: each line is a command for `rabbitmqctl`, and what it printed comes back. */
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
    next = authority.issue("next")
    with PrivateRabbitMQ(plugins=[TLS_PLUGIN], settings=settings) as broker:
        for user in ("robot", "next"):
            broker.ctl("add_user", user, "unused")
            broker.ctl("set_permissions", user, ".*", ".*", ".*")
        files = {"ca": authority.certificate, "stranger": stranger.certificate, "cert": certificate, "key": key}
        files |= {"nextCert": next[0], "nextKey": next[1]}
        print(json.dumps({"port": port, "url": broker.url, **{name: str(file) for name, file in files.items()}}), flush=True)
        for line in sys.stdin:
            print(json.dumps(broker.ctl(*line.split())), flush=True)
`;

/**
 * @returns {Promise<{ port: number, url: string, ca: string, stranger: string, cert: string, key: string, nextCert: string,
 *   nextKey: string, ctl(...words: string[]): Promise<string>, stop(): Promise<void> }>}
 *   `url` is the one without TLS; the certificate in `cert` is that of the user `robot`, the one in `nextCert` of `next`
 */
export async function startTlsBroker() {
  const child = spawn("python3", ["-c", PROGRAM, ROOT], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value, done } = await lines.next();
  if (done) throw new Error("RabbitMQ did not start: run scripts/setup.sh run");
  return {
    ...JSON.parse(value),
    async ctl(...words) {
      child.stdin.write(`${words.join(" ")}\n`);
      const answer = await lines.next();
      if (answer.done) throw new Error(`rabbitmqctl ${words.join(" ")} failed`);
      return JSON.parse(answer.value);
    },
    stop() {
      child.stdin.end();
      return exited;
    },
  };
}
