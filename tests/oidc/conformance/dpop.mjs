// Proofs of possession (RFC 9449): what is stolen is of no use.
import '../node18.mjs';
import * as jose from 'jose';
import { Browser } from '../browser.mjs';
import { assert, run, test } from '../checks.mjs';
import { authorize, call, challengeOf, discovery, DpopKey, isActive, login, random, redeem, token, userInfo } from '../plain.mjs';

const now = () => Math.floor(Date.now() / 1000);

async function bound(role = 'spa') {
  const dpop = await DpopKey.make();
  const signedIn = await login(role, new Browser(), {}, { dpop });
  return { dpop, ...signedIn };
}

/// UserInfo with a proof; learns the nonce first where one is wanted.
async function read(accessToken, dpop, { proof = {}, headers = {}, raw } = {}) {
  const address = (await discovery()).userinfo_endpoint;
  const once = async () => {
    const answer = await call(address, { headers: { authorization: `DPoP ${accessToken}`, dpop: raw ?? await dpop.proof('GET', address, { accessToken, ...proof }), ...headers } });
    if (answer.headers['dpop-nonce']) dpop.nonce = answer.headers['dpop-nonce'];
    return answer;
  };
  const answer = await once();
  return answer.status === 401 && /use_dpop_nonce/.test(answer.headers['www-authenticate'] ?? '') ? once() : answer;
}
function isRefused(answer, what) {
  assert.equal(answer.status, 401, `${what}: ${answer.status} ${answer.text}`);
  assert.match(answer.headers['www-authenticate'] ?? '', /DPoP/i, what);
}

test('a bound token reads UserInfo with a proof of its key', async () => {
  const { tokens, dpop, claims } = await bound();
  assert.match(tokens.token_type, /^DPoP$/i);
  const answer = await read(tokens.access_token, dpop);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.sub, claims.sub);
});

test('introspection names the key that a token is bound to', async () => {
  const dpop = await DpopKey.make();
  const { tokens } = await login('web', new Browser(), {}, { dpop });
  const { asClient } = await import('../plain.mjs');
  const answer = await asClient('web', 'introspection_endpoint', { token: tokens.access_token });
  assert.equal(answer.json.cnf?.jkt, dpop.jkt, answer.text);
  assert.match(answer.json.token_type, /^DPoP$/i);
});

test('a bound token without a proof, and as a bearer token, is refused', async () => {
  const { tokens } = await bound();
  assert.ok([400, 401].includes((await call((await discovery()).userinfo_endpoint, { headers: { authorization: `DPoP ${tokens.access_token}` } })).status));
  assert.equal((await userInfo(tokens.access_token)).status, 401);
});

test('a bearer token isn\'t taken by the DPoP scheme', async () => {
  const { tokens } = await login('web');
  isRefused(await read(tokens.access_token, await DpopKey.make()), 'bearer');
}, { onPeer: false });

test('a bound token with a proof of another key is refused', async () => {
  const { tokens } = await bound();
  isRefused(await read(tokens.access_token, await DpopKey.make()), 'another key');
});

test('a proof that was used is refused', async () => {
  const { tokens, dpop } = await bound();
  await read(tokens.access_token, dpop);
  const raw = await dpop.proof('GET', (await discovery()).userinfo_endpoint, { accessToken: tokens.access_token });
  assert.equal((await read(tokens.access_token, dpop, { raw })).status, 200);
  isRefused(await read(tokens.access_token, dpop, { raw }), 'replayed');
});

test('a proof for another method or address is refused', async () => {
  const { tokens, dpop } = await bound();
  const { userinfo_endpoint: here } = await discovery();
  for (const claims of [{ htm: 'POST' }, { htm: 'get' }, { htu: `${here}/other` }, { htu: here.replace('http:', 'https:') }, { htu: 'https://elsewhere.example/' }, { htm: undefined }, { htu: undefined }]) {
    isRefused(await read(tokens.access_token, dpop, { proof: { claims } }), JSON.stringify(claims));
  }
});

test('the address in a proof is compared without query and fragment, whatever case its host has', async () => {
  const { tokens, dpop } = await bound();
  const { userinfo_endpoint: here } = await discovery();
  for (const htu of [`${here}?a=b`, `${here}#f`, here.replace('localhost', 'LOCALHOST')]) {
    const answer = await read(tokens.access_token, dpop, { proof: { claims: { htu } } });
    assert.equal(answer.status, 200, `${htu} ${answer.headers['www-authenticate']}`);
  }
}, { onPeer: false });

test('a proof without the token\'s hash, or with another\'s, is refused', async () => {
  const { tokens, dpop } = await bound();
  for (const ath of [undefined, challengeOf('other'), '']) isRefused(await read(tokens.access_token, dpop, { proof: { claims: { ath } } }), `ath ${ath}`);
});

test('a proof that is old, or from the future, is refused', async () => {
  const { tokens, dpop } = await bound();
  for (const iat of [now() - 3600, now() + 3600, undefined, 'now']) isRefused(await read(tokens.access_token, dpop, { proof: { claims: { iat } } }), `iat ${iat}`);
}, { onPeer: false });

test('a proof without jti is refused', async () => {
  const { tokens, dpop } = await bound();
  isRefused(await read(tokens.access_token, dpop, { proof: { claims: { jti: undefined } } }), 'no jti');
});

