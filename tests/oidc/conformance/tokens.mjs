// What happens to tokens: refresh (rotation, retry, replay), introspection, revocation, UserInfo.
import '../node18.mjs';
import { Browser } from '../browser.mjs';
import { assert, client, issuer, run, test } from '../checks.mjs';
import { asClient, call, discovery, DpopKey, isActive, login, random, token, userInfo } from '../plain.mjs';

const refresh = (role, refresh_token, more = {}, options = undefined) => token(role, { grant_type: 'refresh_token', refresh_token, ...more }, options);
const invalidGrant = (answer, what = '') => {
  assert.equal(answer.status, 400, `${what} ${answer.text}`);
  assert.equal(answer.json?.error, 'invalid_grant', `${what} ${answer.text}`);
};

test('a refresh token is exchanged for a new one, and the chain goes on', async () => {
  let { tokens } = await login('web');
  const seen = new Set([tokens.refresh_token]);
  for (let round = 0; round < 4; round += 1) {
    const answer = await refresh('web', tokens.refresh_token);
    assert.equal(answer.status, 200, answer.text);
    tokens = answer.json;
    assert.ok(!seen.has(tokens.refresh_token), 'rotated');
    seen.add(tokens.refresh_token);
    assert.equal((await userInfo(tokens.access_token)).status, 200);
  }
});

test('a refresh asked again gets the same successor (its answer was lost on the way)', async () => {
  const { tokens } = await login('web');
  const first = await refresh('web', tokens.refresh_token);
  const again = await refresh('web', tokens.refresh_token);
  assert.equal(again.status, 200, again.text);
  assert.equal(again.json.refresh_token, first.json.refresh_token);
  assert.equal((await refresh('web', first.json.refresh_token)).status, 200, 'and the successor works');
}, { onPeer: false });

test('simultaneous refreshes with one token get one successor', async () => {
  const { tokens } = await login('web');
  const answers = await Promise.all(Array.from({ length: 10 }, () => refresh('web', tokens.refresh_token)));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200], answers.map((answer) => answer.text).join('\n'));
  assert.equal(new Set(answers.map((answer) => answer.json.refresh_token)).size, 1);
}, { onPeer: false });

test('an older refresh token replayed kills the whole family', async () => {
  const { tokens } = await login('web');
  const second = (await refresh('web', tokens.refresh_token)).json;
  const third = (await refresh('web', second.refresh_token)).json;
  invalidGrant(await refresh('web', tokens.refresh_token), 'the first token, after its successor was used');
  invalidGrant(await refresh('web', third.refresh_token), 'the newest of the family');
  assert.equal((await userInfo(third.access_token)).status, 401, 'access tokens of the family');
});

test('a refresh token of another client is refused and stays good for its own', async () => {
  const { tokens } = await login('web');
  invalidGrant(await refresh('other', tokens.refresh_token));
  assert.equal((await refresh('web', tokens.refresh_token)).status, 200);
});

test('a refresh may narrow the scope and not widen it', async () => {
  const { tokens } = await login('web');
  const narrow = await refresh('web', tokens.refresh_token, { scope: 'openid' });
  assert.equal(narrow.status, 200, narrow.text);
  assert.equal((await userInfo(narrow.json.access_token)).json.given_name, undefined);
  const wide = await refresh('web', narrow.json.refresh_token, { scope: 'openid profile persons:read' });
  assert.equal(wide.status, 400);
  assert.equal(wide.json.error, 'invalid_scope');
});

test('the subject, and the time of sign-in, stay through refreshes', async () => {
  const { tokens, claims } = await login('web', new Browser(), { max_age: 10000 });
  const next = await refresh('web', tokens.refresh_token);
  const again = next.json.id_token ? JSON.parse(Buffer.from(next.json.id_token.split('.')[1], 'base64url')) : null;
  if (again) {
    assert.equal(again.sub, claims.sub);
    assert.equal(again.iss, claims.iss);
    assert.equal(again.auth_time, claims.auth_time);
  }
  assert.equal((await userInfo(next.json.access_token)).json.sub, claims.sub);
});

test('a torn, invented or empty refresh token is refused', async () => {
  const { tokens } = await login('web');
  for (const wrong of [random(), `${tokens.refresh_token}x`, tokens.refresh_token.slice(0, -1), 'x'.repeat(10_000)]) invalidGrant(await refresh('web', wrong), wrong.slice(0, 20));
  assert.equal((await refresh('web', tokens.refresh_token)).status, 200);
});

