// A web application on express with npm passport-openidconnect, an old and lenient client. It knows no PKCE, which a provider
// insists on unless such a client was allowed by name; a few lines give its strategy the two parameters.
import './node18.mjs';
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import { Browser } from './browser.mjs';
import { assert, client, issuer, run, setup, test } from './checks.mjs';

const require = createRequire(import.meta.url);
const express = require('express');
const session = require('express-session');
const { Passport } = require('passport');
const Strategy = require('passport-openidconnect');

class WithPkce extends Strategy {
  constructor(options, verify) {
    super(options, verify);
    this.verifier = crypto.randomBytes(32).toString('base64url');
    const send = this._oauth2.getOAuthAccessToken.bind(this._oauth2);
    this._oauth2.getOAuthAccessToken = (code, parameters, done) => send(code, { ...parameters, code_verifier: this.verifier }, done);
  }

  authorizationParams() {
    return { code_challenge: crypto.createHash('sha256').update(this.verifier).digest('base64url'), code_challenge_method: 'S256' };
  }
}

async function application(Chosen, role = 'passport') {
  const found = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  const c = client(role);
  const passport = new Passport();
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((user, done) => done(null, user));
  passport.use(new Chosen({
    issuer, authorizationURL: found.authorization_endpoint, tokenURL: found.token_endpoint, userInfoURL: found.userinfo_endpoint,
    clientID: c.client_id, clientSecret: c.client_secret, callbackURL: c.redirect_uris[0], scope: ['profile'], nonce: true, skipUserProfile: false,
  }, (iss, profile, done) => done(null, { id: profile.id, name: profile.displayName })));
  const app = express();
  app.use(session({ secret: 'test', resave: false, saveUninitialized: false }));
  app.use(passport.initialize(), passport.session());
  app.get('/login', passport.authenticate('openidconnect'));
  app.get('/cb', (request, response, next) => passport.authenticate('openidconnect', (error, user, info) => {
    if (error) return response.status(500).send(`error: ${error.message} ${error.code ?? ''}`);
    if (!user) return response.status(403).send(`refused: ${info?.message}`);
    return request.logIn(user, () => response.redirect('/me'));
  })(request, response, next));
  app.get('/me', (request, response) => (request.user ? response.json(request.user) : response.status(401).end()));
  const server = await new Promise((resolve) => { const listening = app.listen(setup.ports.passport, () => resolve(listening)); });
  return { root: `http://localhost:${setup.ports.passport}`, close: () => { server.closeAllConnections(); server.close(); } };
}

async function signIn(Chosen, role) {
  const app = await application(Chosen, role);
  try {
    const person = new Browser({ follow: [new URL(app.root).host] });
    const page = await person.visit(`${app.root}/login`);
    assert.equal(page.url?.pathname, '/me', `${page.text} ${person.seen.join('\n')}`);
    const me = JSON.parse(page.text);
    assert.ok(me.id && me.name, page.text);
  } finally {
    app.close();
  }
}

test('passport-openidconnect signs a person in to an express application', () => signIn(WithPkce, 'passport'));

test('passport-openidconnect as it is signs in where the client was allowed to go without PKCE', () => signIn(Strategy, 'passport_old'));

test('passport-openidconnect without PKCE is sent back with invalid_request', async () => {
  const app = await application(Strategy);
  try {
    const person = new Browser({ follow: [new URL(app.root).host] });
    const page = await person.visit(`${app.root}/login`);
    assert.equal(page.url?.pathname, '/cb', person.seen.join('\n'));
    assert.equal(page.url.searchParams.get('error'), 'invalid_request');
    assert.notEqual(page.status, 200);
  } finally {
    app.close();
  }
});

await run();
