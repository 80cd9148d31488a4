// The one script of the gateway's pages: it speaks with security keys, opens enrolment links, and copies invitations.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);

  // --- base64url (RFC 4648, section 5), as WebAuthn's JSON has it ---
  const fromBase64url = (text) => {
    const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(raw, (character) => character.charCodeAt(0)).buffer;
  };
  const toBase64url = (buffer) => {
    const raw = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
    return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  // --- WebAuthn's JSON (Web Authentication Level 3, sections 5.1.8 to 5.1.10), also where the browser cannot convert it ---
  const described = (list) => (list || []).map((entry) => ({ ...entry, id: fromBase64url(entry.id) }));
  const creationOptions = (json) =>
    PublicKeyCredential.parseCreationOptionsFromJSON
      ? PublicKeyCredential.parseCreationOptionsFromJSON(json)
      : {
          ...json,
          challenge: fromBase64url(json.challenge),
          user: { ...json.user, id: fromBase64url(json.user.id) },
          excludeCredentials: described(json.excludeCredentials),
        };
  const requestOptions = (json) =>
    PublicKeyCredential.parseRequestOptionsFromJSON
      ? PublicKeyCredential.parseRequestOptionsFromJSON(json)
      : { ...json, challenge: fromBase64url(json.challenge), allowCredentials: described(json.allowCredentials) };
  const credentialJson = (credential) => {
    if (credential.toJSON) {
      return credential.toJSON();
    }
    const answer = credential.response;
    const response = { clientDataJSON: toBase64url(answer.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (answer[name]) {
        response[name] = toBase64url(answer[name]);
      }
    }
    if (answer.getTransports) {
      response.transports = answer.getTransports();
    }
    return {
      id: credential.id,
      rawId: toBase64url(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
      response,
    };
  };

  // Which of the status area's texts tells what a failure means for the person.
  const MEANING = {
    NotAllowedError: "cancelled",
    AbortError: "cancelled",
    TimeoutError: "cancelled",
    InvalidStateError: "known",
    ConstraintError: "unsuitable",
    NotSupportedError: "unsuitable",
    SecurityError: "insecure",
  };

  const askKey = (form, button, status) => {
    const say = (name) => {
      status.textContent = status.dataset[name];
      status.dataset.state = name;
    };
    // A page from the browser's memory is usable again after "back".
    window.addEventListener("pageshow", () => {
      button.disabled = false;
    });
    if (!window.isSecureContext) {
      say("insecure");
      return;
    }
    if (!window.PublicKeyCredential || !navigator.credentials) {
      say("unsupported");
      return;
    }
    const ask = async () => {
      if (button.disabled || !form.reportValidity()) {
        return;
      }
      button.disabled = true;
      say("waiting");
      try {
        const json = JSON.parse(form.dataset.options).publicKey;
        const credential =
          form.dataset.webauthn === "create"
            ? await navigator.credentials.create({ publicKey: creationOptions(json) })
            : await navigator.credentials.get({ publicKey: requestOptions(json) });
        form.elements.credential.value = JSON.stringify(credentialJson(credential));
        say("sending");
        form.submit();
      } catch (error) {
        say(MEANING[error.name] || "failed");
        status.dataset.error = error.name;
        button.disabled = false;
        button.focus();
      }
    };
    button.addEventListener("click", ask);
    // "Enter" in the key's name means the button, not a form without an answer.
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      ask();
    });
  };

  // The token stands in the fragment, which browsers send to nobody; it leaves the address bar at once.
  const openEnrolment = (form) => {
    const token = location.hash.slice(1);
    history.replaceState(null, "", location.pathname + location.search);
    if (!token && !form.elements.token.value) {
      byId("enrol-incomplete").hidden = false;
      return;
    }
    form.elements.token.value = token || form.elements.token.value;
    byId("enrol-begin").disabled = false;
    for (const link of document.querySelectorAll(".languages a")) {
      link.hash = form.elements.token.value;
    }
  };

  const copyOnClick = (button, status) => {
    const source = byId(button.dataset.copies);
    button.hidden = false;
    button.addEventListener("click", async () => {
      source.select();
      try {
        await navigator.clipboard.writeText(source.value);
        status.textContent = button.dataset.copied;
      } catch {
        status.textContent = button.dataset.failed;
      }
    });
  };

  const webauthn = byId("webauthn");
  if (webauthn) {
    askKey(webauthn, byId("use-key"), byId("webauthn-status"));
  }
  const enrolment = byId("enrol-open");
  if (enrolment) {
    openEnrolment(enrolment);
    window.addEventListener("hashchange", () => location.hash && openEnrolment(enrolment));
  }
  const copy = byId("copy-link");
  if (copy) {
    copyOnClick(copy, byId("copy-status"));
  }
})();
