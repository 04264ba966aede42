// How clients prove who they are (RFC 6749 section 2.3, RFC 7523, OpenID Connect Core section 9, FAPI 2.0 section 5.3).
import '../node18.mjs';
import * as jose from 'jose';
import { assert, client, issuer, run, test } from '../checks.mjs';
import { assertion, asClient, call, CLIENT_ASSERTION, discovery, random } from '../plain.mjs';

const now = () => Math.floor(Date.now() / 1000);
const basic = (id, secret) => ({ authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` });

async function ask(role, { form = {}, headers = {} } = {}) {
  return call((await discovery()).token_endpoint, { form: { grant_type: 'client_credentials', scope: 'persons:read', ...form }, headers });
}
async function withAssertion(text, more = {}) {
  return ask('machine_jwt', { form: { client_id: client('machine_jwt').client_id, client_assertion_type: CLIENT_ASSERTION, client_assertion: text, ...more } });
}
function isInvalidClient(answer, what) {
  assert.ok([400, 401].includes(answer.status), `${what}: ${answer.status} ${answer.text}`);
  assert.ok(['invalid_client', 'invalid_request'].includes(answer.json?.error), `${what}: ${answer.text}`);
  assert.equal(answer.json.access_token, undefined);
}

test('a wrong secret is answered with 401 and WWW-Authenticate', async () => {
  const answer = await ask('machine', { headers: basic(client('machine').client_id, 'wrong') });
  assert.equal(answer.status, 401, answer.text);
  assert.equal(answer.json.error, 'invalid_client');
  assert.match(answer.headers['www-authenticate'] ?? '', /^Basic\b/i);
});

test('a secret with a letter more or less, or an empty one, is wrong', async () => {
  const { client_id: id, client_secret: secret } = client('machine');
  for (const wrong of [`${secret}x`, secret.slice(0, -1), secret.slice(1), '', secret.toUpperCase()]) isInvalidClient(await ask('machine', { headers: basic(id, wrong) }), wrong);
});

test('a client that says nothing of itself is refused', async () => {
  isInvalidClient(await ask('machine'), 'nobody');
  isInvalidClient(await ask('machine', { form: { client_id: client('machine').client_id } }), 'a confidential client without its secret');
});

test('a client is taken only by the method that it registered', async () => {
  const { client_id, client_secret } = client('machine');
  isInvalidClient(await ask('machine', { form: { client_id, client_secret } }), 'post for basic');
  const jwt = client('machine_jwt');
  isInvalidClient(await ask('machine_jwt', { form: { client_id: jwt.client_id } }), 'none for private_key_jwt');
}, { onPeer: false });

test('two methods at once are refused', async () => {
  const { client_id, client_secret } = client('machine');
  isInvalidClient(await ask('machine', { form: { client_id, client_secret }, headers: basic(client_id, client_secret) }), 'both');
});

test('a good assertion is taken, with the issuer as its audience', async () => {
  assert.equal((await withAssertion(await assertion('machine_jwt'))).status, 200);
});

test('an assertion is good once', async () => {
  const text = await assertion('machine_jwt');
  assert.equal((await withAssertion(text)).status, 200);
  isInvalidClient(await withAssertion(text), 'replayed');
});

test('an assertion with a jti that was used is refused though signed anew', async () => {
  const jti = random();
  assert.equal((await withAssertion(await assertion('machine_jwt', { claims: { jti } }))).status, 200);
  isInvalidClient(await withAssertion(await assertion('machine_jwt', { claims: { jti, iat: now() - 1 } })), 'the same jti');
});

test('an assertion for another audience is refused', async () => {
  for (const aud of ['https://elsewhere.example', `${issuer}/`, `${issuer}.evil.example`, undefined]) {
    isInvalidClient(await withAssertion(await assertion('machine_jwt', { claims: { aud } })), `aud ${aud}`);
  }
}, { onPeer: false });

test('an assertion that has expired, never expires, or isn\'t valid yet, is refused', async () => {
  for (const claims of [{ exp: now() - 120, iat: now() - 200 }, { exp: undefined }, { nbf: now() + 600 }]) {
    isInvalidClient(await withAssertion(await assertion('machine_jwt', { claims })), JSON.stringify(claims));
  }
});

test('an assertion without jti is refused', async () => {
  isInvalidClient(await withAssertion(await assertion('machine_jwt', { claims: { jti: undefined } })), 'no jti');
});

test('an assertion of one client in the name of another is refused', async () => {
  for (const claims of [{ iss: client('web').client_id }, { sub: client('web').client_id }, { iss: undefined }, { sub: undefined }]) {
    isInvalidClient(await withAssertion(await assertion('machine_jwt', { claims })), JSON.stringify(claims));
  }
  isInvalidClient(await withAssertion(await assertion('machine_jwt'), { client_id: client('fapi').client_id }), 'client_id of another');
});

test('an assertion signed with another key is refused, whatever kid it names', async () => {
  const { privateKey } = await jose.generateKeyPair('ES256');
  isInvalidClient(await withAssertion(await assertion('machine_jwt', { key: privateKey })), 'another key');
  isInvalidClient(await withAssertion(await assertion('machine_jwt', { key: privateKey, header: { kid: 'unknown' } })), 'unknown kid');
  const jwk = await jose.exportJWK((await jose.generateKeyPair('ES256', { extractable: true })).publicKey);
  isInvalidClient(await withAssertion(await assertion('machine_jwt', { key: privateKey, header: { jwk } })), 'a key of its own in the header');
});

test('an assertion with alg none is refused', async () => {
  const payload = jose.decodeJwt(await assertion('machine_jwt'));
  const unsigned = (alg) => `${[{ alg, kid: 'web-1' }, { ...payload, jti: random() }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
  for (const alg of ['none', 'None', 'NONE', '']) isInvalidClient(await withAssertion(unsigned(alg)), alg);
});

test('an assertion by HMAC with the public key as its secret is refused (algorithm confusion)', async () => {
  const { keys } = client('machine_jwt').jwks;
  const payload = { iss: client('machine_jwt').client_id, sub: client('machine_jwt').client_id, aud: issuer, jti: random(), iat: now(), exp: now() + 60 };
  const pem = await jose.exportSPKI(await jose.importJWK(keys[0], 'ES256', { extractable: true })).catch(() => 'x');
  for (const secret of [JSON.stringify(keys[0]), pem, keys[0].x]) {
    const text = await new jose.SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid: keys[0].kid }).sign(new TextEncoder().encode(secret));
    isInvalidClient(await withAssertion(text), 'HS256');
  }
});

