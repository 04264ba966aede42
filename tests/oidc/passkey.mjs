// An authenticator in software: answers as navigator.credentials.create() and get() do, in the JSON form of WebAuthn Level 3.
import crypto from 'node:crypto';

const from = (text) => Buffer.from(text, 'base64url');
const to = (bytes) => Buffer.from(bytes).toString('base64url');
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest();
const USER_PRESENT = 1, USER_VERIFIED = 4, ATTESTED = 64;

function clientData(type, challenge, origin) {
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
}
function authenticatorData(rpId, flags, more = Buffer.alloc(0)) {
  return Buffer.concat([sha256(rpId), Buffer.from([flags]), Buffer.alloc(4), more]);  // a counter that stays 0, as synced passkeys have
}
const bytes = (content) => (content.length < 24 ? Buffer.concat([Buffer.from([0x40 + content.length]), content])
  : content.length < 256 ? Buffer.concat([Buffer.from([0x58, content.length]), content])
    : Buffer.concat([Buffer.from([0x59, content.length >> 8, content.length & 255]), content]));

/// Makes a credential. @return { credential: what to keep, response: what the page sends }
export function register(options, origin) {
  const asked = options.publicKey ?? options;
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  const id = crypto.randomBytes(32);
  const cose = Buffer.concat([Buffer.from('a5010203262001215820', 'hex'), from(x), Buffer.from('225820', 'hex'), from(y)]);
  const rpId = asked.rp.id ?? new URL(origin).hostname;
  const data = authenticatorData(rpId, USER_PRESENT | USER_VERIFIED | ATTESTED, Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, cose]));
  const attestation = Buffer.concat([Buffer.from('a363666d74646e6f6e656761747453746d74a0686175746844617461', 'hex'), bytes(data)]);
  const response = {
    id: to(id), rawId: to(id), type: 'public-key', authenticatorAttachment: 'platform', clientExtensionResults: { credProps: { rk: true } },
    response: { clientDataJSON: to(clientData('webauthn.create', asked.challenge, origin)), attestationObject: to(attestation), transports: ['internal'] },
  };
  return { credential: { id: to(id), rpId, userHandle: asked.user.id, key: privateKey.export({ format: 'jwk' }) }, response };
}

/// Signs in with a credential of register().
export function assertion(options, origin, credential) {
  const asked = options.publicKey ?? options;
  const data = authenticatorData(asked.rpId ?? credential.rpId, USER_PRESENT | USER_VERIFIED);
  const client = clientData('webauthn.get', asked.challenge, origin);
  const key = crypto.createPrivateKey({ key: credential.key, format: 'jwk' });
  const signature = crypto.sign('sha256', Buffer.concat([data, sha256(client)]), key);
  return {
    id: credential.id, rawId: credential.id, type: 'public-key', authenticatorAttachment: 'platform', clientExtensionResults: {},
    response: { clientDataJSON: to(client), authenticatorData: to(data), signature: to(signature), userHandle: credential.userHandle },
  };
}
