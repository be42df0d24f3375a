// Jovo v4's own app on Node with its DynamoDB plugin: `node worker.cjs ENDPOINT`.
// Whole turns, from request JSON to response JSON. Speaks the same lines as worker.py.
"use strict";

process.removeAllListeners("warning"); // the AWS SDK's words about old Node

const readline = require("node:readline");
const { App, BaseComponent, Component, Global, Server } = require("@jovotech/framework");
const { CorePlatform } = require("@jovotech/platform-core");
const { DynamoDb } = require("@jovotech/db-dynamodb");

const [endpoint] = process.argv.slice(2);

class Quiz extends BaseComponent {
  turn() {
    this.$user.data.score += 1;
    return this.$send({ message: `Score ${this.$user.data.score}`, listen: true });
  }

  read() {
    return this.$send({ message: `Score ${this.$user.data.score}`, listen: true });
  }
}
// The decorators, as a TypeScript app writes them: @Global() @Component().
Component()(Quiz);
Global()(Quiz);

class OneRequest extends Server {
  constructor(request) {
    super();
    this.request = request;
  }
  getRequestObject() {
    return this.request;
  }
  getQueryParams() {
    return {};
  }
  getNativeRequestHeaders() {
    return {};
  }
  hasWriteFileAccess() {
    return false;
  }
  setResponseHeaders() {}
  async setResponse(response) {
    this.response = response;
  }
  async fail(error) {
    throw error;
  }
}

const requestText = JSON.stringify({
  version: "4.0",
  platform: "core",
  id: "7bd31461-0211-4c92-b642-69a978c2f18c",
  timestamp: "2026-11-22T17:01:09.316Z",
  timeZone: "Europe/London",
  locale: "en",
  data: {},
  input: { type: "INTENT", intent: "INTENT_NAME" },
  context: {
    device: { capabilities: ["AUDIO", "TEXT"] },
    session: { id: "s-1", data: {}, isNew: false, updatedAt: "2026-11-22T17:01:00.000Z" },
    user: { id: "USER_ID", data: {} },
  },
});

const app = new App({ logging: false });
app.configure({
  components: [Quiz],
  plugins: [
    new CorePlatform(),
    new DynamoDb({
      table: { name: "Users", primaryKeyColumn: "userId" },
      libraryConfig: { dynamoDbClient: { endpoint, region: "us-east-1" } },
    }),
  ],
});
app.onError((error) => {
  throw error;
});

async function step(intent, user) {
  const server = new OneRequest(JSON.parse(requestText.replace("INTENT_NAME", intent).replace("USER_ID", user)));
  await app.handle(server);
  return JSON.stringify(server.response);
}

async function measure(intent, seconds, users) {
  const latencies = [];
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  async function oneUser(number) {
    const user = `amzn1.ask.account.BENCHMARK${String(number).padStart(6, "0")}`;
    let now = performance.now();
    do {
      const before = now;
      await step(intent, user);
      now = performance.now();
      latencies.push((now - before) / 1000);
    } while (now - started < seconds * 1000);
  }
  await Promise.all(Array.from({ length: users }, (_, number) => oneUser(number)));
  const wall = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  const at = (percent) => latencies[Math.floor((latencies.length * percent) / 100)];
  const latency = { p50: at(50), p90: at(90), p99: at(99) };
  return { count: latencies.length, wall, cpu: (user + system) / 1e6, latency };
}

async function main() {
  await app.initialize();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [intent, seconds, users] = JSON.parse(line);
    console.log(JSON.stringify(await measure(intent, seconds, users)));
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