test('oversized, nested and torn assertions are refused and the provider goes on', async () => {
  const good = await assertion('machine_jwt');
  const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'web-1' })).toString('base64url');
  const texts = [
    'x'.repeat(60_000), `${header}.${Buffer.from(deep).toString('base64url')}.AAAA`, `${header}.${Buffer.from(`{"a":${deep}}`).toString('base64url')}.AAAA`, '..', '.', good.split('.').slice(0, 2).join('.'),
    `${good}.x`, `${good}=`, good.replace('.', '..'), Buffer.from(good).toString('base64url'), '{"payload":"x","signatures":[]}', `${good.slice(0, -4)}\u0000AAA`,
  ];
  for (const text of texts) {
    const answer = await withAssertion(text);
    if (answer.status !== 413) isInvalidClient(answer, text.slice(0, 40));
  }
  assert.equal((await withAssertion(await assertion('machine_jwt'))).status, 200);
}, { onPeer: false });

test('a critical header that nobody knows is refused', async () => {
  const c = client('machine_jwt');
  const payload = { iss: c.client_id, sub: c.client_id, aud: issuer, jti: random(), iat: now(), exp: now() + 60 };
  const head = Buffer.from(JSON.stringify({ alg: 'ES256', kid: c.private.kid, crit: ['b65'], b65: true })).toString('base64url');
  const body = Buffer.from(JSON.stringify(payload)).toString('base64url');
  const key = await jose.importJWK(c.private, 'ES256');
  const signature = Buffer.from(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(`${head}.${body}`))).toString('base64url');
  isInvalidClient(await withAssertion(`${head}.${body}.${signature}`), 'crit');
});

test('an assertion type that nobody knows is refused', async () => {
  isInvalidClient(await withAssertion(await assertion('machine_jwt'), { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }), 'saml');
});

test('introspection and revocation refuse who doesn\'t authenticate', async () => {
  for (const endpoint of ['introspection_endpoint', 'revocation_endpoint']) {
    const answer = await call((await discovery())[endpoint], { form: { token: 'x' } });
    isInvalidClient(answer, endpoint);
    const wrong = await asClient('web', endpoint, { token: 'x' }, { headers: basic(client('web').client_id, 'wrong') });
    assert.equal(wrong.status, 401, endpoint);
  }
});

await run();
