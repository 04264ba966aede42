// The authorization endpoint, by the intent of the OpenID Foundation's basic plan and of RFC 9700.
import '../node18.mjs';
import * as jose from 'jose';
import { Browser } from '../browser.mjs';
import { assert, client, issuer, run, setup, test } from '../checks.mjs';
import { authorize, call, discovery, login, redeem, request, userInfo } from '../plain.mjs';

async function open(parameters, { person = new Browser(), post = false } = {}) {
  const url = new URL((await discovery()).authorization_endpoint);
  if (post) return person.go(url, { method: 'POST', form: parameters });
  url.search = new URLSearchParams(parameters);
  return person.go(url);
}

function isRefusedOnPage(page, what) {
  assert.equal(page.back, undefined, `${what} was redirected to ${page.back}`);
  assert.ok(page.status >= 400 && page.status < 500, `${what}: ${page.status}`);
}

async function refused(more, errors, role = 'web') {
  const { sent } = request(role, more);
  const page = await open(sent);
  assert.ok(page.back, `not sent back: ${page.status} ${page.text.slice(0, 500)}`);
  const answer = new URLSearchParams(page.back.search || page.back.hash.slice(1));
  assert.ok([errors].flat().includes(answer.get('error')), `${answer}`);
  assert.equal(answer.get('code'), null);
  assert.equal(answer.get('state'), sent.state ?? null);
  assert.equal(answer.get('iss'), issuer);
}

test('an unknown client is told to the person and redirected nowhere', async () => {
  isRefusedOnPage(await open({ ...request('web').sent, client_id: 'nobody' }), 'unknown client');
});

test('a redirect_uri that isn\'t registered exactly is redirected nowhere', async () => {
  const good = new URL(client('web').redirect_uris[0]);
  const others = [
    `${good}/`, `${good}x`, `${good}?a=b`, `${good}#f`, `${good.origin}/CB`, good.href.replace('localhost', 'localhost.evil.example'),
    good.href.replace('://', '://evil.example@'), good.href.replace('http:', 'https:'), 'https://evil.example/cb', good.href.replace('/cb', '/%63b'), `${good}%00`, '//evil.example', 'javascript:alert(1)',
  ];
  for (const redirect_uri of others) isRefusedOnPage(await open(request('web', { redirect_uri }).sent), redirect_uri);
});

test('a redirect_uri is compared letter for letter, not by what a browser makes of it', async () => {
  const good = new URL(client('web').redirect_uris[0]);
  const others = [`${good.origin}/other/../cb`, `${good.origin}/./cb`, good.href.replace('localhost', 'LOCALHOST'), good.href.replace('http', 'HTTP'), ` ${good}`, `${good}\t`];
  for (const redirect_uri of others) isRefusedOnPage(await open(request('web', { redirect_uri }).sent), redirect_uri);
}, { onPeer: false });

test('a request without redirect_uri is redirected nowhere', async () => {
  isRefusedOnPage(await open(request('web', { redirect_uri: undefined }).sent), 'no redirect_uri');
}, { onPeer: false });

test('a redirect_uri of another client is redirected nowhere', async () => {
  isRefusedOnPage(await open(request('web', { redirect_uri: client('other').redirect_uris[0] }).sent), 'of another client');
});

