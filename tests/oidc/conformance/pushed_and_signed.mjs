// Pushed authorization requests (RFC 9126) and signed ones (RFC 9101), as FAPI 2.0 wants them.
import '../node18.mjs';
import * as jose from 'jose';
import { Browser } from '../browser.mjs';
import { assert, client, issuer, run, test } from '../checks.mjs';
import { asClient, authorize, call, CLIENT_ASSERTION, assertion, discovery, DpopKey, pushed, random, redeem, request } from '../plain.mjs';

const now = () => Math.floor(Date.now() / 1000);

async function open(parameters, person = new Browser()) {
  const url = new URL((await discovery()).authorization_endpoint);
  url.search = new URLSearchParams(parameters);
  return person.visit(url);
}
function isNoCode(end, what = '') {
  if (end instanceof URL) assert.equal(end.searchParams.get('code'), null, `${what}: ${end}`);
  else assert.ok(end.status >= 400, `${what}: ${end.status}`);
}

test('a pushed request is answered with 201, a request_uri and a short life', async () => {
  const { answer } = await pushed('jwt');
  assert.equal(answer.status, 201, answer.text);
  assert.match(answer.json.request_uri, /^urn:ietf:params:oauth:request_uri:.{21,}/);
  assert.ok(answer.json.expires_in > 5 && answer.json.expires_in < 600, 'FAPI 2.0 section 5.3.2.2');
  assert.match(answer.headers['cache-control'] ?? '', /no-store|no-cache/);
});

test('a request_uri leads to a code', async () => {
  const { answer, sent, verifier } = await pushed('jwt');
  const end = await open({ client_id: client('jwt').client_id, request_uri: answer.json.request_uri });
  assert.ok(end instanceof URL);
  assert.equal(end.searchParams.get('state'), sent.state);
  assert.equal((await redeem('jwt', { answer: Object.fromEntries(end.searchParams), sent, verifier })).status, 200);
});

test('a request_uri works once', async () => {
  const person = new Browser();
  const { answer } = await pushed('jwt');
  const parameters = { client_id: client('jwt').client_id, request_uri: answer.json.request_uri };
  assert.ok((await open(parameters, person)).searchParams.get('code'));
  isNoCode(await open(parameters, person), 'again');
});

test('a request_uri of another client, or one that nobody made, leads nowhere', async () => {
  const { answer } = await pushed('jwt');
  isNoCode(await open({ client_id: client('web').client_id, request_uri: answer.json.request_uri }), 'of another client');
  isNoCode(await open({ client_id: client('jwt').client_id, request_uri: `urn:ietf:params:oauth:request_uri:${random()}` }), 'nobody\'s');
});

test('what stands beside a request_uri in the address doesn\'t change the request', async () => {
  const { answer, sent } = await pushed('jwt', { scope: 'openid' });
  const end = await open({ client_id: client('jwt').client_id, request_uri: answer.json.request_uri, state: 'other', scope: 'openid profile', redirect_uri: 'http://evil.example/' });
  if (end instanceof URL) {
    assert.equal(end.origin + end.pathname, client('jwt').redirect_uris[0]);
    if (end.searchParams.get('code')) assert.equal(end.searchParams.get('state'), sent.state);
  } else {
    assert.ok(end.status >= 400);
  }
});

test('a pushed request is checked when it is pushed: redirect_uri, PKCE, response_type', async () => {
  for (const more of [{ redirect_uri: 'https://evil.example/cb' }, { code_challenge: undefined, code_challenge_method: undefined }, { code_challenge_method: 'plain' }, { response_type: 'token' }]) {
    const { answer } = await pushed('jwt', more);
    assert.equal(answer.status, 400, `${JSON.stringify(more)} ${answer.text}`);
    assert.ok(answer.json.error);
    assert.equal(answer.json.request_uri, undefined);
  }
});

test('a request is pushed by clients that authenticate alone', async () => {
  const { sent } = request('jwt');
  const answer = await call((await discovery()).pushed_authorization_request_endpoint, { form: sent });
  assert.ok([400, 401].includes(answer.status), answer.text);
  assert.ok(['invalid_client', 'invalid_request'].includes(answer.json.error));
});

test('a request_uri can\'t be pushed', async () => {
  const { answer } = await pushed('jwt', { request_uri: 'urn:ietf:params:oauth:request_uri:x' });
  assert.equal(answer.status, 400);
  assert.ok(['invalid_request', 'request_uri_not_supported'].includes(answer.json.error), answer.text);
});

test('a request is pushed by POST alone', async () => {
  const answer = await call((await discovery()).pushed_authorization_request_endpoint);
  assert.ok([404, 405].includes(answer.status), `${answer.status}`);
});

test('a FAPI client that doesn\'t push is refused', async () => {
  isNoCode((await authorize('fapi')).back ?? (await authorize('fapi')).page, 'not pushed');
});

test('a FAPI client pushes without a DPoP proof and gets tokens bound to the key that it shows at the token endpoint', async () => {
  const dpop = await DpopKey.make();
  const { answer, sent, verifier } = await pushed('fapi');
  assert.equal(answer.status, 201, answer.text);
  const end = await open({ client_id: client('fapi').client_id, request_uri: answer.json.request_uri });
  const tokens = await redeem('fapi', { answer: Object.fromEntries(end.searchParams), sent, verifier }, {}, { dpop });
  assert.equal(tokens.status, 200, tokens.text);
  assert.match(tokens.json.token_type, /^DPoP$/i);
});

