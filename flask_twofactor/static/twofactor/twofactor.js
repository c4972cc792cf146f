// The niceties of pages that work without them. What this acts on has a data-tf-* attribute
// (docs/how-to/script.md); what works only with it is hidden until it comes.

const CHOICE = "twofactor-send";
const GUARD_MS = 4000;

// As the server reads a code: any decimal digits; spaces, hyphens and zero-width marks do not count.
const isCode = (text) => /^\p{Nd}{6}$/u.test(text.replace(/[\s\-\xad\u200b-\u200d\u2010-\u2014\u2060\u2212]/g, ""));

// A browser may refuse to keep anything: the choice holds for one page then.
const kept = (ask) => {
  try {
    return ask(localStorage);
  } catch {
    return null;
  }
};

// A code box that sends itself. Only its own input does it: a password given afterwards may be half of one.
function send(box) {
  const field = document.getElementById(box.dataset.tfSend);
  const form = field?.form;
  if (!form?.requestSubmit) return;
  const [choice, said] = box.querySelectorAll("input, [aria-live]");
  const hints = field.getAttribute("aria-describedby") ?? "";
  let before = field.value;
  let sent = false;

  const describe = () => field.setAttribute("aria-describedby", hints + (choice.checked ? ` ${choice.id}-text` : ""));
  const consider = (event) => {
    if (!choice.checked || sent || event.isComposing || event.inputType?.startsWith("delete")) return;
    if (field.value === before || !isCode(field.value) || !form.checkValidity()) return;
    before = field.value;
    said.textContent = box.dataset.tfSending;
    form.requestSubmit();
    sent = true; // Enter, out of habit, would use the code a second time
    setTimeout(() => {
      sent = false;
      said.textContent = "";
    }, GUARD_MS);
  };

  field.addEventListener("input", consider);
  field.addEventListener("compositionend", consider);
  form.addEventListener("submit", (event) => sent && event.preventDefault());
  addEventListener("pageshow", () => (before = field.value)); // what the browser put back was sent once
  choice.checked = kept((store) => store.getItem(CHOICE)) !== "off";
  choice.addEventListener("change", () => {
    kept((store) => store.setItem(CHOICE, choice.checked ? "on" : "off"));
    describe();
  });
  describe();
  box.hidden = false;
}

// The items of a list, one a line; any other text without its spaces.
function textOf(source) {
  const items = [...source.querySelectorAll("li")].map((item) => item.textContent.trim());
  return items.join("\n") || source.textContent.replace(/\s/g, "");
}

// Buttons beside something to keep.
function tools(box) {
  const source = document.getElementById(box.dataset.tfTools);
  const said = box.querySelector("[aria-live]");
  box.querySelector("[data-tf-copy]")?.addEventListener("click", async () => {
    said.textContent = "";
    try {
      await navigator.clipboard.writeText(textOf(source)); // there is no clipboard without TLS
      said.textContent = box.dataset.tfCopied;
    } catch {
      getSelection().selectAllChildren(source);
      said.textContent = box.dataset.tfSelected;
    }
  });
  box.querySelector("[data-tf-print]")?.addEventListener("click", () => print());
  box.hidden = false;
}

// The time until the next attempt. Screen readers read a timer out where they are asked to, and the end by itself.
function countDown(line) {
  const end = Date.now() + line.dataset.tfCountdown * 1000;
  const [clock, said] = line.querySelectorAll("[role=timer], [aria-live]");
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    const [hours, ...rest] = [left / 3600, (left / 60) % 60, left % 60].map(Math.floor);
    const shown = hours ? [hours, ...rest] : rest;
    clock.textContent = shown.map((part, place) => String(part).padStart(place ? 2 : 1, "0")).join(":");
    if (left) return;
    clearInterval(timer);
    clock.hidden = true;
    said.textContent = line.dataset.tfOver;
  };
  const timer = setInterval(tick, 1000);
  tick();
  line.hidden = false;
}

for (const [name, start] of Object.entries({ send, tools, countdown: countDown })) {
  document.querySelectorAll(`[data-tf-${name}]`).forEach(start);
}
