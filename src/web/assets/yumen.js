// The one script of the gateway's pages: it speaks with security keys, opens enrolment links, filters the portal as one types,
// follows the log, counts down to deadlines, reads files into fields, copies and prints. Every page but those two is whole without it.
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

  // Which of the page's texts tells what a failure means for the person. Browsers do not tell a refused key from a closed
  // window or an absent key (NotAllowedError, for privacy), so that text names all three; only the clock tells the time-out.
  const MEANING = {
    NotAllowedError: "cancelled",
    AbortError: "cancelled",
    TimeoutError: "timeout",
    InvalidStateError: "known",
    ConstraintError: "unsuitable",
    NotSupportedError: "unsuitable",
    SecurityError: "insecure",
  };

  const askKey = (form, button, status) => {
    const say = (name) => {
      const text = form.querySelector(`template[data-state="${name}"]`);
      status.replaceChildren(text.content.cloneNode(true));
      status.dataset.state = name;
      status.dataset.tone = text.dataset.tone || "";
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
    say("ready");
    const ask = async () => {
      if (button.disabled || !form.reportValidity()) {
        return;
      }
      button.disabled = true;
      say("waiting");
      const json = JSON.parse(form.dataset.options).publicKey;
      const begun = performance.now();
      try {
        const credential =
          form.dataset.webauthn === "create"
            ? await navigator.credentials.create({ publicKey: creationOptions(json) })
            : await navigator.credentials.get({ publicKey: requestOptions(json) });
        form.elements.credential.value = JSON.stringify(credentialJson(credential));
        say("sending");
        form.submit();
      } catch (error) {
        const late = json.timeout && performance.now() - begun >= json.timeout * 0.95;
        const meaning = MEANING[error.name] || "failed";
        say(meaning === "cancelled" && late ? "timeout" : meaning);
        status.dataset.error = error.name;
        button.lastElementChild.textContent = button.dataset.again;
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

  // The portal's cards as one types: what is left is counted, Enter opens the first, the down arrow leads into them.
  const filterAsTyped = (field) => {
    const items = Array.from(byId(field.dataset.filters).children);
    const shown = () => items.filter((item) => !item.hidden);
    const filter = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of items) {
        item.hidden = !words.every((word) => item.dataset.words.includes(word));
      }
      byId("apps-shown").textContent = String(shown().length);
      byId("apps-none").hidden = shown().length > 0;
    };
    field.addEventListener("input", filter);
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const first = shown()[0];
      if (first && field.value.trim()) {
        first.querySelector("a").click();
      }
    });
    field.addEventListener("keydown", (event) => {
      const first = shown()[0];
      if (event.key === "ArrowDown" && first) {
        event.preventDefault();
        first.querySelector("a").focus();
      } else if (event.key === "Escape" && field.value) {
        event.preventDefault();
        field.value = "";
        filter();
      }
    });
    // A field that the browser filled again after "back".
    window.addEventListener("pageshow", filter);
  };

  const copyOnClick = (button) => {
    const source = byId(button.dataset.copies);
    const label = button.lastElementChild;
    const said = document.createElement("span");
    said.className = "hidden";
    said.setAttribute("role", "status");
    button.after(said);
    const say = (text) => {
      label.textContent = said.textContent = text;
    };
    button.addEventListener("click", async () => {
      if (source.select) {
        source.select();
      } else {
        getSelection().selectAllChildren(source);
      }
      try {
        await navigator.clipboard.writeText(source.value || source.textContent);
        say(button.dataset.copied);
      } catch {
        say(button.dataset.failed);
      }
    });
  };

  // The log as it grows: rows come ready from the gateway, and an access that has ended takes the place of the one that was open.
  const followLog = (notice) => {
    const most = 300;
    const rows = byId("log-rows");
    const source = new EventSource(notice.dataset.live);
    source.addEventListener("rows", (event) => {
      const made = document.createElement("template");
      made.innerHTML = event.data;
      for (const row of Array.from(made.content.children).reverse()) {
        const known = byId(row.id);
        if (known) {
          known.replaceWith(row);
        } else {
          rows.prepend(row);
        }
      }
      while (rows.children.length > most) {
        rows.lastElementChild.remove();
      }
    });
    source.addEventListener("reach", (event) => {
      byId("log-reach").textContent = event.data;
    });
    // A browser tries again by itself, unless the answer was no: then the session is over.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) {
        notice.firstElementChild.textContent = notice.dataset.over;
        notice.dataset.state = "over";
      }
    });
    window.addEventListener("pagehide", () => source.close());
  };

  // Deadlines by the gateway's clock, whatever that of this machine says; the words stand in the page.
  const countDown = (words) => {
    const ahead = Date.parse(words.dataset.now) - Date.now();
    const filled = (text, parts) => text.replace(/\{(\w)\}/g, (_, name) => parts[name]);
    const tell = (time) => {
      const left = Date.parse(time.dateTime) - Date.now() - ahead;
      const all = Math.floor(Math.abs(left) / 60000);
      const [d, h, m] = [Math.floor(all / 1440), Math.floor(all / 60) % 24, all % 60];
      const t = filled(words.dataset[d ? "days" : h ? "hours" : "minutes"], { d, h, m });
      time.textContent = filled(words.dataset[left < 0 ? "late" : "left"], { t });
      time.classList.toggle("late", left < 0);
    };
    const tellAll = () => document.querySelectorAll("[data-countdown]").forEach(tell);
    setInterval(tellAll, 10000);
    document.addEventListener("visibilitychange", tellAll);
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
  // The code of a scanned letter stands in the fragment, too; the serial number is typed from the token.
  const letter = byId("enrol-letter");
  const openLetter = () => {
    letter.elements.code.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname + location.search);
    letter.elements.serial.focus();
    for (const link of document.querySelectorAll(".languages a")) {
      link.hash = letter.elements.code.value;
    }
  };
  if (letter) {
    if (location.hash) {
      openLetter();
    }
    window.addEventListener("hashchange", () => location.hash && openLetter());
  }
  const search = document.querySelector("[data-filters]");
  if (search) {
    filterAsTyped(search);
  }
  document.querySelectorAll("[data-copies]").forEach(copyOnClick);
  // A form carries text alone: a file becomes the text of a field.
  for (const file of document.querySelectorAll("[data-reads-into]")) {
    file.addEventListener("change", async () => {
      if (file.files[0]) {
        byId(file.dataset.readsInto).value = await file.files[0].text();
      }
    });
  }
  // Browsers bring the line with the caret into sight, but not the whole of a field with many.
  for (const field of document.querySelectorAll("textarea")) {
    field.addEventListener("focus", () => field.scrollIntoView({ block: "nearest" }));
  }
  const live = document.querySelector("[data-live]");
  if (live) {
    followLog(live);
  }
  const countdown = byId("countdown-words");
  if (countdown) {
    countDown(countdown);
  }
  for (const button of document.querySelectorAll("[data-prints]")) {
    button.addEventListener("click", () => window.print());
  }
})();
