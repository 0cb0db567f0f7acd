// The client of the official TypeScript SDK, in both protocol eras. It is started where its packages are installed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.cwd(), 'package.json'));
const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');
const { StdioClientTransport } = require('@modelcontextprotocol/client/stdio');

const name = '@modelcontextprotocol/client';
const task = JSON.parse(process.argv[2]);
const questions = [];
let answer = 'cancel';

const client = new Client({ name: 'test', version: '1' }, {
  capabilities: { elicitation: { form: {} } },
  versionNegotiation: { mode: task.era === 'legacy' ? 'legacy' : 'auto' },
});
client.setRequestHandler('elicitation/create', async (request) => {
  questions.push(request.params.message);
  return answer === 'accept' ? { action: answer, content: { approve: true } } : { action: answer };
});
const transport = task.url
  ? new StreamableHTTPClientTransport(new URL(task.url))
  : new StdioClientTransport({ command: task.command[0], args: task.command.slice(1), env: task.environment });
await client.connect(transport);

const { tools } = await client.listTools();
const calls = {};
for (const [key, call] of Object.entries(task.calls)) {
  answer = call.answer ?? 'cancel';
  const result = await client.callTool({ name: call.tool, arguments: call.arguments });
  calls[key] = { failed: result.isError ?? false, text: result.content.map((block) => block.text).join('') };
}
const report = {
  versions: { [name]: JSON.parse(readFileSync(join('node_modules', name, 'package.json'))).version },
  protocol: client.getNegotiatedProtocolVersion(),
  tools: tools.map((tool) => tool.name),
  calls,
  questions,
};
await client.close();
console.log(JSON.stringify(report));
