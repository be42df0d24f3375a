'use strict';

const { applyChange, serve, snapshot } = require('../lines'); // first: it takes stdout from the framework
const { App, BaseComponent, Component, Global, Server } = require('@jovotech/framework');
const { AlexaPlatform } = require('@jovotech/platform-alexa');
const { DynamoDb } = require('@jovotech/db-dynamodb');

let message; // one turn at a time
let seen;

class Skill extends BaseComponent {
  async UNHANDLED() {
    seen = snapshot({
      data: this.$user.data,
      isNew: this.$user.isNew,
      createdAt: this.$user.createdAt,
      session: { id: this.$session.id, data: this.$session.data, isNew: this.$session.isNew },
      history: this.$history.items,
    });
    applyChange(this.$user.data, message.change);
    Object.assign(this.$session.data, message.change.session);
    return this.$send({ message: message.change.say, listen: message.change.listen });
  }
}
Component()(Skill);
Global()(Skill);

class LineServer extends Server {
  getRequestObject() {
    return message.request;
  }
  getNativeRequestHeaders() {
    return {};
  }
  getQueryParams() {
    return {};
  }
  hasWriteFileAccess() {
    return false;
  }
  setResponseHeaders() {}
  setResponse(response) {
    this.response = response;
  }
  fail(error) {
    throw error;
  }
}

const apps = new Map();

async function appFor(table, options) {
  const key = JSON.stringify([table, options]);
  if (!apps.has(key)) {
    const app = new App({
      components: [Skill],
      plugins: [
        new AlexaPlatform(),
        new DynamoDb({ table: { name: table }, storedElements: options.storedElements }),
      ],
      logging: false,
    });
    apps.set(key, app);
  }
  const app = apps.get(key);
  await app.initialize(); // fails, and is to be called again, when it had to create the table
  return app;
}

serve(async (line) => {
  message = line;
  seen = undefined;
  const server = new LineServer();
  await (await appFor(line.table, line.options)).handle(server);
  return { seen, response: server.response };
});
