/** A Socket.IO server that keeps socket.io-amqp0, and answers gateways all the same. */

import amqplib from "amqplib";
import { Server } from "socket.io";
import { createAdapter } from "socket.io-amqp0";
import { attachGateway } from "socketio-gateway/attach-gateway";

const { AMQP_URL = "amqp://localhost?heartbeat=10", PORT = "3000" } = process.env;
const connection = () => amqplib.connect(AMQP_URL);

const io = new Server(Number(PORT), {
  adapter: createAdapter({ amqpConnection: connection }),
  cors: { origin: "*" },
});
const gateway = attachGateway(io, { connection });

io.on("connection", (socket) => {
  socket.on("join", async (room, done) => {
    await socket.join(room);
    done?.();
  });
});

console.log(`listening on port ${PORT}`);

// Gateways hear at once that this server goes.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await gateway.close();
    process.exit();
  });
}
