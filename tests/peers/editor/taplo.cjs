// Speaks for @taplo/lsp on standard input and output, as Even Better TOML's own program does over IPC: the package is
// the server without a way to reach it. No schema needs a network, so it is given none.
const fs = require("node:fs");
const path = require("node:path");
const { fileURLToPath } = require("node:url");
const { TaploLsp } = require(path.join(process.argv[2], "@taplo", "lsp"));

function send(message) {
  const body = Buffer.from(JSON.stringify(message));
  process.stdout.write(`Content-Length: ${body.length}\r\n\r\n`);
  process.stdout.write(body);
}

// Whatever it would load is told to the test, and refused.
globalThis.fetch = (asked) => {
  send({ jsonrpc: "2.0", method: "exrun/fetch", params: { url: String(asked.url ?? asked) } });
  return Promise.reject(new Error("there is no network"));
};

const environment = {
  cwd: () => process.cwd(),
  envVar: (name) => process.env[name],
  envVars: () => Object.entries(process.env),
  findConfigFile: () => undefined,
  glob: () => [],
  isAbsolute: (name) => path.isAbsolute(name),
  now: () => new Date(),
  readFile: (name) => fs.promises.readFile(name),
  writeFile: (name, bytes) => fs.promises.writeFile(name, bytes),
  stdErrAtty: () => false,
  stdin: () => Promise.resolve(new Uint8Array()),
  stdout: (bytes) => Promise.resolve(bytes.length),
  stderr: (bytes) => Promise.resolve(bytes.length),
  urlToFilePath: (url) => (url.startsWith("file:") ? fileURLToPath(url) : new URL(url).pathname),
};

TaploLsp.initialize(environment, { onMessage: send }).then((server) => {
  let read = Buffer.alloc(0);
  process.stdin.on("data", (more) => {
    read = Buffer.concat([read, more]);
    for (;;) {
      const end = read.indexOf("\r\n\r\n");
      const length = end < 0 ? null : Number(/Content-Length: (\d+)/i.exec(read.subarray(0, end))[1]);
      if (length === null || read.length < end + 4 + length) break;
      const body = read.subarray(end + 4, end + 4 + length);
      read = read.subarray(end + 4 + length);
      server.send(JSON.parse(body));
    }
  });
  process.stdin.on("end", () => process.exit(0));
});
