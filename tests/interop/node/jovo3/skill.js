'use strict';

const { applyChange, serve, snapshot } = require('../lines'); // first: it takes stdout from the framework
const { App, Lambda } = require('jovo-framework');
const { Alexa } = require('jovo-platform-alexa');
const { DynamoDb } = require('jovo-db-dynamodb');

let message; // one turn at a time
let seen;

async function turn(jovo) {
  seen = snapshot({
    data: jovo.$user.$data,
    isNew: jovo.$user.isNew(),
    session: { data: jovo.$session.$data },
    metaData: jovo.$user.$metaData,
    context: jovo.$user.$context,
  });
  if (message.change.delete) {
    await jovo.$user.delete();
  }
  applyChange(jovo.$user.$data, message.change);
  Object.assign(jovo.$session.$data, message.change.session);
  if (message.change.repeat) {
    await jovo.repeat();
  } else if (message.change.listen) {
    jovo.ask(message.change.say, message.change.reprompt || message.change.say);
  } else {
    jovo.tell(message.change.say);
  }
}

const apps = new Map();

function appFor(table, options) {
  const key = JSON.stringify([table, options]);
  if (!apps.has(key)) {
    const app = new App({ logging: false, user: options.user });
    app.use(
      new Alexa(),
      new DynamoDb({
        tableName: table,
        awsConfig: { endpoint: process.env.AWS_ENDPOINT_URL_DYNAMODB },
        ...options.db,
      }),
    );
    app.setHandler({
      LAUNCH() {
        return turn(this);
      },
      END() {
        return turn(this);
      },
      Unhandled() {
        return turn(this);
      },
    });
    apps.set(key, app);
  }
  return apps.get(key);
}

serve(async (line) => {
  message = line;
  seen = undefined;
  const response = await new Promise((resolve, reject) => {
    const host = new Lambda(line.request, {}, (error, answer) => (error ? reject(error) : resolve(answer)));
    appFor(line.table, line.options).handle(host).catch(reject);
  });
  return { seen, response };
});
