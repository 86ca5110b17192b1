/* The frame's script: the token of changing requests, choices, keys, dialogs, notices. */
"use strict";

window.pricewright = (() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const token = () => one('meta[name="csrf-token"]').content;
  const widgets = [];

  /* Tables and charts say how they are made; each is made once, also in what htmx brings later. */
  const widget = (selector, make) => {
    widgets.push([selector, make]);
    make_below(document, [[selector, make]]);
  };
  const make_below = (root, kinds = widgets) => {
    for (const [selector, make] of kinds) {
      for (const element of all(selector, root)) {
        if (!element.dataset.made) {
          element.dataset.made = "yes";
          make(element);
        }
      }
    }
  };

  /* A document of this service, or the sentence why there is none. */
  const ask = async (url) => {
    const answer = await fetch(url, { headers: { accept: "application/json", "x-csrf-token": token() } });
    if (answer.status === 401) location.assign(one(".brand").href);
    const document = await answer.json();
    if (!answer.ok) throw new Error(document.detail);
    return document;
  };

  const notify = (element) => {
    one("#notices").append(element);
    tend(element);
  };
  const tend = (notice) => {
    one("[data-dismiss]", notice)?.addEventListener("click", () => notice.remove());
    if (notice.dataset.notice !== "bad") setTimeout(() => notice.remove(), 8000);
  };
  const failed = () => {
    const notice = document.createElement("div");
    notice.className = "notice";
    notice.append(one("#notice-failed").content.cloneNode(true));
    notify(notice);
    setTimeout(() => notice.remove(), 12000);
  };

  const remember = (name, value) => {
    document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
  };
  const confirmed = (question) =>
    new Promise((resolve) => {
      const dialog = one("#confirm");
      one("[data-question]", dialog).textContent = question;
      dialog.returnValue = "no";
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
      dialog.showModal();
    });

  /* Keys: an element with data-key="a" or "g t" is pressed by them; ? lists what the page has. */
  const named = (element) => element.dataset.keyName || element.getAttribute("aria-label") || element.textContent.trim();
  const list_keys = () => {
    const list = one("[data-keys]");
    all("[data-read]", list).forEach((entry) => entry.remove());
    for (const element of all("[data-key]")) {
      const entry = document.createElement("div");
      entry.dataset.read = "yes";
      const keys = document.createElement("dt");
      for (const key of element.dataset.key.split(" ")) {
        const cap = document.createElement("kbd");
        cap.textContent = { ArrowLeft: "\u2190", ArrowRight: "\u2192" }[key] ?? key;
        keys.append(cap, " ");
      }
      const name = document.createElement("dd");
      name.textContent = named(element);
      entry.append(keys, name);
      list.append(entry);
    }
  };
  const open = (id) => {
    if (id === "shortcuts") list_keys();
    one(`#${id}`).showModal();
  };
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]");
  let before = "";
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || one("dialog[open]")) return;
    const keys = before ? `${before} ${event.key}` : event.key;
    before = "";
    const pressed = all("[data-key]").find((element) => element.dataset.key === keys && !element.disabled);
    if (pressed) {
      event.preventDefault();
      pressed.click();
    } else if (event.key === "g") {
      before = "g";
      setTimeout(() => { before = ""; }, 1500);
    } else if (event.key === "/") {
      const search = one("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  };

  /* Where the browser lets no script copy (no https), the text is selected for the person to copy. */
  const copy = async (button) => {
    const source = one(button.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = button.dataset.copied;
    } catch {
      getSelection().selectAllChildren(source);
    }
  };
  /* What lies outside an open dialog is out of reach, notices too. */
  const place_notices = () => (one("dialog[open]") || document.body).append(one("#notices"));

  document.addEventListener("close", place_notices, true);
  document.addEventListener("keydown", press);
  document.addEventListener("click", (event) => {
    const { target } = event;
    const opener = target.closest("[data-opens]");
    if (opener) open(opener.dataset.opens);
    target.closest("[data-close]")?.closest("dialog").close();
    const copier = target.closest("[data-copies]");
    if (copier) copy(copier);
    const language = target.closest("[data-language]");
    if (language) {
      remember("pricewright_language", language.dataset.language);
      location.reload();
    }
    const theme = target.closest("[data-theme-choice]");
    if (theme) {
      remember("pricewright_theme", theme.dataset.themeChoice);
      document.documentElement.dataset.theme = theme.dataset.themeChoice;
      for (const choice of all("[data-theme-choice]")) choice.setAttribute("aria-pressed", String(choice === theme));
      document.dispatchEvent(new CustomEvent("pricewright:theme"));
    }
    const menu = target.closest(".menu-button");
    const rail = one(".rail");
    if (rail && (menu || !target.closest(".rail"))) {
      const shown = menu ? !rail.classList.contains("open") : false;
      rail.classList.toggle("open", shown);
      one(".menu-button").setAttribute("aria-expanded", String(shown));
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("pricewright:theme")));

  document.addEventListener("htmx:config:request", ({ detail }) => { detail.ctx.request.headers["X-CSRF-Token"] = token(); });
  /* Whoever is logged out meanwhile is led to a whole page, and not shown it inside of this one. */
  document.addEventListener("htmx:before:response", (event) => {
    const answer = event.detail.ctx.response.raw;
    if (!answer.redirected) return;
    event.preventDefault();
    location.assign(answer.url);
  });
  document.addEventListener("htmx:confirm", (event) => {
    const { ctx, issueRequest, dropRequest } = event.detail;
    if (!ctx.confirm) return;
    event.preventDefault();
    confirmed(ctx.confirm).then((yes) => (yes ? issueRequest() : dropRequest()));
  });
  document.addEventListener("htmx:error", ({ detail }) => { if (detail.ctx) failed(); });
  /* A form in a dialog is done once its answer stands in the page; a refusal is a notice, and leaves it open. */
  document.addEventListener("htmx:after:swap", ({ detail }) => {
    const form = detail.ctx?.sourceElement?.closest("form[data-closes]");
    if (form && !detail.ctx.response?.raw.headers.has("hx-retarget")) {
      form.closest("dialog").close();
      form.reset();
    }
    if (one("dialog[open]")) place_notices();
    for (const notice of all("#notices > .notice:not([data-tended])")) {
      notice.dataset.tended = "yes";
      tend(notice);
    }
    make_below(document);
  });

  const language = document.documentElement.lang;
  return { one, all, ask, widget, failed, language };
})();
