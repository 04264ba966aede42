// The person's phone: confirms, or refuses, what waits for them on their own page (CIBA).
import { forms } from './browser.mjs';
import { issuer, setup } from './checks.mjs';

export async function confirmOnPhone(person, bindingMessage) {
  if (setup.login.kind === 'peer') return;  // the peer's person confirms by themselves
  const page = await person.visit(`${issuer}/my/confirmations`);
  const parts = page.text.split('<li class="card">').filter((part) => part.includes(bindingMessage));
  const [form] = forms(parts[0] ?? '');
  if (!form) throw new Error(`nothing to confirm: ${page.status} ${person.seen.join('\n')}`);
  const done = await person.submit(page, form, {}, form.buttons.find((button) => button.value === (person.consent ? 'yes' : 'no')));
  if (done.status !== 200) throw new Error(`the confirmation was answered with ${done.status}`);
}