test('a FAPI client\'s refresh needs its DPoP key', async () => {
  const { pushed, redeem } = await import('../plain.mjs');
  const dpop = await DpopKey.make();
  const { answer, sent, verifier } = await pushed('fapi', {}, { dpop });
  const url = new URL((await discovery()).authorization_endpoint);
  url.search = new URLSearchParams({ client_id: client('fapi').client_id, request_uri: answer.json.request_uri });
  const end = await new Browser().visit(url);
  const tokens = (await redeem('fapi', { answer: Object.fromEntries(end.searchParams), sent, verifier }, {}, { dpop })).json;
  assert.equal((await refresh('fapi', tokens.refresh_token)).status, 400, 'without a proof');
  const next = await refresh('fapi', tokens.refresh_token, {}, { dpop });
  assert.equal(next.status, 200, next.text);
  assert.match(next.json.token_type, /^DPoP$/i);
});

test('offline access outlives the logout, and dies with its revocation', async () => {
  const { tokens, person } = await login('web');
  const out = new URL((await discovery()).end_session_endpoint);
  out.search = new URLSearchParams({ id_token_hint: tokens.id_token });
  await person.visit(out);
  const next = await refresh('web', tokens.refresh_token);
  assert.equal(next.status, 200, next.text);
  assert.equal((await asClient('web', 'revocation_endpoint', { token: next.json.refresh_token })).status, 200);
  invalidGrant(await refresh('web', next.json.refresh_token));
  assert.equal((await userInfo(next.json.access_token)).status, 401);
}, { onPeer: false });

// -- introspection

test('introspection of a live token says whose it is, for what and how long', async () => {
  const { tokens, claims } = await login('web');
  const answer = await asClient('web', 'introspection_endpoint', { token: tokens.access_token });
  assert.equal(answer.json.active, true, answer.text);
  assert.equal(answer.json.client_id, client('web').client_id);
  assert.equal(answer.json.sub, claims.sub);
  assert.ok(answer.json.scope.split(' ').includes('openid'));
  assert.ok(answer.json.exp > Date.now() / 1000);
  assert.equal(answer.json.iss ?? issuer, issuer);
  assert.match(answer.headers['content-type'], /^application\/json/);
});

test('introspection of what isn\'t a live token says that it isn\'t, and nothing else', async () => {
  const { tokens } = await login('web');
  for (const wrong of [random(), `${tokens.access_token}x`, 'x', tokens.id_token, 'x'.repeat(10_000), tokens.access_token.slice(1)]) {
    const answer = await asClient('web', 'introspection_endpoint', { token: wrong });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, { active: false }, wrong.slice(0, 30));
  }
  assert.equal((await asClient('web', 'introspection_endpoint', {})).status, 400, 'no token at all');
});

test('introspection tells a client nothing of another client\'s tokens', async () => {
  const { tokens } = await login('web');
  assert.deepEqual((await asClient('other', 'introspection_endpoint', { token: tokens.access_token })).json, { active: false });
  assert.deepEqual((await asClient('other', 'introspection_endpoint', { token: tokens.refresh_token })).json, { active: false });
}, { onPeer: false });

test('introspection isn\'t misled by a token_type_hint that is wrong or unknown', async () => {
  const { tokens } = await login('web');
  for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense']) {
    assert.equal((await asClient('web', 'introspection_endpoint', { token: tokens.access_token, token_type_hint })).json.active, true, token_type_hint);
  }
});

test('introspection says nothing of refresh tokens, which are nobody\'s business but the provider\'s', async () => {
  const { tokens } = await login('web');
  assert.deepEqual((await asClient('web', 'introspection_endpoint', { token: tokens.refresh_token })).json, { active: false });
}, { onPeer: false });

// -- revocation

test('revocation of what isn\'t a token is answered with 200', async () => {
  for (const wrong of [random(), 'x'.repeat(5000)]) assert.equal((await asClient('web', 'revocation_endpoint', { token: wrong })).status, 200);
});

test('revocation by another client ends nothing', async () => {
  const { tokens } = await login('web');
  await asClient('other', 'revocation_endpoint', { token: tokens.access_token });
  await asClient('other', 'revocation_endpoint', { token: tokens.refresh_token });
  assert.equal((await userInfo(tokens.access_token)).status, 200);
  assert.equal((await refresh('web', tokens.refresh_token)).status, 200);
});

test('revocation of a refresh token ends the access tokens that stand on it', async () => {
  const { tokens } = await login('web');
  assert.equal((await asClient('web', 'revocation_endpoint', { token: tokens.refresh_token })).status, 200);
  assert.equal((await userInfo(tokens.access_token)).status, 401);
  assert.equal(await isActive('web', tokens.access_token), false);
});

