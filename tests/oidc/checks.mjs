// A file of checks: `test('what it proves', async () => ...)` for each, then `await run()`. One JSON line comes out for each
// check; tests/oidc_test.py makes a test of its own of every `test('...'` it finds in the source.
import assert from 'node:assert/strict';
import fs from 'node:fs';

const tests = [];
/// `onPeer` false: npm oidc-provider decides otherwise, or can't; asked of our own provider alone.
export function test(name, body, { onPeer = true } = {}) {
  tests.push([name, body, onPeer]);
}

// What tests/oidc_test.py (or peer.mjs) wrote: { issuer, login, clients: { role: metadata with secret and keys } }.
export const setup = JSON.parse(fs.readFileSync(process.argv[2] ?? process.env.OIDC_SETUP, 'utf8'));
export const issuer = setup.issuer;
export const client = (role) => setup.clients[role];
export { assert };

const LIMIT_MS = 60_000;

export async function run() {
  const chosen = process.argv.slice(3);
  let failed = 0;
  for (const [name, body, onPeer] of tests) {
    if (!onPeer && setup.login.kind === 'peer') continue;
    if (chosen.length > 0 && !chosen.some((part) => name.includes(part))) continue;
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('took too long')), LIMIT_MS); });
    let error = null;
    try {
      await Promise.race([body(), late]);
    } catch (caught) {
      error = describe(caught);
      failed += 1;
    } finally {
      clearTimeout(timer);
    }
    process.stdout.write(`${JSON.stringify(error ? { test: name, ok: false, error } : { test: name, ok: true })}\n`);
  }
  process.exit(failed ? 1 : 0);
}

function describe(error) {
  const parts = [error?.stack ?? String(error)];
  for (let cause = error?.cause, depth = 0; cause && depth < 3; cause = cause.cause, depth += 1) {
    parts.push(`cause: ${cause.stack ?? JSON.stringify(cause)}`);
    if (cause.body) parts.push(JSON.stringify(cause.body));
  }
  for (const member of ['error', 'error_description', 'status']) if (error?.[member]) parts.push(`${member}: ${error[member]}`);
  return parts.join('\n');
}
