// RP-initiated and back-channel logout (OpenID Connect RP-Initiated Logout 1.0, Back-Channel Logout 1.0).
import '../node18.mjs';
import http from 'node:http';
import * as jose from 'jose';
import { Browser, forms } from '../browser.mjs';
import { assert, client, issuer, run, setup, test } from '../checks.mjs';
import { authorize, discovery, login } from '../plain.mjs';

async function endSession(person, parameters) {
  const url = new URL((await discovery()).end_session_endpoint);
  url.search = new URLSearchParams(parameters);
  return person.go(url);
}
async function isSignedIn(person, role = 'web') {
  const { answer } = await authorize(role, { person, more: { prompt: 'none', scope: 'openid' } });
  return answer.code !== undefined;
}

test('a logout leads back to a registered address alone', async () => {
  const person = new Browser();
  const { tokens } = await login('web', person);
  const good = client('web').post_logout_redirect_uris[0];
  for (const post_logout_redirect_uri of ['https://evil.example/', `${good}/`, `${good}?x=1`, client('other').post_logout_redirect_uris[0], good.replace('localhost', 'localhost.evil.example'), '//evil.example', 'javascript:alert(1)']) {
    const end = await person.walk(await endSession(person, { id_token_hint: tokens.id_token, post_logout_redirect_uri }));
    assert.ok(!(end instanceof URL), `sent to ${end}`);
  }
  const fresh = await login('web', person);
  const back = await person.walk(await endSession(person, { id_token_hint: fresh.tokens.id_token, post_logout_redirect_uri: good, state: 'a b&c' }));
  assert.ok(back instanceof URL, person.seen.join('\n'));
  assert.equal(back.searchParams.get('state'), 'a b&c');
});

test('a logout without a hint asks the person first', async () => {
  const person = new Browser();
  await login('web', person);
  const page = await endSession(person, {});
  assert.equal(page.status, 200);
  assert.ok(forms(page.text).length > 0, 'a page with a form');
  assert.equal(await isSignedIn(person), true, 'opening the page alone ends nothing');
});

test('a page elsewhere can\'t log a person out: the form wants what only our page has', async () => {
  const person = new Browser();
  await login('web', person);
  const page = await endSession(person, {});
  const [form] = forms(page.text);
  const action = new URL(form.action || page.url.href, page.url);
  await person.request(action, { method: 'POST', form: { logout: 'yes' }, headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } });
  assert.equal(await isSignedIn(person), true);
});

test('a hint that isn\'t ours logs nobody out and leads nowhere', async () => {
  const person = new Browser();
  await login('web', person);
  const { privateKey } = await jose.generateKeyPair('ES256');
  const forged = await new jose.SignJWT({ sub: 'x', sid: 'y' }).setProtectedHeader({ alg: 'ES256' }).setIssuer(issuer).setAudience(client('web').client_id).setIssuedAt().setExpirationTime('1h').sign(privateKey);
  const page = await endSession(person, { id_token_hint: forged, post_logout_redirect_uri: client('web').post_logout_redirect_uris[0] });
  assert.equal(page.back, undefined);
  assert.equal(await isSignedIn(person), true);
});

test('a hint that has expired is still a hint', async () => {
  const person = new Browser();
  const { tokens } = await login('web', person);
  const [head, payload, signature] = tokens.id_token.split('.');
  assert.ok(head && payload && signature);
  const end = await person.walk(await endSession(person, { id_token_hint: tokens.id_token, client_id: client('web').client_id, post_logout_redirect_uri: client('web').post_logout_redirect_uris[0] }));
  assert.ok(end instanceof URL);
  assert.equal(await isSignedIn(person), false);
});

test('a hint of one client with the client_id of another is refused', async () => {
  const person = new Browser();
  const { tokens } = await login('web', person);
  const page = await endSession(person, { id_token_hint: tokens.id_token, client_id: client('other').client_id, post_logout_redirect_uri: client('other').post_logout_redirect_uris[0] });
  assert.equal(page.back, undefined);
  assert.ok(page.status >= 400, `${page.status}`);
});

test('a logout ends access to UserInfo for tokens that stand on the session', async () => {
  const person = new Browser();
  const { tokens } = await login('web', person, { scope: 'openid' });
  await person.walk(await endSession(person, { id_token_hint: tokens.id_token, post_logout_redirect_uri: client('web').post_logout_redirect_uris[0] }));
  const { userInfo } = await import('../plain.mjs');
  assert.equal((await userInfo(tokens.access_token)).status, 401);
}, { onPeer: false });

test('a client that fails to take its logout token is told again', async () => {
  const sids = [];  // earlier checks' sessions may be told of too
  let mine;
  const hook = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; });
    request.on('end', () => {
      const { sid } = jose.decodeJwt(new URLSearchParams(body).get('logout_token'));
      response.writeHead(sid === mine && !sids.includes(sid) ? 503 : 200).end();
      sids.push(sid);
    });
  });
  await new Promise((resolve) => hook.listen(setup.ports.hook, resolve));
  try {
    const person = new Browser();
    const { tokens, claims } = await login('web', person);
    mine = claims.sid;
    await person.walk(await endSession(person, { id_token_hint: tokens.id_token, post_logout_redirect_uri: client('web').post_logout_redirect_uris[0] }));
    const told = () => sids.filter((sid) => sid === claims.sid).length;
    for (let wait = 0; wait < 400 && told() < 2; wait += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(told(), 2);
  } finally {
    hook.closeAllConnections();
    hook.close();
  }
}, { onPeer: false });

await run();
