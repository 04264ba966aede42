// Passes passkeys between the browser and a form. A form with data-passkey holds the options as JSON; it is sent with
// the browser's answer in its field `response`. Nothing else on these pages needs a script.
'use strict';
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  function options(json) {
    const out = JSON.parse(json);
    out.challenge = bytes(out.challenge);
    if (out.user) out.user.id = bytes(out.user.id);
    if (out.excludeCredentials) out.excludeCredentials = known(out.excludeCredentials);
    if (out.allowCredentials) out.allowCredentials = known(out.allowCredentials);
    return out;
  }

  function answer(credential) {
    const given = credential.response;
    const response = { clientDataJSON: text(given.clientDataJSON) };
    if (given.attestationObject) {
      response.attestationObject = text(given.attestationObject);
      response.transports = given.getTransports ? given.getTransports() : [];
    } else {
      response.authenticatorData = text(given.authenticatorData);
      response.signature = text(given.signature);
      if (given.userHandle && given.userHandle.byteLength) response.userHandle = text(given.userHandle);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment || undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    });
  }

  for (const form of document.querySelectorAll('form[data-passkey]')) {
    if (!window.PublicKeyCredential) continue;
    form.hidden = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const refused = form.querySelector('[data-refused]');
      if (refused) refused.hidden = true;
      try {
        const publicKey = options(form.dataset.passkey);
        const credential = publicKey.user ? await navigator.credentials.create({ publicKey })
          : await navigator.credentials.get({ publicKey });
        form.elements.response.value = answer(credential);
        form.submit();
      } catch (error) {
        if (refused) refused.hidden = false;
      }
    });
  }
})();
