// The page does three things beyond its HTML: it reads parts again when something happens, asks the API
// what its buttons and forms say, and logs in.  No other code is loaded, and none stands in the HTML.

const csrf = document.querySelector("meta[name=csrf]").content;
const said = document.getElementById("said");

// A part of a page that is read again when something of its kinds is not as it was.
class LivePart extends HTMLElement {
  connectedCallback() {
    this.dataset.kinds.split(" ").forEach((kind) => interested(kind, this));
  }

  soon() {
    this.timer ??= setTimeout(() => this.read(), 50);
  }

  async read() {
    this.timer = undefined;
    if (!this.mine && this.querySelector("[data-dirty], input:focus, select:focus")) return setTimeout(() => this.soon(), 1000); // somebody is writing in it
    const answer = await fetch(this.dataset.path, { headers: { "Accept-Language": document.documentElement.lang } });
    if (answer.redirected) location.href = "/login";
    if (!answer.ok || answer.redirected) return;
    const focused = this.contains(document.activeElement) ? document.activeElement.dataset.path : undefined;
    const html = await answer.text();
    this.mine = false;
    if (html === this.html) return; // nobody loses what they are about to press
    this.html = html;
    // The service has escaped all text; what it sends is markup of its own.
    this.innerHTML = html;
    if (focused) this.querySelector(`[data-path="${CSS.escape(focused)}"]`)?.focus();
  }
}

// How long something has lasted that goes on: it counts on by itself.
class TimeSince extends HTMLElement {
  connectedCallback() {
    this.began = Date.now() - Number(this.dataset.seconds) * 1000;
    this.timer = setInterval(() => this.show(), 1000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  show() {
    const seconds = Math.round((Date.now() - this.began) / 1000);
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const two = (number) => String(number).padStart(2, "0");
    this.textContent = hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  }
}

const parts = new Map();

function interested(kind, part) {
  if (!parts.has(kind)) parts.set(kind, new Set());
  parts.get(kind).add(part);
}

function listen() {
  if (!parts.size) return;
  const everything = () => new Set([...parts.values()].flatMap((some) => [...some])).forEach((part) => part.soon());
  const extension = document.querySelector("live-part").dataset.extension;
  const events = new EventSource(`/pulse${extension ? `?extension=${encodeURIComponent(extension)}` : ""}`);
  events.addEventListener("hello", everything);
  events.addEventListener("changed", (event) => {
    event.data.split(" ").forEach((kind) => parts.get(kind)?.forEach((part) => part.soon()));
  });
}

function tell(text, well) {
  said.className = well ? "well" : "";
  said.textContent = text;
  if (well) setTimeout(() => said.textContent === text && (said.textContent = ""), 4000);
}

async function ask(method, path, value) {
  tell("");
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: method === "DELETE" ? undefined : JSON.stringify(value ?? {}),
  });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  if (found.problems?.length) throw new Error(found.problems.join("\n"));
  return found;
}

async function act(element, value) {
  element.setAttribute("aria-busy", "true");
  try {
    await ask(element.dataset.method, element.dataset.path, value);
    const part = element.closest("live-part");
    if (element.dataset.then) location.href = element.dataset.then;
    else if (element.dataset.done) tell(element.dataset.done, true);
    delete element.dataset.dirty;
    if (element.dataset.then || element.dataset.done) return;
    if (part) {
      part.mine = true; // what was changed here is shown, wherever the focus is
      part.soon();
    } else location.reload();
  } catch (error) {
    tell(error.message);
  } finally {
    element.removeAttribute("aria-busy");
  }
}

async function copy(button) {
  const answer = await fetch(button.dataset.copy);
  await navigator.clipboard.writeText(await answer.text());
  tell("✓", true);
}

function valueOf(field) {
  if (field.type === "checkbox") return field.checked;
  if (field.type === "number") return field.value === "" ? null : Number(field.value);
  if (field.dataset.kind === "list") return field.value.split(",").map((one) => one.trim()).filter(Boolean);
  return field.value;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-path], button[data-copy]");
  if (button?.dataset.copy) copy(button);
  else if (button) act(button);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.path) {
    // A search: its words go into the address, where they can be bookmarked.
    event.preventDefault();
    const words = [...new FormData(form)].filter(([, value]) => value);
    location.href = `${form.getAttribute("action")}?${new URLSearchParams(words)}`;
    return;
  }
  event.preventDefault();
  act(form, Object.fromEntries([...form.elements].filter((one) => one.name).map((one) => [one.name, valueOf(one)])));
});

// A setting can be saved when it was changed; a box that is ticked is saved at once.
document.addEventListener("input", (event) => {
  const form = event.target.closest(".setting");
  if (!form) return;
  form.dataset.dirty = "";
  if (event.target.type === "checkbox") form.requestSubmit();
});

customElements.define("time-since", TimeSince);
customElements.define("live-part", LivePart);
listen();

const link = location.pathname === "/login" ? location.hash.slice(1) : "";
if (link) {
  history.replaceState(null, "", "/login");
  ask("POST", "/login", { link }).then(() => (location.href = "/")).catch((error) => tell(error.message));
}