test('a FAPI client gets no token without a DPoP proof', async () => {
  const { answer, sent, verifier } = await pushed('fapi');
  const end = await open({ client_id: client('fapi').client_id, request_uri: answer.json.request_uri });
  const tokens = await redeem('fapi', { answer: Object.fromEntries(end.searchParams), sent, verifier });
  assert.equal(tokens.status, 400);
  assert.ok(['invalid_dpop_proof', 'invalid_request', 'invalid_grant', 'use_dpop_nonce'].includes(tokens.json.error), tokens.text);
});

test('a code pushed with a DPoP key is for that key alone', async () => {
  const [mine, thief] = [await DpopKey.make(), await DpopKey.make()];
  const { answer, sent, verifier } = await pushed('fapi', {}, { dpop: mine });
  assert.equal(answer.status, 201, answer.text);
  const end = await open({ client_id: client('fapi').client_id, request_uri: answer.json.request_uri });
  const stolen = await redeem('fapi', { answer: Object.fromEntries(end.searchParams), sent, verifier }, {}, { dpop: thief });
  assert.equal(stolen.status, 400, stolen.text);
});

// -- request objects

async function signed(more = {}, { header = {}, key, claims = {} } = {}) {
  const c = client('jwt');
  const { sent, verifier } = request('jwt', more);
  const payload = { ...sent, iss: c.client_id, aud: issuer, iat: now(), nbf: now(), exp: now() + 60, jti: random(), ...claims };
  for (const name of Object.keys(payload)) if (payload[name] === undefined) delete payload[name];
  const text = await new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: c.private.kid, typ: 'oauth-authz-req+jwt', ...header }).sign(key ?? await jose.importJWK(c.private, 'ES256'));
  return { text, sent, verifier };
}

test('a signed request object leads to a code', async () => {
  const { text, sent, verifier } = await signed();
  const end = await open({ client_id: client('jwt').client_id, request: text });
  assert.ok(end instanceof URL, end.text?.slice(0, 500));
  assert.equal((await redeem('jwt', { answer: Object.fromEntries(end.searchParams), sent, verifier })).status, 200);
});

test('a signed request object can be pushed', async () => {
  const { text } = await signed();
  const answer = await asClient('jwt', 'pushed_authorization_request_endpoint', { request: text });
  assert.equal(answer.status, 201, answer.text);
});

test('a request object with alg none is refused', async () => {
  const { text } = await signed();
  const [, payload] = text.split('.');
  for (const alg of ['none', 'None', 'NONE']) {
    const unsigned = `${Buffer.from(JSON.stringify({ alg, typ: 'oauth-authz-req+jwt' })).toString('base64url')}.${payload}.`;
    isNoCode(await open({ client_id: client('jwt').client_id, request: unsigned }), alg);
  }
});

test('a request object signed with another key, or by HMAC with the public one, is refused', async () => {
  const { privateKey } = await jose.generateKeyPair('ES256');
  isNoCode(await open({ client_id: client('jwt').client_id, request: (await signed({}, { key: privateKey })).text }), 'another key');
  const { text } = await signed({}, { header: { alg: 'HS256' }, key: new TextEncoder().encode(JSON.stringify(client('jwt').jwks.keys[0])) });
  isNoCode(await open({ client_id: client('jwt').client_id, request: text }), 'HS256');
});

test('a request object of another issuer, for another audience, or expired, is refused', async () => {
  for (const claims of [{ iss: 'somebody' }, { aud: 'https://elsewhere.example' }, { exp: now() - 120, iat: now() - 300, nbf: now() - 300 }, { nbf: now() + 600 }]) {
    isNoCode(await open({ client_id: client('jwt').client_id, request: (await signed({}, { claims })).text }), JSON.stringify(claims));
  }
});

test('a request object of another client is refused', async () => {
  isNoCode(await open({ client_id: client('jwt').client_id, request: (await signed({ client_id: client('web').client_id })).text }), 'client_id inside');
  isNoCode(await open({ client_id: client('web').client_id, request: (await signed()).text }), 'client_id outside');
});

test('what stands beside a request object doesn\'t change the request', async () => {
  const { text, sent } = await signed({ scope: 'openid' });
  const end = await open({ client_id: client('jwt').client_id, request: text, state: 'other', redirect_uri: client('jwt').redirect_uris[0], response_type: 'code', scope: 'openid profile' });
  assert.ok(end instanceof URL);
  if (end.searchParams.get('code')) assert.equal(end.searchParams.get('state'), sent.state);
});

test('a request object within a request object is refused', async () => {
  const { text } = await signed();
  isNoCode(await open({ client_id: client('jwt').client_id, request: (await signed({ request: text })).text }), 'nested');
});

test('a request with both request and request_uri is refused', async () => {
  const { text } = await signed();
  const { answer } = await pushed('jwt');
  isNoCode(await open({ client_id: client('jwt').client_id, request: text, request_uri: answer.json.request_uri }), 'both');
});

test('an assertion for pushing may name the issuer alone', async () => {
  const { sent } = request('fapi');
  const answer = await call((await discovery()).pushed_authorization_request_endpoint, { form: { ...sent, client_assertion_type: CLIENT_ASSERTION, client_assertion: await assertion('fapi') } });
  assert.equal(answer.status, 201, answer.text);
  const many = await call((await discovery()).pushed_authorization_request_endpoint, { form: { ...sent, client_assertion_type: CLIENT_ASSERTION, client_assertion: await assertion('fapi', { claims: { aud: ['https://elsewhere.example'] } }) } });
  assert.ok([400, 401].includes(many.status));
});

await run();
