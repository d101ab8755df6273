/** A private RabbitMQ of the repository's, or the one in AMQP_URL, which is not restarted. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SCRIPTS = fileURLToPath(new URL("../../../../scripts", import.meta.url));

/** Runs until its input ends: each line is a method of PrivateRabbitMQ. */
const PROGRAM = `
import sys
sys.path.insert(0, sys.argv[1])
from rabbitmq import PrivateRabbitMQ
with PrivateRabbitMQ() as broker:
    print(broker.url, flush=True)
    for line in sys.stdin:
        method, *arguments = line.split()
        getattr(broker, method)(*arguments)
        print("done", flush=True)
`;

/**
 * @returns {Promise<{ url: string, canRestart: boolean, run(method: string): Promise<void>, stop(): Promise<void> }>}
 */
export async function startBroker() {
  const { AMQP_URL: url } = process.env;
  if (url) return { url, canRestart: false, run: async () => {}, stop: async () => {} };
  const child = spawn("python3", ["-c", PROGRAM, SCRIPTS], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("RabbitMQ did not start: run scripts/setup.sh run, or set AMQP_URL");
    return value;
  };
  return {
    url: await read(),
    canRestart: true,
    async run(method) {
      child.stdin.write(`${method}\n`);
      await read();
    },
    stop() {
      return new Promise((resolve) => {
        child.once("exit", resolve);
        child.stdin.end();
      });
    },
  };
}
