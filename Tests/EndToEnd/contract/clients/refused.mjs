// node refused.mjs URL SIZE chunked|announced: the status of a POST of so many bytes, by fetch and by http.request.
import http from "node:http";

const [url, size, framing] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const piece = Buffer.alloc(65536, " ");

function* pieces() {
  for (let left = size; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
}

function request() {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", ...(framing === "announced" && { "content-length": size }) };
    const post = http.request(url, { method: "POST", headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    post.on("error", reject);
    for (const bytes of pieces()) post.write(bytes);
    post.end();
  });
}

async function fetched() {
  const body = framing === "announced" ? Buffer.alloc(size, " ") : ReadableStream.from(pieces());
  const response = await fetch(url, { method: "POST", body, duplex: "half", headers: { "content-type": "application/json" } });
  await response.arrayBuffer();
  return response.status;
}

console.log(await request(), await fetched());
