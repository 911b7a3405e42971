// Asks the browser for a passkey as soon as the page is there, and sends what it answers (W3C WebAuthn level 3).
import { t } from "c/dom";

const form = document.querySelector("form[data-passkey]");

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

async function make(options) {
  const made = await navigator.credentials.create({ publicKey: {
    ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: known(options.excludeCredentials),
  } });
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, extensions: JSON.stringify(made.getClientExtensionResults()),
    response: {
      attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON),
      transports: made.response.getTransports ? made.response.getTransports() : [],
    },
  };
}

async function use(options) {
  const found = await navigator.credentials.get({ publicKey: {
    ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials),
  } });
  return {
    id: found.id, rawId: text(found.rawId), type: found.type,
    response: {
      authenticatorData: text(found.response.authenticatorData), clientDataJSON: text(found.response.clientDataJSON),
      signature: text(found.response.signature), userHandle: found.response.userHandle ? text(found.response.userHandle) : null,
    },
  };
}

async function run() {
  const note = document.querySelector("[data-passkey-note]");
  if (!window.PublicKeyCredential) {
    note.textContent = t("This browser does not know passkeys. Use your password.");
    return;
  }
  try {
    const options = JSON.parse(form.dataset.options);
    form.elements.credential.value = JSON.stringify(await (form.dataset.passkey === "create" ? make(options) : use(options)));
    form.submit();
  } catch (error) {
    note.textContent = error.name === "InvalidStateError" ? t("This device has a passkey for your account already.")
      : t("No passkey was used. Nothing has changed; try again, or go back.");
  }
}

if (form) run();
