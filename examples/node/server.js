/** A Socket.IO server with the adapter. Start several of them: they are one cluster. */

import amqplib from "amqplib";
import { Server } from "socket.io";
import { createAdapter } from "socketio-gateway";

const { AMQP_URL = "amqp://localhost?heartbeat=10", PORT = "3000" } = process.env;

const io = new Server(Number(PORT), {
  adapter: createAdapter({
    connection: () => amqplib.connect(AMQP_URL),
    subscriptionMode: "dynamic",
    onError: (error, { stage }) => console.error(`${stage}: ${error.message}`),
  }),
  cors: { origin: "*" },
});

io.on("connection", (socket) => {
  socket.on("join", async (room, done) => {
    await socket.join(room);
    done?.(); // from here on, every emit to the room arrives
  });
});

// For the gateway's server-side emits: each server answers.
io.on("uptime", (answer) => answer?.(process.uptime()));

console.log(`listening on port ${PORT}`);

// Gateways and the other servers hear at once that this server goes.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await io.close();
    process.exit();
  });
}
