// What the relying-party libraries expect as globals and Debian 12's Node 18 has only as a module. Import it first.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