test('a request without PKCE is refused', async () => {
  await refused({ code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request');
});

test('PKCE by plain is refused, and so is a challenge that names no method', async () => {
  await refused({ code_challenge_method: 'plain' }, 'invalid_request');
  await refused({ code_challenge_method: undefined }, 'invalid_request');
});

test('a code_challenge that can\'t be of S256 is refused', async () => {
  for (const code_challenge of ['', 'short', 'a'.repeat(200), '+'.repeat(43)]) await refused({ code_challenge }, 'invalid_request');
}, { onPeer: false });

test('a response_type other than code is refused', async () => {
  for (const response_type of ['token', 'id_token', 'id_token token', 'code token', 'code id_token', 'none', 'Code']) {
    await refused({ response_type }, ['unsupported_response_type', 'invalid_request']);
  }
});

test('a missing response_type is refused', async () => {
  await refused({ response_type: undefined }, 'invalid_request');
});

test('state comes back letter for letter, and not at all if there was none', async () => {
  const odd = 'a b+c%20&=#?/ə"\'<>';
  const { answer } = await authorize('web', { more: { state: odd } });
  assert.equal(answer.state, odd);
  const none = await authorize('web', { more: { state: undefined } });
  assert.ok(none.answer.code);
  assert.equal('state' in none.answer, false);
});

test('the answer names its issuer', async () => {
  const { answer } = await authorize('web');
  assert.equal(answer.iss, issuer);
});

test('the code comes in the query and nothing in the fragment', async () => {
  const { back } = await authorize('web');
  assert.ok(back.searchParams.get('code'));
  assert.equal(back.hash, '');
  assert.deepEqual([...back.searchParams.keys()].sort(), ['code', 'iss', 'state']);
});

test('nonce is echoed in the ID token, and absent if there was none', async () => {
  const { claims, sent } = await login('web');
  assert.equal(claims.nonce, sent.nonce);
  const without = await login('web', new Browser(), { nonce: undefined });
  assert.equal('nonce' in without.claims, false);
});

test('a request without openid gives no ID token', async () => {
  const authorized = await authorize('web', { more: { scope: 'profile' } });
  if (authorized.answer?.error) assert.ok(['invalid_scope', 'invalid_request'].includes(authorized.answer.error));
  else assert.equal((await redeem('web', authorized)).json.id_token, undefined);
});

test('prompt=none without a session answers login_required', async () => {
  await refused({ prompt: 'none' }, 'login_required');
});

test('prompt=none with a session and no consent answers consent_required', async () => {
  const person = new Browser({ person: setup.login.persons[1] ?? setup.login.persons[0] });
  await login('web', person, { scope: 'openid' });
  const { answer } = await authorize('rsa', { person, more: { prompt: 'none', scope: 'openid profile' } });
  assert.ok(['consent_required', 'interaction_required'].includes(answer.error), JSON.stringify(answer));
});

test('prompt=none with a session and consent answers with a code without a page', async () => {
  const person = new Browser();
  await login('web', person);
  const before = { ...person.asked };
  const { answer } = await authorize('web', { person, more: { prompt: 'none', scope: 'openid profile' } });
  assert.ok(answer.code, JSON.stringify(answer));
  assert.deepEqual(person.asked, before);
});

test('prompt=none together with another prompt is refused', async () => {
  await refused({ prompt: 'none login' }, 'invalid_request');
});

test('prompt=login asks a person who is signed in to sign in again, and auth_time is later', async () => {
  const person = new Browser();
  const first = await login('web', person, { max_age: 10000 });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const { sign_in: before } = person.asked;
  const second = await login('web', person, { prompt: 'login', max_age: 10000 });
  assert.ok(person.asked.sign_in > before, 'no sign-in was asked');
  assert.ok(second.claims.auth_time > first.claims.auth_time, `${first.claims.auth_time} ${second.claims.auth_time}`);
});

test('prompt=consent asks a person again who has consented', async () => {
  const person = new Browser();
  await login('web', person);
  const { consent: before } = person.asked;
  await login('web', person, { prompt: 'consent' });
  assert.equal(person.asked.consent, before + 1);
});

test('a person who has signed in and consented is asked nothing the next time', async () => {
  const person = new Browser();
  await login('web', person, { scope: 'openid profile' });
  const before = { ...person.asked };
  await login('web', person, { prompt: undefined, scope: 'openid profile' });
  assert.deepEqual(person.asked, before);
});

test('max_age that has passed asks to sign in again, and the ID token says when', async () => {
  const person = new Browser();
  const first = await login('web', person, { max_age: 10000 });
  assert.equal(typeof first.claims.auth_time, 'number');
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const { sign_in: before } = person.asked;
  const second = await login('web', person, { max_age: 1 });
  assert.ok(person.asked.sign_in > before);
  assert.ok(second.claims.auth_time > first.claims.auth_time);
});

test('max_age that hasn\'t passed asks nothing, and auth_time stays', async () => {
  const person = new Browser();
  const first = await login('web', person, { max_age: 15000 });
  const { sign_in: before } = person.asked;
  const second = await login('web', person, { max_age: 10000, prompt: undefined });
  assert.equal(person.asked.sign_in, before);
  assert.equal(second.claims.auth_time, first.claims.auth_time);
});

test('max_age that is no number is refused', async () => {
  await refused({ max_age: '-1' }, 'invalid_request');
  await refused({ max_age: 'soon' }, 'invalid_request');
});

test('acr_values that can be met are met and said', async () => {
  const low = (await discovery()).acr_values_supported[0];
  const { claims } = await login('web', new Browser(), { acr_values: low });
  assert.equal(typeof claims.acr, 'string');
  assert.ok((await discovery()).acr_values_supported.includes(claims.acr), claims.acr);
}, { onPeer: false });

test('the claims parameter brings single claims to UserInfo and to the ID token', async () => {
  const wishes = { userinfo: { given_name: { essential: true } }, id_token: { auth_time: { essential: true } } };
  const { tokens, claims } = await login('web', new Browser(), { scope: 'openid', claims: JSON.stringify(wishes) });
  assert.equal(typeof claims.auth_time, 'number');
  const info = (await userInfo(tokens.access_token)).json;
  assert.equal(typeof info.given_name, 'string');
  assert.equal(info.birthdate, undefined, 'what wasn\'t asked for');
});

test('a claims parameter that isn\'t JSON is refused', async () => {
  await refused({ claims: '{' }, 'invalid_request');
  await refused({ claims: '[]' }, 'invalid_request');
});

test('id_token_hint of the person who is signed in is answered silently with the same subject', async () => {
  const person = new Browser();
  const first = await login('web', person);
  const second = await login('web', person, { prompt: 'none', id_token_hint: first.tokens.id_token });
  assert.equal(second.claims.sub, first.claims.sub);
});

test('id_token_hint of another person isn\'t answered for the one who is signed in', async () => {
  const other = await login('web', new Browser({ person: setup.login.persons[1] }));
  const person = new Browser();
  const first = await login('web', person);
  assert.notEqual(first.claims.sub, other.claims.sub);
  const { answer } = await authorize('web', { person, more: { prompt: 'none', id_token_hint: other.tokens.id_token } });
  assert.equal(answer.error, 'login_required');
});

test('an id_token_hint that isn\'t ours is refused', async () => {
  const { privateKey } = await jose.generateKeyPair('ES256');
  const forged = await new jose.SignJWT({ sub: 'x', nonce: 'n' }).setProtectedHeader({ alg: 'ES256' }).setIssuer(issuer).setAudience(client('web').client_id).setIssuedAt().setExpirationTime('1h').sign(privateKey);
  const page = await open(request('web', { prompt: 'none', id_token_hint: forged }).sent);
  assert.ok(page.back, page.text.slice(0, 300));
  assert.ok(['invalid_request', 'login_required'].includes(page.back.searchParams.get('error')));
});

test('a scope that a client didn\'t register isn\'t given', async () => {
  const authorized = await authorize('web', { more: { scope: 'openid persons:read' } });
  if (authorized.answer?.error) {
    assert.equal(authorized.answer.error, 'invalid_scope');
    return;
  }
  const { json } = await redeem('web', authorized);
  assert.ok(!(json.scope ?? '').includes('persons:read'), json.scope);
});

test('parameters that nobody knows, ui_locales and display change nothing', async () => {
  const { claims } = await login('web', new Browser(), { extra: 'foobar', ui_locales: 'az en', display: 'page', claims_locales: 'az' });
  assert.ok(claims.sub);
});

test('a parameter that comes twice is refused', async () => {
  const { sent } = request('web');
  const url = new URL((await discovery()).authorization_endpoint);
  url.search = `${new URLSearchParams(sent)}&scope=openid`;
  const page = await new Browser().go(url);
  if (page.back) assert.equal(page.back.searchParams.get('error'), 'invalid_request');
  else isRefusedOnPage(page, 'twice');
});

test('an authorization request by POST is answered as by GET', async () => {
  const { sent, verifier } = request('web');
  const person = new Browser();
  const end = await person.walk(await open(sent, { person, post: true }));
  assert.ok(end instanceof URL, person.seen.join('\n'));
  assert.equal((await redeem('web', { answer: Object.fromEntries(end.searchParams), sent, verifier })).status, 200);
});

test('a person who refuses sends the client access_denied with state and iss', async () => {
  const { answer, sent } = await authorize('web', { person: new Browser({ consent: false }) });
  assert.deepEqual({ ...answer, error_description: undefined }, { error: 'access_denied', error_description: undefined, state: sent.state, iss: issuer });
});

test('request_uri that points to the network isn\'t fetched', async () => {
  await refused({ request_uri: 'http://localhost:1/request' }, ['request_uri_not_supported', 'invalid_request', 'invalid_request_uri']).catch(async () => {
    isRefusedOnPage(await open(request('web', { request_uri: 'http://localhost:1/request' }).sent), 'request_uri');
  });
});

test('registration within a request isn\'t taken', async () => {
  await refused({ registration: '{"client_name":"x"}' }, ['registration_not_supported', 'invalid_request']);
}, { onPeer: false });

test('pages of the flow can\'t be framed, aren\'t stored, and tell no referrer', async () => {
  const page = await open(request('web').sent);
  assert.equal(page.status, 200, 'the sign-in page');
  const policy = page.headers['content-security-policy'] ?? '';
  assert.ok(policy.includes("frame-ancestors 'none'") || /deny/i.test(page.headers['x-frame-options'] ?? ''), policy);
  assert.match(page.headers['cache-control'] ?? '', /no-store/);
  assert.match(page.headers['referrer-policy'] ?? '', /no-referrer|same-origin|origin/);
}, { onPeer: false });

test('the redirect to the client isn\'t one that repeats a POST', async () => {
  const person = new Browser();
  await authorize('web', { person });
  assert.ok(!person.seen.some((line) => / -> 30[78]$/.test(line)), person.seen.join('\n'));
});

test('oversized requests are refused and the provider goes on', async () => {
  const { sent } = request('web', { state: 's'.repeat(200_000) });
  const answer = await call((await discovery()).authorization_endpoint, { form: sent }).catch(() => ({ status: 413 }));
  assert.ok(answer.status >= 300 && answer.status < 500, `${answer.status}`);
  assert.ok((await authorize('web')).answer.code);
}, { onPeer: false });

test('each request gets a code of its own', async () => {
  const person = new Browser();
  const codes = new Set();
  for (let round = 0; round < 5; round += 1) codes.add((await authorize('web', { person })).answer.code);
  assert.equal(codes.size, 5);
  for (const code of codes) assert.ok(code.length >= 22, 'at least 128 bits (RFC 6749 section 10.10)');
});

await run();
