// Calls the SDK for the tests: reads one call a line as JSON, and writes its outcome as one line.
const COS = require('cos-nodejs-sdk-v5');
const readline = require('readline');

console.log = console.error; // the SDK writes to both

// Bytes travel as text.
const plain = (name, value) => (value && value.type === 'Buffer' ? Buffer.from(value.data).toString('utf8') : value);

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { options, method, params } = JSON.parse(line);
  const write = (outcome) => process.stdout.write(JSON.stringify(outcome, plain) + '\n');
  try {
    new COS(options)[method](params, (error, data) => write(error ? { error } : { data }));
  } catch (error) {
    write({ error: { message: String(error) } });
  }
});
