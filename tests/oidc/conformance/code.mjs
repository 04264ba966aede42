// The token endpoint and authorization codes (RFC 6749 sections 4.1.3 and 5, RFC 7636, RFC 9700).
import '../node18.mjs';
import { Browser } from '../browser.mjs';
import { assert, client, run, test } from '../checks.mjs';
import { asClient, authorize, call, credentials, discovery, isActive, login, random, redeem, token, userInfo } from '../plain.mjs';

const invalidGrant = (answer, what = '') => {
  assert.equal(answer.status, 400, `${what} ${answer.text}`);
  assert.equal(answer.json?.error, 'invalid_grant', `${what} ${answer.text}`);
};

test('a code works once; its second use is refused and kills the tokens of the first', async () => {
  const authorized = await authorize('web');
  const first = await redeem('web', authorized);
  assert.equal(first.status, 200, first.text);
  assert.equal((await userInfo(first.json.access_token)).status, 200);
  invalidGrant(await redeem('web', authorized));
  assert.equal((await userInfo(first.json.access_token)).status, 401, 'the access token still works');
  invalidGrant(await token('web', { grant_type: 'refresh_token', refresh_token: first.json.refresh_token }), 'the refresh token');
});

test('of twenty simultaneous uses of a code at most one succeeds', async () => {
  const authorized = await authorize('web');
  const answers = await Promise.all(Array.from({ length: 20 }, () => redeem('web', authorized)));
  assert.ok(answers.filter((answer) => answer.status === 200).length <= 1);
  for (const answer of answers) if (answer.status !== 200) invalidGrant(answer);
}, { onPeer: false });

test('a code of another client is refused', async () => {
  const authorized = await authorize('web');
  invalidGrant(await redeem('other', authorized, { redirect_uri: authorized.sent.redirect_uri }));
});

test('another client that tries a code doesn\'t spoil it for its owner', async () => {
  const authorized = await authorize('web');
  await redeem('other', authorized);
  assert.equal((await redeem('web', authorized)).status, 200);
}, { onPeer: false });

test('a code with another redirect_uri is refused', async () => {
  invalidGrant(await redeem('web', await authorize('web'), { redirect_uri: `${client('web').redirect_uris[0]}x` }));
});

test('a code without the redirect_uri that was asked with is refused', async () => {
  const without = await redeem('web', await authorize('web'), { redirect_uri: undefined });
  assert.ok(without.status === 400 && ['invalid_grant', 'invalid_request'].includes(without.json.error), without.text);
}, { onPeer: false });

test('a code without its verifier, with a wrong one, or with the challenge itself, is refused', async () => {
  for (const code_verifier of [undefined, random() + random(), '', 'short']) {
    const answer = await redeem('web', await authorize('web'), { code_verifier });
    assert.ok(answer.status === 400 && ['invalid_grant', 'invalid_request'].includes(answer.json.error), `${code_verifier} ${answer.text}`);
  }
  const authorized = await authorize('web');
  invalidGrant(await redeem('web', authorized, { code_verifier: authorized.sent.code_challenge }));
});

test('the verifier of another code is refused', async () => {
  const person = new Browser();
  const [one, two] = [await authorize('web', { person }), await authorize('web', { person })];
  invalidGrant(await redeem('web', one, { code_verifier: two.verifier }));
});

test('a code that nobody issued, and one with a letter changed, are refused', async () => {
  const authorized = await authorize('web');
  const { code } = authorized.answer;
  const changed = code.slice(0, -3) + (code.at(-3) === 'A' ? 'B' : 'A') + code.slice(-2);
  for (const wrong of [random(), changed, `${code}A`, code.slice(1), 'x'.repeat(10_000), '..', "' OR 1=1"]) invalidGrant(await redeem('web', authorized, { code: wrong }), wrong.slice(0, 60));
  assert.equal((await redeem('web', authorized)).status, 200, 'the right one still works');
});

test('token answers are JSON, aren\'t stored, and say type and life', async () => {
  const answer = await redeem('web', await authorize('web'));
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.match(answer.headers['cache-control'], /no-store/);
  assert.match(answer.json.token_type, /^bearer$/i);
  assert.ok(answer.json.expires_in > 0 && answer.json.expires_in <= 3600);
  const refused = await redeem('web', await authorize('web'), { code: 'x' });
  assert.match(refused.headers['cache-control'], /no-store/);
  assert.match(refused.headers['content-type'], /^application\/json/);
});

