'use strict';
// A skill as a process: one JSON line in, `{table, options, request, change}`, one JSON line out, what the skill saw and answered.

const readline = require('readline');

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr); // the frameworks log there

/** Sets and removes members of the user's data, as the test asked for. */
exports.applyChange = (data, change) => {
  Object.assign(data, change.set);
  (change.unset || []).forEach((key) => delete data[key]);
};

/** The value as JSON has it, so that what happens to it later is not seen. */
exports.snapshot = (value) =>
  JSON.parse(JSON.stringify(value, (key, member) => (typeof member === 'bigint' ? `${member}` : member)));

exports.serve = async (turn) => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      answer = await turn(JSON.parse(line));
      if (!answer.seen) {
        throw new Error('the handler has failed, the log says why');
      }
    } catch (error) {
      answer = { error: `${error.name}: ${error.message}` };
    }
    write(`${JSON.stringify(answer)}\n`);
  }
};
