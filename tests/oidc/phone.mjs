// The person's phone: confirms what waits for them (CIBA).
import { setup } from './checks.mjs';

export async function confirmOnPhone(person, bindingMessage) {
  if (setup.login.kind === 'peer') return;  // the peer's person confirms by themselves
  throw new Error(`not written yet: ${person.person.id} ${bindingMessage}`);
}