test('a grant type that isn\'t there is refused: implicit, password, and what nobody knows', async () => {
  for (const grant_type of ['password', 'implicit', 'urn:ietf:params:oauth:grant-type:nothing', '']) {
    const answer = await token('web', { grant_type, username: 'x', password: 'y' });
    assert.equal(answer.status, 400);
    assert.ok(['unsupported_grant_type', 'invalid_request', 'unauthorized_client'].includes(answer.json.error), answer.text);
  }
  assert.equal((await token('web', {})).json.error, 'invalid_request');
});

test('a grant type that a client didn\'t register is refused', async () => {
  const answer = await token('web', { grant_type: 'client_credentials' });
  assert.equal(answer.status, 400);
  assert.ok(['unauthorized_client', 'invalid_request'].includes(answer.json.error), answer.text);
  const machine = await token('machine', { grant_type: 'authorization_code', code: 'x', redirect_uri: 'http://localhost/cb', code_verifier: random() });
  assert.ok(['unauthorized_client', 'invalid_grant', 'invalid_request'].includes(machine.json.error), machine.text);
});

test('the token endpoint takes no GET, no JSON, and no credentials in the address', async () => {
  const endpoint = (await discovery()).token_endpoint;
  const c = client('other');
  const fields = { grant_type: 'authorization_code', code: 'x', client_id: c.client_id, client_secret: c.client_secret };
  assert.ok([404, 405, 400].includes((await call(`${endpoint}?${new URLSearchParams(fields)}`)).status));
  const json = await call(endpoint, { body: JSON.stringify(fields), headers: { 'content-type': 'application/json' } });
  assert.ok([400, 401, 415].includes(json.status), `${json.status}`);
  const inAddress = await call(`${endpoint}?${new URLSearchParams({ client_id: c.client_id, client_secret: c.client_secret })}`, { form: { grant_type: 'authorization_code', code: 'x' } });
  assert.ok(['invalid_request', 'invalid_client'].includes(inAddress.json?.error), inAddress.text);
});

test('a token request in which a parameter comes twice is refused', async () => {
  const authorized = await authorize('web');
  const who = await credentials('web');
  const fields = [['grant_type', 'authorization_code'], ['code', authorized.answer.code], ['code', authorized.answer.code], ['redirect_uri', authorized.sent.redirect_uri], ['code_verifier', authorized.verifier]];
  const answer = await call((await discovery()).token_endpoint, { form: fields, headers: who.headers });
  assert.equal(answer.status, 400);
  assert.equal(answer.json.error, 'invalid_request');
});

test('without offline_access no refresh token outlives the session', async () => {
  const { tokens, person } = await login('web', new Browser(), { scope: 'openid' });
  if (tokens.refresh_token === undefined) return;
  await person.visit((await discovery()).end_session_endpoint);
  invalidGrant(await token('web', { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }));
});

test('client credentials give neither ID token nor refresh token, and no scope but the registered', async () => {
  const answer = await token('machine', { grant_type: 'client_credentials', scope: 'persons:read' });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.id_token, undefined);
  assert.equal(answer.json.refresh_token, undefined);
  const more = await token('machine', { grant_type: 'client_credentials', scope: 'persons:read admin' });
  if (more.status === 200) assert.ok(!more.json.scope.includes('admin'));
  else assert.equal(more.json.error, 'invalid_scope');
  assert.equal(await isActive('machine', answer.json.access_token).catch(() => true), true);
}, { onPeer: false });

test('an access token isn\'t taken where a code or a refresh token is wanted', async () => {
  const { tokens } = await login('web');
  invalidGrant(await token('web', { grant_type: 'refresh_token', refresh_token: tokens.access_token }));
  invalidGrant(await redeem('web', { ...(await authorize('web')), answer: { code: tokens.access_token } }));
  const info = await userInfo(tokens.refresh_token);
  assert.equal(info.status, 401, 'a refresh token reads nothing');
  const hinted = await userInfo(tokens.id_token);
  assert.equal(hinted.status, 401, 'an ID token reads nothing');
});

test('the token endpoint answers an unknown client and a wrong secret alike', async () => {
  const wrong = await asClient('web', 'token_endpoint', { grant_type: 'authorization_code', code: 'x' }, { headers: { authorization: `Basic ${Buffer.from(`${client('web').client_id}:wrong`).toString('base64')}` } });
  const unknown = await asClient('web', 'token_endpoint', { grant_type: 'authorization_code', code: 'x' }, { headers: { authorization: `Basic ${Buffer.from('nobody:wrong').toString('base64')}` } });
  assert.deepEqual([wrong.status, wrong.text], [unknown.status, unknown.text]);
  assert.equal(wrong.status, 401);
});

await run();
