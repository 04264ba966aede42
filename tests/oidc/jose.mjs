// npm jose, which reads the provider's keys and verifies what it signs; and the `jose` command of Debian beside it.
import './node18.mjs';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as jose from 'jose';
import { Browser } from './browser.mjs';
import { assert, client, run, test } from './checks.mjs';
import { discovery, login, token } from './plain.mjs';

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'];

async function keySet() {
  const answer = await fetch((await discovery()).jwks_uri);
  return { answer, set: await answer.json() };
}

test('jose finds in the key set a key for each algorithm and no private member', async () => {
  const { set } = await keySet();
  const algorithms = new Set();
  for (const key of set.keys) {
    for (const member of PRIVATE) assert.equal(key[member], undefined, member);
    assert.ok(key.kid);
    assert.equal(key.use, 'sig');
    algorithms.add(key.alg);
    assert.equal((await jose.importJWK(key, key.alg)).type, 'public');
  }
  assert.equal(new Set(set.keys.map((key) => key.kid)).size, set.keys.length);
  for (const algorithm of (await discovery()).id_token_signing_alg_values_supported) assert.ok(algorithms.has(algorithm), algorithm);
});

test('jose verifies the ID tokens of ES256, EdDSA and RS256 clients with the key that kid names', async () => {
  const keys = jose.createLocalJWKSet((await keySet()).set);
  for (const [role, alg] of [['web', 'ES256'], ['eddsa', 'EdDSA'], ['rsa', 'RS256']]) {
    const { tokens } = await login(role, new Browser());
    const { protectedHeader, payload } = await jose.jwtVerify(tokens.id_token, keys, { issuer: (await discovery()).issuer, audience: client(role).client_id, algorithms: [alg], maxTokenAge: 30 });
    assert.equal(protectedHeader.alg, alg);
    assert.ok(payload.exp > payload.iat && payload.exp - payload.iat <= 3600);
    if (payload.auth_time !== undefined) assert.ok(payload.auth_time <= payload.iat);
  }
});

test('jose refuses an ID token of which one letter was changed', async () => {
  const keys = jose.createLocalJWKSet((await keySet()).set);
  const { tokens } = await login('web', new Browser());
  const [head, payload, signature] = tokens.id_token.split('.');
  const changed = JSON.parse(Buffer.from(payload, 'base64url'));
  changed.sub = `${changed.sub}x`;
  await assert.rejects(jose.jwtVerify([head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.'), keys));
});

test('an ID token binds its code and access token by at_hash where it says so', async () => {
  const { tokens } = await login('web', new Browser());
  const { at_hash: hash } = jose.decodeJwt(tokens.id_token);
  if (hash === undefined) return;  // OpenID Connect Core section 3.1.3.6: optional in the code flow
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(tokens.access_token)));
  assert.equal(hash, digest.subarray(0, 16).toString('base64url'));
});

test('the jose command of Debian verifies an ID token with the key set', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dayaq-jose-'));
  try {
    const { tokens } = await login('web', new Browser());
    const { set } = await keySet();
    // It knows no Ed25519 and fails on a whole set that holds one.
    const set2 = { keys: set.keys.filter((key) => key.kty !== 'OKP') };
    const [keys, signed, content] = ['keys', 'signed', 'content'].map((name) => path.join(folder, name));
    fs.writeFileSync(keys, JSON.stringify(set2));
    fs.writeFileSync(signed, tokens.id_token);
    const verify = () => spawnSync('jose', ['jws', 'ver', '-i', signed, '-k', keys, '-O', content], { encoding: 'utf8' });
    const ran = verify();
    assert.equal(ran.status, 0, ran.stderr || String(ran.error));
    assert.deepEqual(JSON.parse(fs.readFileSync(content, 'utf8')), jose.decodeJwt(tokens.id_token));
    const at = tokens.id_token.lastIndexOf('.') + 5;
    fs.writeFileSync(signed, tokens.id_token.slice(0, at) + (tokens.id_token[at] === 'A' ? 'B' : 'A') + tokens.id_token.slice(at + 1));
    assert.notEqual(verify().status, 0);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test('the jose command of Debian verifies an access token of client credentials', async () => {
  const answer = await token('machine', { grant_type: 'client_credentials', scope: 'persons:read' });
  assert.equal(answer.status, 200, answer.text);
  const { set } = await keySet();
  const ran = spawnSync('jose', ['jws', 'ver', '-i', '-', '-k', '/dev/fd/3'], {
    input: answer.json.access_token, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe', fs.openSync(writeTemporary({ keys: set.keys.filter((key) => key.kty !== 'OKP') }), 'r')],
  });
  assert.equal(ran.status, 0, ran.stderr);
});

function writeTemporary(value) {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'dayaq-jose-')), 'keys');
  fs.writeFileSync(file, JSON.stringify(value));
  process.on('exit', () => fs.rmSync(path.dirname(file), { recursive: true, force: true }));
  return file;
}

await run();