test('a proof of another type, or without a key, or with a private key, is refused', async () => {
  const { tokens, dpop } = await bound();
  const secret = await jose.exportJWK(dpop.private);
  for (const header of [{ typ: 'jwt' }, { typ: undefined }, { jwk: undefined }, { jwk: secret }, { jwk: { kty: 'oct', k: 'AAAA' } }, { jwk: { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' } }]) {
    isRefused(await read(tokens.access_token, dpop, { proof: { header } }), JSON.stringify(header).slice(0, 60));
  }
});

test('a proof with alg none, by HMAC, or whose signature is another\'s, is refused', async () => {
  const { tokens, dpop } = await bound();
  const { userinfo_endpoint: here } = await discovery();
  const good = await dpop.proof('GET', here, { accessToken: tokens.access_token });
  const [, payload] = good.split('.');
  const unsigned = `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'dpop+jwt', jwk: dpop.jwk })).toString('base64url')}.${payload}.`;
  isRefused(await read(tokens.access_token, dpop, { raw: unsigned }), 'none');
  const { privateKey } = await jose.generateKeyPair('ES256');
  isRefused(await read(tokens.access_token, dpop, { raw: await dpop.proof('GET', here, { accessToken: tokens.access_token, key: privateKey }) }), 'another signature');
  const hmac = await dpop.proof('GET', here, { accessToken: tokens.access_token, header: { alg: 'HS256' }, key: new TextEncoder().encode(JSON.stringify(dpop.jwk)) });
  isRefused(await read(tokens.access_token, dpop, { raw: hmac }), 'HS256');
});

test('two proofs in one request are refused', async () => {
  const { tokens, dpop } = await bound();
  const { userinfo_endpoint: here } = await discovery();
  await read(tokens.access_token, dpop);
  const pair = [await dpop.proof('GET', here, { accessToken: tokens.access_token }), await dpop.proof('GET', here, { accessToken: tokens.access_token })];
  const answer = await call(here, { headers: { authorization: `DPoP ${tokens.access_token}`, dpop: pair } });
  assert.ok([400, 401].includes(answer.status), `${answer.status}`);
});

test('a proof at the token endpoint for another method or address, or without jti, is refused', async () => {
  const dpop = await DpopKey.make();
  for (const claims of [{ htm: 'GET' }, { htu: 'https://elsewhere.example/token' }, { jti: undefined }]) {
    const answer = await redeem('spa', await authorize('spa'), {}, { dpop, proof: { claims } });
    assert.equal(answer.status, 400, JSON.stringify(claims));
    assert.ok(['invalid_dpop_proof', 'use_dpop_nonce'].includes(answer.json.error), answer.text);
  }
});

test('a proof at the token endpoint works once', async () => {
  const dpop = await DpopKey.make();
  const jti = random();
  const first = await redeem('spa', await authorize('spa'), {}, { dpop, proof: { claims: { jti } } });
  if (first.status !== 200) return assert.equal(first.json.error, 'invalid_dpop_proof', 'its nonce was asked for with the same jti');
  const second = await redeem('spa', await authorize('spa'), {}, { dpop, proof: { claims: { jti } } });
  assert.equal(second.status, 400, second.text);
  return assert.ok(['invalid_dpop_proof', 'invalid_grant'].includes(second.json.error), second.text);
});

test('a nonce that isn\'t ours is answered with a right one', async () => {
  const { tokens, dpop } = await bound('spa');
  await read(tokens.access_token, dpop);
  if (!dpop.nonce) return;  // this provider asks for none
  dpop.nonce = 'wrong';
  const address = (await discovery()).userinfo_endpoint;
  const answer = await call(address, { headers: { authorization: `DPoP ${tokens.access_token}`, dpop: await dpop.proof('GET', address, { accessToken: tokens.access_token }) } });
  isRefused(answer, 'wrong nonce');
  assert.match(answer.headers['www-authenticate'], /use_dpop_nonce/);
  assert.ok(answer.headers['dpop-nonce']);
});

test('dpop_jkt binds a code to its key', async () => {
  const [mine, thief] = [await DpopKey.make(), await DpopKey.make()];
  const stolen = await redeem('spa', await authorize('spa', { more: { dpop_jkt: mine.jkt } }), {}, { dpop: thief });
  assert.equal(stolen.status, 400, stolen.text);
  const without = await redeem('spa', await authorize('spa', { more: { dpop_jkt: mine.jkt } }));
  assert.equal(without.status, 400, 'no proof at all');
  const good = await redeem('spa', await authorize('spa', { more: { dpop_jkt: mine.jkt } }), {}, { dpop: mine });
  assert.equal(good.status, 200, good.text);
});

test('a public client\'s refresh token is bound to its key', async () => {
  const { tokens } = await bound('spa');
  const stolen = await token('spa', { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, { dpop: await DpopKey.make() });
  assert.equal(stolen.status, 400, stolen.text);
  const bare = await token('spa', { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  assert.equal(bare.status, 400, 'without a proof');
});

test('what a token is refused for doesn\'t end it', async () => {
  const dpop = await DpopKey.make();
  const { tokens } = await login('web', new Browser(), {}, { dpop });
  await read(tokens.access_token, await DpopKey.make());
  assert.equal(await isActive('web', tokens.access_token), true);
  assert.equal((await read(tokens.access_token, dpop)).status, 200);
});

test('the refusal says which algorithms a proof may have', async () => {
  const { tokens } = await bound();
  const answer = await call((await discovery()).userinfo_endpoint, { headers: { authorization: `DPoP ${tokens.access_token}` } });
  const challenge = answer.headers['www-authenticate'] ?? '';
  assert.match(challenge, /algs="[^"]*ES256/);
  assert.deepEqual((await discovery()).dpop_signing_alg_values_supported.includes('ES256'), true);
});

await run();