test('a token_type_hint that nobody knows doesn\'t keep a token alive', async () => {
  const { tokens } = await login('web');
  assert.equal((await asClient('web', 'revocation_endpoint', { token: tokens.access_token, token_type_hint: 'nonsense' })).status, 200);
  assert.equal((await userInfo(tokens.access_token)).status, 401);
});

test('an empty answer to a revocation names no type that clients refuse', async () => {
  const { tokens } = await login('web');
  const answer = await asClient('web', 'revocation_endpoint', { token: tokens.access_token });
  assert.ok(answer.headers['content-type'] === undefined || /json/.test(answer.headers['content-type']), answer.headers['content-type']);
});

// -- UserInfo

test('UserInfo without a token is answered with 401 and a challenge without an error', async () => {
  const answer = await userInfo(undefined);
  assert.equal(answer.status, 401, `${answer.status}`);
  assert.match(answer.headers['www-authenticate'] ?? '', /Bearer|DPoP/);
  assert.doesNotMatch(answer.headers['www-authenticate'], /error=/, 'RFC 6750 section 3.1');
}, { onPeer: false });

test('UserInfo with a wrong, torn or revoked token is answered with 401 invalid_token', async () => {
  const { tokens } = await login('web');
  await asClient('web', 'revocation_endpoint', { token: tokens.access_token });
  for (const wrong of [random(), 'x.y.z', `${tokens.access_token}x`, tokens.access_token, 'x'.repeat(4000)]) {
    const answer = await userInfo(wrong);
    assert.equal(answer.status, 401, answer.text);
    assert.match(answer.headers['www-authenticate'] ?? '', /Bearer.*error="invalid_token"/, wrong.slice(0, 20));
  }
});

test('UserInfo with the token of a program is refused', async () => {
  const { json } = await token('machine', { grant_type: 'client_credentials', scope: 'persons:read' });
  const answer = await userInfo(json.access_token);
  assert.ok([401, 403].includes(answer.status), `${answer.status} ${answer.text}`);
});

test('UserInfo with a token that lacks openid is refused', async () => {
  const { authorize, redeem } = await import('../plain.mjs');
  const authorized = await authorize('web', { more: { scope: 'profile' } });
  if (authorized.answer?.error) return;
  const { json } = await redeem('web', authorized);
  const answer = await userInfo(json.access_token);
  assert.ok([401, 403].includes(answer.status), `${answer.status} ${answer.text}`);
});

test('UserInfo takes no token in the address', async () => {
  const { tokens } = await login('web');
  const answer = await call(`${(await discovery()).userinfo_endpoint}?access_token=${tokens.access_token}`);
  assert.ok([400, 401].includes(answer.status), `${answer.status}`);
});

test('UserInfo by POST with the token in the header is answered as by GET', async () => {
  const { tokens, claims } = await login('web');
  const answer = await call((await discovery()).userinfo_endpoint, { method: 'POST', headers: { authorization: `Bearer ${tokens.access_token}` } });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.sub, claims.sub);
});

test('UserInfo gives what the scopes allow, as JSON that isn\'t stored', async () => {
  const narrow = await login('web', new Browser(), { scope: 'openid' });
  const little = await userInfo(narrow.tokens.access_token);
  assert.deepEqual(Object.keys(little.json), ['sub']);
  const wide = await login('web', new Browser(), { scope: 'openid profile' });
  const more = await userInfo(wide.tokens.access_token);
  assert.equal(typeof more.json.name, 'string');
  assert.equal(more.json.sub, wide.claims.sub);
  assert.match(more.headers['content-type'], /^application\/json/);
});

test('UserInfo and introspection aren\'t stored', async () => {
  const { tokens } = await login('web');
  assert.match((await userInfo(tokens.access_token)).headers['cache-control'] ?? '', /no-store/);
  assert.match((await asClient('web', 'introspection_endpoint', { token: tokens.access_token })).headers['cache-control'] ?? '', /no-store/);
}, { onPeer: false });

test('the ID token holds no claim that UserInfo should bring, and no national id anywhere', async () => {
  const { claims, tokens, person } = await login('web');
  for (const text of [JSON.stringify(claims), (await userInfo(tokens.access_token)).text, Buffer.from(tokens.access_token.split('.')[1] ?? '', 'base64url').toString()]) {
    assert.ok(!text.includes(person.person.id), text);
  }
  assert.equal(claims.name, undefined);
}, { onPeer: false });

await run();
